"""The script in docs/deploy.md, run as a reader would run it: PyAirbyte and DuckDB against the sandbox."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import StartSandbox
from sandbox import Sandbox
from unit_tests.markdown import code_blocks

ROOT = Path(__file__).parents[1]
DEMO_PYTHON = ROOT / ".venv-demo" / "bin" / "python"
QUERY = """
import duckdb, json, sys
with duckdb.connect("tiktok.duckdb") as database:
    rows = database.sql(f"select id from {sys.argv[1]}.videos order by id").fetchall()
print(json.dumps([row[0] for row in rows]))
"""


def python_with_pyairbyte() -> str:
    if importlib.util.find_spec("airbyte"):
        return sys.executable
    if DEMO_PYTHON.exists():
        return str(DEMO_PYTHON)
    pytest.skip("PyAirbyte is not installed: `make demo` installs it. unit_tests/test_docs.py compiles the script.")


def run(sandbox: Sandbox, folder: Path, *args: str) -> str:
    (folder / "tmp").mkdir(exist_ok=True)
    ours = {
        "TIKTOK_API_BASE_URL": sandbox.base_url,
        "NO_PROXY": "127.0.0.1",
        "DO_NOT_TRACK": "1",
        "AIRBYTE_OFFLINE_MODE": "1",
        "NO_LIVE_PROGRESS": "1",
        **dict.fromkeys(("AIRBYTE_TEMP_DIR", "AIRBYTE_PROJECT_DIR", "AIRBYTE_LOGGING_ROOT"), str(folder / "tmp")),
    }
    command = [python_with_pyairbyte(), *args]
    process = subprocess.run(
        command, cwd=folder, env={**os.environ, **ours}, capture_output=True, text=True, timeout=120
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def token(path: Path) -> Any:
    return json.loads(path.read_text())["credentials"]["refresh_token"]


def test_script_of_the_docs_syncs_two_accounts(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """The second run needs the token that the first one stored, and reads incrementally."""
    python_with_pyairbyte()
    sandbox = start_sandbox(accounts=2, videos=60, years=1)
    (tmp_path / "accounts").mkdir()
    paths = [tmp_path / "accounts" / f"brand-{n}.json" for n in range(2)]
    for path, account in zip(paths, sandbox.accounts, strict=True):
        path.write_text(json.dumps(sandbox.config(account=account)))
    issued = [token(path) for path in paths]
    (tmp_path / "sync.py").write_text(code_blocks(ROOT / "docs" / "deploy.md", "python")[0])

    run(sandbox, tmp_path, "sync.py")
    issued += [token(path) for path in paths]
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o600, 0o600]

    again, other = paths
    other.rename(other.with_suffix(".done"))
    expired = json.loads(again.read_text())
    expired["credentials"]["token_expiry_date"] = "2020-01-01T00:00:00Z"
    again.write_text(json.dumps(expired))
    first = len(sandbox.requests_to("/v2/video/list/"))
    run(sandbox, tmp_path, "sync.py")
    issued.append(token(again))

    assert len(set(issued)) == len(issued) == 5
    assert len(sandbox.requests_to("/v2/video/list/")) - first < first / 2
    for path, account in zip(paths, sandbox.accounts, strict=True):
        landed = json.loads(run(sandbox, tmp_path, "-c", QUERY, path.stem.replace("-", "_")))
        assert landed == sorted(video["id"] for video in account.videos)
