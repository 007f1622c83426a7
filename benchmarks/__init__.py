"""Compares the connector with its alternatives: `make bench`, which writes RESULTS.md."""
