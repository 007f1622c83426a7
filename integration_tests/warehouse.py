"""A warehouse as Airbyte fills it, with dbt's models in it; what needs a database or dbt runs in .venv-demo."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

Row = dict[str, Any]
ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-demo" / "bin" / "python"
POSTGRES = Path("/usr/lib/postgresql")

# As Airbyte's destinations make them; PyAirbyte's differ in the time's type, which the tests of `make sync` cover.
META = "_airbyte_raw_id varchar, _airbyte_extracted_at timestamptz, _airbyte_meta json"
TABLES = f"""
create schema if not exists {{schema}};
create table if not exists {{schema}}.user_info (
    open_id varchar, username varchar, display_name varchar, follower_count bigint, following_count bigint,
    likes_count bigint, video_count bigint, {META}
);
create table if not exists {{schema}}.videos (
    id varchar, open_id varchar, create_time bigint, share_url varchar, video_description varchar, title varchar,
    duration bigint, like_count bigint, comment_count bigint, share_count bigint, view_count bigint, {META}
);
"""
CLIENT = """
import json, sys
from sqlalchemy import create_engine, text
with create_engine(sys.argv[1]).begin() as connection:
    for statement in json.load(sys.stdin):
        sql, rows = statement if isinstance(statement, list) else (statement, None)
        result = connection.execute(text(sql), {"rows": json.dumps(rows)} if rows else {})
        rows = [dict(row._mapping) for row in result] if result.returns_rows else []
print(json.dumps(rows, default=str))
"""


@dataclass(frozen=True)
class Warehouse:
    """A database in the folder of a test.

    Attributes:
        url: as `make sync --to` takes it.
        sqlalchemy: the same for SQLAlchemy.
        env: where dbt finds it.
        schema: where Airbyte's tables are, and the models.
    """

    folder: Path
    url: str
    sqlalchemy: str
    env: dict[str, str]
    schema: str

    def run(self, *statements: Any) -> list[Row]:
        """Run statements, a pair being one with its parameter `rows`; the last one's rows, dates and times as text."""
        command = [PYTHON, "-c", CLIENT, self.sqlalchemy]
        process = subprocess.run(command, input=json.dumps(statements), capture_output=True, text=True, timeout=300)
        assert process.returncode == 0, process.stderr
        rows: list[Row] = json.loads(process.stdout.splitlines()[-1])  # DuckDB may draw a progress bar above
        return rows

    def rows(self, table: str, columns: str = "*") -> list[Row]:
        """Rows of a table in the schema of the tests."""
        return self.run(f"select {columns} from {self.schema}.{table}")

    def fill(self, **tables: Iterable[Row]) -> None:
        """Fill the tables with these rows, as Airbyte writes them; columns that a table does not have are dropped."""
        statements: list[Any] = TABLES.format(schema=self.schema).strip().rstrip(";").split(";")
        for table, rows in tables.items():
            statements += [f"delete from {self.schema}.{table}", self._insert(table, list(rows))]
        self.run(*statements)

    def _insert(self, table: str, rows: list[Row]) -> Any:
        insert = f"insert into {self.schema}.{table} select * from"
        if not self.sqlalchemy.startswith("duckdb"):
            return [f"{insert} json_populate_recordset(null::{self.schema}.{table}, cast(:rows as json))", rows]
        path = self.folder / f"{table}.json"
        path.write_text(json.dumps(rows))
        columns = TABLES.split(f"{{schema}}.{table} (")[1].split(");")[0].split(",")
        kinds = ", ".join("{}: '{}'".format(*column.split()) for column in columns)
        return f"{insert} read_json('{path}', columns = {{{kinds}}})"

    def build(self, *args: str, may_warn: bool = False) -> str:
        """Run `dbt build`, with warnings as errors unless `may_warn`, and return its output."""
        process = self.dbt(*["--warn-error"] * (not may_warn), "build", *args)
        assert process.returncode == 0, (process.stdout + process.stderr)[-5000:]
        return process.stdout

    def dbt(self, *args: str, project: Path = ROOT / "examples" / "dbt") -> subprocess.CompletedProcess[str]:
        """Run dbt in the package, or in another project."""
        places = {"DBT_TARGET_PATH": str(self.folder / "target"), "DBT_LOG_PATH": str(self.folder / "logs")}
        env = {**os.environ, **self.env, **places, "DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        command = [PYTHON.with_name("dbt"), "--no-use-colors", *args, "--profiles-dir", "."]
        return subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, timeout=600)


def duckdb(folder: Path) -> Warehouse:
    """A DuckDB file."""
    path = folder / "tiktok.duckdb"
    return Warehouse(
        folder, str(path), f"duckdb:///{path}", {"TIKTOK_TARGET": "duckdb", "TIKTOK_DUCKDB": str(path)}, "main"
    )


@contextmanager
def postgres_server(certificate: Path | None = None) -> Iterator[int]:
    """A new Postgres server that trusts every connection on 127.0.0.1, and its port.

    Args:
        certificate: a folder with `server.crt` and `server.key`: the server then offers TLS.
    """
    programs = max(POSTGRES.glob("*/bin"), default=None)
    if programs is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Postgres is not installed (apt install postgresql).")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Postgres refuses to run as root, and its user cannot read the folders of the tests.
    as_root = os.geteuid() == 0
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if as_root else []
    with tempfile.TemporaryDirectory(prefix="postgres-") as place:
        folder = Path(place)
        if as_root:
            shutil.chown(folder, "postgres")
        settings = ["fsync=off"]
        if certificate:
            for name in ("server.crt", "server.key"):
                shutil.copy(certificate / name, folder)
                (folder / name).chmod(0o600)  # Postgres refuses a key that others may read
                if as_root:
                    shutil.chown(folder / name, "postgres")
            settings += ["ssl=on", f"ssl_cert_file={folder}/server.crt", f"ssl_key_file={folder}/server.key"]
        with _served(user, programs, folder, port, settings):
            yield port


@contextmanager
def _served(user: list[str], programs: Path, folder: Path, port: int, settings: list[str]) -> Iterator[None]:
    data = folder / "data"
    options = " ".join([f"-h 127.0.0.1 -p {port} -k {folder}", *(f"-c {setting}" for setting in settings)])
    subprocess.run([*user, programs / "initdb", "-D", data, "-U", "postgres"], check=True, capture_output=True)
    control = [*user, programs / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], check=True, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)


def postgres(folder: Path, port: int) -> Warehouse:
    """A new database of a running Postgres."""
    name = f"tiktok_{folder.name.replace('-', '_')}".lower()[:60]
    host = f"postgres@127.0.0.1:{port}"
    command = [max(POSTGRES.glob("*/bin")) / "createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", name]
    subprocess.run(command, check=True)
    env = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "postgres", "PGDATABASE": name, "PGPASSWORD": ""}
    url, for_sqlalchemy = f"postgres://{host}/{name}", f"postgresql+psycopg2://{host}/{name}"
    return Warehouse(folder, url, for_sqlalchemy, {"TIKTOK_TARGET": "postgres", **env}, "tiktok")
