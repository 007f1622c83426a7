"""The destination: a DuckDB file or a Postgres database."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from examples.sync import UsageError

if TYPE_CHECKING:
    from airbyte.caches import CacheBase

    from examples.sync.state import StateStore

Row = dict[str, Any]
POSTGRES_PORT = 5432
# libpq options with an environment variable, which PyAirbyte, dbt and our own queries all use.
LIBPQ = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
    "channel_binding": "PGCHANNELBINDING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "application_name": "PGAPPNAME",
    "options": "PGOPTIONS",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
SYSTEM = "system"  # as sslrootcert: the system's trusted certificates, not a file
# Successful syncs: the model of gone videos needs them, and the next sync continues from their state. They are stored
# beside the data, so that a state never outlives its rows.
CREATE_SYNCS = """
create table if not exists {schema}.tiktok_syncs (
    sign_in varchar, open_id varchar, reading_id varchar, started_at timestamp, finished_at timestamp,
    covers_from bigint, state varchar
)
"""
# The state of a stopped sync, for the next one to continue from. Its rows were written, but it isn't a reading.
CREATE_STOPPED = """
create table if not exists {schema}.tiktok_stopped (sign_in varchar, stopped_at timestamp, state varchar)
"""


@dataclass(frozen=True)
class Warehouse:
    """A database that may not exist yet.

    Attributes:
        name: display name.
        url: for SQLAlchemy.
        schema: of all tables.
        dbt: environment variables with which dbt connects.
        picture: path of the chart: beside a DuckDB file, else in the working directory.
        libpq: connection options, by their libpq variables.
    """

    name: str
    url: str
    schema: str
    dbt: dict[str, str]
    picture: Path
    libpq: dict[str, str] = field(default_factory=dict)

    def cache(self, store: StateStore, work: Path) -> CacheBase:
        """PyAirbyte's cache for the database, with its state in `store`; `work` is for temporary files."""
        from airbyte.caches import DuckDBCache, PostgresCache

        from examples.sync.state import with_state

        if "TIKTOK_DUCKDB" in self.dbt:
            duckdb = with_state(DuckDBCache, store)
            return duckdb(db_path=self.dbt["TIKTOK_DUCKDB"], schema_name=self.schema, cache_dir=work)
        os.environ.update(self.libpq)  # PyAirbyte has no arguments for them
        return with_state(PostgresCache, store)(
            host=self.dbt["PGHOST"],
            port=int(self.dbt["PGPORT"]),
            # PyAirbyte inserts them into a URL without quoting.
            username=quote(self.dbt["PGUSER"], safe=""),
            password=quote(self.dbt["PGPASSWORD"], safe=""),
            database=self.dbt["PGDATABASE"],
            schema_name=self.schema,
            cache_dir=work,
        )

    def run(self, sql: str, **values: Any) -> list[Row]:
        """Run a statement, with `{schema}` replaced by the schema; returns its rows."""
        from sqlalchemy import create_engine, text

        os.environ.update(self.libpq)
        engine = create_engine(self.url)
        try:
            with engine.begin() as connection:
                result = connection.execute(text(sql.replace("{schema}", self.schema)), values)
                return [dict(row._mapping) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()  # releases DuckDB's file for dbt

    def rows_by_account(self, table: str) -> dict[str, int]:
        """The number of rows by account in a table; empty if the table does not exist."""
        exists = "select 1 from information_schema.tables where table_schema = :schema and table_name = :name"
        if not self.run(exists, schema=self.schema, name=table):
            return {}
        counted = self.run(f"select open_id, count(*) as number from {{schema}}.{table} group by open_id")
        return {row["open_id"]: row["number"] for row in counted}


def warehouse_at(place: str) -> Warehouse:
    """DuckDB for a path, Postgres for `postgres://user:password@host:port/database`; PGPASSWORD can be the password.

    libpq options may follow: `?sslmode=verify-full`.

    Raises:
        UsageError: for any other address, or an unknown option.
    """
    return _postgres(place) if "://" in place else _duckdb(place)


def _duckdb(place: str) -> Warehouse:
    path = str(Path(place).resolve())
    # Not `tiktok`: a schema named like the file would be ambiguous in DuckDB.
    env = {"TIKTOK_TARGET": "duckdb", "TIKTOK_DUCKDB": path}
    return Warehouse(place, f"duckdb:///{path}", "main", env, Path(f"{place}.svg"))


def _postgres(place: str) -> Warehouse:
    parts = urlsplit(place)
    database = parts.path.strip("/")
    host = parts.hostname
    try:
        port = parts.port or POSTGRES_PORT
    except ValueError as error:
        raise UsageError(f"--to has an invalid port: {error}.") from None
    if parts.scheme not in ("postgres", "postgresql") or not (host and database):
        raise UsageError("--to takes the path of a DuckDB file, or postgres://user:password@host:port/database.")
    user = unquote(parts.username or "") or "postgres"
    password = unquote(parts.password or "") or os.environ.get("PGPASSWORD", "")
    libpq = _libpq(parts.query)
    address = {"PGHOST": host, "PGPORT": str(port), "PGDATABASE": database, "PGUSER": user, "PGPASSWORD": password}
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return Warehouse(
        f"{database} on {host}",
        f"postgresql+psycopg2://{login}@{host}:{port}/{database}",
        "tiktok",
        {"TIKTOK_TARGET": "postgres", **address, **libpq},
        Path(f"{database}.{host}{'' if port == POSTGRES_PORT else f'.{port}'}.postgres.svg"),
        libpq,
    )


def _libpq(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := [name for name in options if name not in LIBPQ]:
        raise UsageError(f"--to has the unknown option {unknown[0]}. Known options: {', '.join(LIBPQ)}.")
    return {LIBPQ[name]: _absolute(name, value) for name, value in options.items()}


def _absolute(name: str, value: str) -> str:
    """An option's value, with absolute paths, because dbt runs in another folder."""
    is_path = name in FILES and value and value != SYSTEM
    return str(Path(value).resolve()) if is_path else value
