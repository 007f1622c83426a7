"""The models for BigQuery and Snowflake: compiled by dbt's adapters for them, and run on DuckDB by sqlglot.

    python integration_tests/other_warehouses.py bigquery|snowflake <file.duckdb>

Neither warehouse is available here. The file has Airbyte's tables and the models that dbt has built for DuckDB, both in
`main`. The script prints which models differ when they are built from the SQL of the other warehouse instead.
sqlglot translates that SQL to DuckDB; this cannot find its mistakes.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from dbt.cli.main import dbtRunner

PACKAGE = Path(__file__).parents[1] / "examples" / "dbt"
LOGIN = {
    "bigquery": {"method": "oauth-secrets", "token": "none", "project": "tiktok", "dataset": "other"},
    "snowflake": {"account": "none", "user": "none", "password": "none", "database": "tiktok", "schema": "other"},
}


def main(dialect: str, path: str) -> int:
    """Print the names of the models that differ, as JSON."""
    models = compiled(dialect, columns_at(path))
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as tiktok; set timezone = 'UTC'; begin")
        connection.execute("create schema tiktok.other; use tiktok.other")
        for name, sql in models.items():
            connection.execute(f"create table {name} as {translated(sql, dialect)}")
        differing = [name for name in models if rows(connection, "main", name) != rows(connection, "other", name)]
        connection.rollback()
    print(json.dumps({"models": list(models), "differing": differing}))  # noqa: T201
    return 0


def columns_at(path: str) -> dict[str, list[str]]:
    """The columns of each table in the file."""
    columns: dict[str, list[str]] = {}
    with duckdb.connect(path, read_only=True) as connection:
        for table, column in connection.execute(
            "select table_name, column_name from information_schema.columns"
        ).fetchall():
            columns.setdefault(table, []).append(column)
    return columns


def compiled(dialect: str, columns: dict[str, list[str]]) -> dict[str, str]:
    """The SQL of each model, in the order of their dependencies."""
    adapter = importlib.import_module(f"dbt.adapters.{dialect}").Plugin.adapter
    # They would query the warehouse.
    adapter.get_relation = lambda self, database, schema, identifier: (
        self.Relation.create(database=database, schema=schema, identifier=identifier) if identifier in columns else None
    )
    adapter.get_columns_in_relation = lambda self, relation: [
        self.Column(name.upper() if dialect == "snowflake" else name, "string") for name in columns[relation.identifier]
    ]
    with tempfile.TemporaryDirectory() as folder:
        profile = {"type": dialect, "threads": 1, **LOGIN[dialect]}
        profiles = {"tiktok_organic": {"target": dialect, "outputs": {dialect: profile}}}
        Path(folder, "profiles.yml").write_text(json.dumps(profiles))
        os.environ.update({"DBT_TARGET_PATH": f"{folder}/target", "DBT_LOG_PATH": folder, "DO_NOT_TRACK": "1"})
        options = ["--project-dir", str(PACKAGE), "--profiles-dir", folder, "--vars", "tiktok_organic_schema: main"]
        done = dbtRunner().invoke(["--quiet", "compile", "--no-introspect", "--no-populate-cache", *options])
    if done.exception or not done.success:
        raise SystemExit(f"dbt could not compile for {dialect}: {done.exception or done.result}")
    return {r.node.name: r.node.compiled_code for r in done.result if r.node.resource_type == "model"}


def translated(sql: str, dialect: str) -> str:
    """The same query in DuckDB's dialect."""
    tree = sqlglot.parse_one(sql, read=dialect)
    for call in tree.find_all(sqlglot.exp.RegexpExtractAll):
        # Both return what the group in the pattern matched; sqlglot omits the argument that DuckDB needs for it.
        call.set("group", sqlglot.exp.Literal.number(1))
    for kind in tree.find_all(sqlglot.exp.DataType):
        if dialect == "bigquery" and kind.is_type("decimal") and not kind.expressions:
            # DuckDB's own has three decimals, BigQuery's NUMERIC nine.
            kind.replace(sqlglot.exp.DataType.build("decimal(38, 9)"))
    return tree.sql(dialect="duckdb")


def rows(connection: Any, schema: str, name: str) -> list[str]:
    """A model's rows as text, sorted; decimals without the trailing zeros of a warehouse's type."""
    found = connection.execute(f"select * from tiktok.{schema}.{name}").fetchall()
    return sorted(str([float(value) if isinstance(value, Decimal) else value for value in row]) for row in found)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
