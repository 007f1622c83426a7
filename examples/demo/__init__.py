"""`make demo`: `make sync` on 28 days of a generated account."""
