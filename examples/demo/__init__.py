"""What `make demo` runs: `make sync`, on 28 days in the life of a made-up account."""
