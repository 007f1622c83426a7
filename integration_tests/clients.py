"""Runs third-party programs, each in its own virtual environment, and compares what they wrote."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from integration_tests.postgres import DATABASE, PASSWORD, USER
from sandbox import Sandbox

ROOT = Path(__file__).parents[1]
CLIENTS = ROOT / ".venv-clients"
PYAIRBYTE = CLIENTS / "pyairbyte" / "bin" / "python"
COLUMNS = ("id", "open_id", "create_time", "title", "share_url", "duration", "like_count", "view_count")
DAY_S = 86_400


def run(sandbox: Sandbox, folder: Path, *command: str | Path, **environment: str) -> str:
    """Run a program in a folder; it must succeed. Returns its stdout."""
    finished = finish(sandbox, folder, *command, **environment)
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-6000:]
    return finished.stdout


def finish(
    sandbox: Sandbox, folder: Path, *command: str | Path, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a program in a folder until it exits."""
    env = {**variables(sandbox, folder), **environment}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False)


def config_of(sandbox: Sandbox, account: Any = None) -> dict[str, Any]:
    """A config for programs that validate it against the spec, which requires an access token.

    It is empty, so that each day needs a refresh.
    """
    config = sandbox.config(account=account)
    config["credentials"].setdefault("access_token", "")
    return config


def variables(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """The environment of a program, which must use the sandbox and nothing else."""
    (folder / "tmp").mkdir(mode=0o700, exist_ok=True)
    path = f"{PYAIRBYTE.parent}{os.pathsep}{os.environ['PATH']}"
    ours = {
        "PATH": path,
        "TIKTOK_API_BASE_URL": sandbox.base_url,
        "NO_PROXY": "127.0.0.1",
        "DO_NOT_TRACK": "1",
        "AIRBYTE_OFFLINE_MODE": "1",
        "NO_LIVE_PROGRESS": "1",
        **dict.fromkeys(("AIRBYTE_TEMP_DIR", "AIRBYTE_PROJECT_DIR", "AIRBYTE_LOGGING_ROOT"), str(folder / "tmp")),
    }
    return {**os.environ, **ours}


def advance_a_day(sandbox: Sandbox) -> None:
    """Advance to the next day: each account has one more video, and the previous one more likes."""
    sandbox.advance(DAY_S)
    for account in sandbox.accounts:
        liked = account.videos[0]
        account.change(liked["id"], like_count=liked["like_count"] + 7)
        account.post()


def rows(records: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """The compared columns of the videos, in the order of their ids."""
    return sorted([record[column] for column in COLUMNS] for record in records)


def true_rows(sandbox: Sandbox, account: Any = None) -> list[list[Any]]:
    """The same rows of the account as it is now."""
    account = account or sandbox.account
    return rows([{**video, "open_id": account.user["open_id"]} for video in account.videos])


def duckdb_rows(sandbox: Sandbox, folder: Path, schema: str, python: Path = PYAIRBYTE) -> list[list[Any]]:
    """The same rows of the one DuckDB database in a folder or below it."""
    query = (
        "import duckdb, json, sys\n"
        "with duckdb.connect(sys.argv[1], read_only=True) as database:\n"
        "    print(json.dumps(database.sql(sys.argv[2]).fetchall()))"
    )
    select = f"select {', '.join(COLUMNS)} from {schema}.videos"
    (database,) = folder.rglob("*.duckdb")
    return sorted(json.loads(run(sandbox, folder, python, "-c", query, database, select)))


def postgres_rows(sandbox: Sandbox, folder: Path, port: int, schema: str) -> list[list[Any]]:
    """The same rows of a table in PostgreSQL."""
    query = (
        "import json, sqlalchemy, sys\n"
        "with sqlalchemy.create_engine(sys.argv[1]).connect() as database:\n"
        "    print(json.dumps([list(row) for row in database.execute(sqlalchemy.text(sys.argv[2]))]))"
    )
    url = f"postgresql+psycopg2://{USER}:{PASSWORD}@localhost:{port}/{DATABASE}"
    select = f"select {', '.join(COLUMNS)} from {schema}.videos"
    return sorted(json.loads(run(sandbox, folder, PYAIRBYTE, "-c", query, url, select)))
