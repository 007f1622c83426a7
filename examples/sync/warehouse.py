"""Where the rows go: a DuckDB file, or a Postgres database."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from examples.sync import UsageError

if TYPE_CHECKING:
    from airbyte.caches import CacheBase

    from examples.sync.state import Memory

Row = dict[str, Any]
POSTGRES_PORT = 5432
# What libpq knows by a variable as well, which reaches PyAirbyte, dbt and our own queries alike.
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
SYSTEM = "system"  # as sslrootcert: the certificates that the system trusts, not a file
# Which syncs ended well: what the model of gone videos rests on, and where the next sync goes on. Beside the data, so
# that a state never outlives the rows that it stands for.
SYNCS = """
create table if not exists {schema}.tiktok_syncs (
    sign_in varchar, open_id varchar, reading_id varchar, started_at timestamp, finished_at timestamp,
    covers_from bigint, state varchar
)
"""
# Where a sync was stopped: the next one continues there. Its rows have landed, but it is no reading.
STOPPED = """
create table if not exists {schema}.tiktok_stopped (sign_in varchar, stopped_at timestamp, state varchar)
"""


@dataclass(frozen=True)
class Warehouse:
    """A database that may not be there yet.

    Attributes:
        name: for people.
        url: for SQLAlchemy.
        schema: of all tables.
        dbt: the environment that leads dbt there.
        picture: where a picture of it goes: beside a file, else here.
        libpq: options of the connection, by the variables that libpq takes them from.
    """

    name: str
    url: str
    schema: str
    dbt: dict[str, str]
    picture: Path
    libpq: dict[str, str] = field(default_factory=dict)

    def cache(self, memory: Memory, work: Path) -> CacheBase:
        """The database as PyAirbyte takes it, with its state in `memory`; `work` is for temporary files."""
        from airbyte.caches import DuckDBCache, PostgresCache

        from examples.sync.state import with_memory

        if "TIKTOK_DUCKDB" in self.dbt:
            duckdb = with_memory(DuckDBCache, memory)
            return duckdb(db_path=self.dbt["TIKTOK_DUCKDB"], schema_name=self.schema, cache_dir=work)
        os.environ.update(self.libpq)  # PyAirbyte has no argument for them
        return with_memory(PostgresCache, memory)(
            host=self.dbt["PGHOST"],
            port=int(self.dbt["PGPORT"]),
            # PyAirbyte puts them into an address as they are.
            username=quote(self.dbt["PGUSER"], safe=""),
            password=quote(self.dbt["PGPASSWORD"], safe=""),
            database=self.dbt["PGDATABASE"],
            schema_name=self.schema,
            cache_dir=work,
        )

    def run(self, sql: str, **values: Any) -> list[Row]:
        """Run a statement in which `{schema}` stands for the schema; the rows it gives."""
        from sqlalchemy import create_engine, text

        os.environ.update(self.libpq)
        engine = create_engine(self.url)
        try:
            with engine.begin() as connection:
                result = connection.execute(text(sql.replace("{schema}", self.schema)), values)
                return [dict(row._mapping) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()  # DuckDB's file is free for dbt

    def rows_by_account(self, table: str) -> dict[str, int]:
        """How many rows of a table each account has; none while there is no table."""
        there = "select 1 from information_schema.tables where table_schema = :schema and table_name = :name"
        if not self.run(there, schema=self.schema, name=table):
            return {}
        counted = self.run(f"select open_id, count(*) as number from {{schema}}.{table} group by open_id")
        return {row["open_id"]: row["number"] for row in counted}


def warehouse_at(place: str) -> Warehouse:
    """A path means DuckDB, `postgres://user:password@host:port/database` Postgres; PGPASSWORD stands in for a password.

    Options as libpq has them may follow: `?sslmode=verify-full`.

    Raises:
        UsageError: when it is another address, or has an option that would be ignored.
    """
    return _postgres(place) if "://" in place else _duckdb(place)


def _duckdb(place: str) -> Warehouse:
    path = str(Path(place).resolve())
    # Not `tiktok`: a schema with the name of the file would be ambiguous in DuckDB.
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
    return {LIBPQ[name]: _from_anywhere(name, value) for name, value in options.items()}


def _from_anywhere(name: str, value: str) -> str:
    """An option's value; dbt runs in a folder of its own, where the path of a file would lead elsewhere."""
    is_path = name in FILES and value and value != SYSTEM
    return str(Path(value).resolve()) if is_path else value
