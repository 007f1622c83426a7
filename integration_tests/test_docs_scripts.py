"""The scripts of docs/deploy.md and README.md, run as written for three days without a token store."""

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integration_tests import postgres
from integration_tests.clients import (
    PYAIRBYTE,
    ROOT,
    advance_a_day,
    config_of,
    duckdb_rows,
    postgres_rows,
    run,
    true_rows,
)
from integration_tests.conftest import StartSandbox
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.markdown import code_blocks

pytestmark = pytest.mark.clients

DUCKDB, POSTGRES, BIGQUERY = code_blocks(ROOT / "docs" / "deploy.md", "python")
(RECIPE,) = code_blocks(ROOT / "README.md", "python")
Landed = Callable[[str], list[list[Any]]]


def with_cache(script: str, other: str) -> str:
    """A script with the imports and the `cache_for` of another one instead of its own, as the page says."""
    ours, theirs = ([ast.get_source_segment(text, node) for node in ast.parse(text).body] for text in (script, other))
    (own,) = [part for part in ours if "def cache_for" in part]
    *imports, new = theirs
    return script.replace("from airbyte.caches import DuckDBCache", "\n".join(imports)).replace(own, new)


def token(path: Path) -> Any:
    return json.loads(path.read_text())["credentials"]["refresh_token"]


def run_three_days(sandbox: Sandbox, folder: Path, script: str, landed: Landed, **environment: str) -> None:
    """Each day the rows match TikTok; each account needs one refresh a day, and fewer pages than on the first day."""
    (folder / "accounts").mkdir()
    paths = [folder / "accounts" / f"brand-{n}.json" for n in range(len(sandbox.accounts))]
    for path, account in zip(paths, sandbox.accounts, strict=True):
        path.write_text(json.dumps(config_of(sandbox, account)))
    (folder / "sync.py").write_text(script)
    issued, pages = {token(path) for path in paths}, []
    for day in range(3):
        advance_a_day(sandbox) if day else None
        before = len(sandbox.requests_to(LIST))
        run(sandbox, folder, PYAIRBYTE, "sync.py", **environment)
        pages.append(len(sandbox.requests_to(LIST)) - before)
        issued |= {token(path) for path in paths}
        for path, account in zip(paths, sandbox.accounts, strict=True):
            assert landed(path.stem.replace("-", "_")) == true_rows(sandbox, account)
    assert len(issued) == 4 * len(paths)
    assert [request.status for request in sandbox.requests_to(TOKEN)] == [200] * 3 * len(paths)
    assert max(pages[1:]) < pages[0] / 2
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o600] * len(paths)


def test_duckdb_script_runs_three_days(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    sandbox = start_sandbox(accounts=2, videos=120, years=2)
    run_three_days(sandbox, tmp_path, DUCKDB, lambda schema: duckdb_rows(sandbox, tmp_path, schema))


def test_postgres_script_runs_three_days(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    sandbox = start_sandbox(accounts=2, videos=120, years=2)
    with postgres.postgres() as port:
        script = with_cache(DUCKDB, POSTGRES).replace("port=5432", f"port={port}")
        password = {"POSTGRES_PASSWORD": postgres.PASSWORD}
        landed = lambda schema: postgres_rows(sandbox, tmp_path, port, f"tiktok_{schema}")  # noqa: E731
        run_three_days(sandbox, tmp_path, script, landed, **password)


def test_readme_recipe_runs_three_days(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    sandbox = start_sandbox(videos=45, years=1)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "config.json").write_text(json.dumps(config_of(sandbox)))
    for day in range(3):
        advance_a_day(sandbox) if day else None
        run(sandbox, tmp_path, PYAIRBYTE, "-c", RECIPE)
        assert duckdb_rows(sandbox, tmp_path, "main") == true_rows(sandbox)
    assert [request.status for request in sandbox.requests_to(TOKEN)] == [200] * 3


def test_bigquery_script_matches_pyairbytes_arguments(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """BigQuery is not available here, so the script cannot be run."""
    calls = [node for node in ast.walk(ast.parse(BIGQUERY)) if isinstance(node, ast.Call)]
    (call,) = [call for call in calls if ast.unparse(call.func) == "BigQueryCache"]
    given = {keyword.arg for keyword in call.keywords}
    fields = "[n for name, field in BigQueryCache.model_fields.items() for n in (name, field.alias)]"
    command = f"import json; from airbyte.caches import BigQueryCache; print(json.dumps({fields}))"
    known = json.loads(run(start_sandbox(videos=1), tmp_path, PYAIRBYTE, "-c", command))
    assert given
    assert given <= set(known)
