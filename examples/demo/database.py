"""Reads the DuckDB file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb


def query(database: Path, sql: str) -> list[dict[str, Any]]:
    """The rows of a query, without the columns that PyAirbyte adds."""
    with duckdb.connect(str(database), read_only=True) as connection:
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description or []]
        rows = cursor.fetchall()
    return [{n: v for n, v in zip(names, row, strict=True) if not n.startswith("_airbyte")} for row in rows]
