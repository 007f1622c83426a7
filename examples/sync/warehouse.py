"""Where the rows go: a DuckDB file, or a Postgres database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from examples.sync import SyncError

if TYPE_CHECKING:
    from airbyte.caches import CacheBase

    from examples.sync.state import Memory

Row = dict[str, Any]
# Which syncs ended well: what the model of gone videos rests on, and where the next sync goes on. Beside the data, so
# that a state never outlives the rows that it stands for.
SYNCS = """
create table if not exists {schema}.tiktok_syncs (
    sign_in varchar, open_id varchar, reading_id varchar, started_at timestamp, finished_at timestamp,
    covers_from bigint, state varchar
)
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
    """

    name: str
    url: str
    schema: str
    dbt: dict[str, str]
    picture: Path = Path("tiktok.svg")

    def cache(self, memory: Memory, work: Path) -> CacheBase:
        """The database as PyAirbyte takes it, with its state in `memory`; `work` is for temporary files."""
        from airbyte.caches import DuckDBCache, PostgresCache

        from examples.sync.state import with_memory

        if "TIKTOK_DUCKDB" in self.dbt:
            duckdb = with_memory(DuckDBCache, memory)
            return duckdb(db_path=self.dbt["TIKTOK_DUCKDB"], schema_name=self.schema, cache_dir=work)
        return with_memory(PostgresCache, memory)(
            host=self.dbt["PGHOST"],
            port=int(self.dbt["PGPORT"]),
            username=self.dbt["PGUSER"],
            password=self.dbt["PGPASSWORD"],
            database=self.dbt["PGDATABASE"],
            schema_name=self.schema,
            cache_dir=work,
        )

    def run(self, sql: str, **values: Any) -> list[Row]:
        """Run a statement in which `{schema}` stands for the schema; the rows it gives."""
        from sqlalchemy import create_engine, text

        engine = create_engine(self.url)
        try:
            with engine.begin() as connection:
                result = connection.execute(text(sql.replace("{schema}", self.schema)), values)
                return [dict(row._mapping) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()  # DuckDB's file is free for dbt


def warehouse_at(place: str) -> Warehouse:
    """A path means DuckDB, `postgres://user:password@host:port/database` Postgres; PGPASSWORD stands in for a password.

    Raises:
        SyncError: when it is another address.
    """
    if "://" not in place:
        path = str(Path(place).resolve())
        # Not `tiktok`: a schema with the name of the file would be ambiguous in DuckDB.
        env = {"TIKTOK_TARGET": "duckdb", "TIKTOK_DUCKDB": path}
        return Warehouse(place, f"duckdb:///{path}", "main", env, Path(place).with_suffix(".svg"))
    parts = urlsplit(place)
    database = parts.path.strip("/")
    if parts.scheme not in ("postgres", "postgresql") or not (parts.hostname and database):
        raise SyncError("--to takes the path of a DuckDB file, or postgres://user:password@host:port/database.")
    user, password = (unquote(part or "") for part in (parts.username, parts.password))
    login = {"PGUSER": user or "postgres", "PGPASSWORD": password or os.environ.get("PGPASSWORD", "")}
    host, port = parts.hostname, parts.port or 5432
    env = {"TIKTOK_TARGET": "postgres", "PGHOST": host, "PGPORT": str(port), "PGDATABASE": database, **login}
    url = (
        f"postgresql+psycopg2://{quote(login['PGUSER'])}:{quote(login['PGPASSWORD'], safe='')}@{host}:{port}/{database}"
    )
    return Warehouse(f"{database} on {host}", url, "tiktok", env)
