"""What `make demo` runs: an account into DuckDB, read with PyAirbyte and the installed connector."""


class DemoError(Exception):
    """What a person has to know when the demo cannot go on: one sentence, without a traceback."""
