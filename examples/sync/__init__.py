"""What `make sync` runs: accounts into DuckDB or Postgres, every reading kept, and dbt's models over them."""


class SyncError(Exception):
    """What a person has to know when a sync cannot go on: one sentence, without a traceback."""


class UsageError(SyncError):
    """The command line is wrong."""
