"""`make sync`: reads accounts into DuckDB or Postgres, keeps every reading, and builds dbt models."""


class SyncError(Exception):
    """A failed sync; its message is one sentence for the user, shown without a traceback."""


class UsageError(SyncError):
    """The command line is invalid."""
