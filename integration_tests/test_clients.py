"""The programs of docs/clients.md, run with the page's own blocks for three days each: `make clients-test`.

They drop each CONNECTOR_CONFIG. With one unchanged config and a token store, each day needs one refresh.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integration_tests.clients import (
    CLIENTS,
    PYAIRBYTE,
    ROOT,
    advance_a_day,
    config_of,
    duckdb_rows,
    finish,
    rows,
    run,
    true_rows,
)
from integration_tests.conftest import StartSandbox
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH, VIDEO_LIST_PATH
from unit_tests.markdown import code_blocks

pytestmark = pytest.mark.clients

PAGE, DEPLOY = ROOT / "docs" / "clients.md", ROOT / "docs" / "deploy.md"
TITLES, DLT, READ, DAGSTER, PREFECT = code_blocks(PAGE, "python")
(CONNECTION,) = code_blocks(PAGE, "yaml")
(ABS,) = code_blocks(PAGE, "sh")
(TAP,) = code_blocks(DEPLOY, "py")
(MELTANO,) = code_blocks(DEPLOY, "yaml")
QUICKSTART = """
import airbyte as ab

name = "source-tiktok-organic"
source = ab.get_source(name, config=CONFIG, local_executable=name, streams="*")
source.check()
source.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> dict[str, str]:
    """The one environment variable that a user sets."""
    return {"TIKTOK_TOKEN_STORE": str(tmp_path / "tokens")}


@pytest.fixture
def sandbox(start_sandbox: StartSandbox, tmp_path: Path) -> Sandbox:
    """An account of three pages, with its config where the page expects it."""
    started = start_sandbox(videos=45, years=1)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "config.json").write_text(json.dumps(config_of(started)))
    return started


def run_three_days(
    sandbox: Sandbox, run_once: Callable[[], str], landed: Callable[[], list[list[Any]]], besides: int = 0
) -> None:
    """The rows match TikTok. Each day needs one refresh and, after the first day, one page plus `besides`."""
    pages = []
    for day in range(3):
        if day:
            advance_a_day(sandbox)
        before = len(sandbox.requests_to(VIDEO_LIST_PATH))
        run_once()
        pages.append(len(sandbox.requests_to(VIDEO_LIST_PATH)) - before)
        assert landed() == true_rows(sandbox)
    assert pages == [3 + besides, 1 + besides, 1 + besides]
    assert [request.status for request in sandbox.requests_to(TOKEN_PATH)] == [200] * 3


def newest(records: list[dict[str, Any]]) -> list[list[Any]]:
    """The last row of each video."""
    return rows(list({record["id"]: record for record in records}.values()))


def with_credentials(text: str, sandbox: Sandbox) -> str:
    """A configuration of the page with credentials of the sandbox instead of the ellipses."""
    for name in ("client_key", "client_secret", "refresh_token"):
        text, count = re.subn(rf"(?<={name}: )[^,}}]*", sandbox.config()["credentials"][name], text)
        assert count == 1
    return text


def test_pyairbytes_quickstart_runs_three_days(sandbox: Sandbox, tmp_path: Path, store: dict[str, str]) -> None:
    script = QUICKSTART.replace("CONFIG", str(config_of(sandbox)))
    run_once = lambda: run(sandbox, tmp_path, PYAIRBYTE, "-c", script, **store)  # noqa: E731
    run_three_days(sandbox, run_once, lambda: duckdb_rows(sandbox, tmp_path, "main"), besides=1)  # for the check


def test_pyairbyte_get_records_needs_a_variable(sandbox: Sandbox, tmp_path: Path, store: dict[str, str]) -> None:
    """If this fails because it works without one too, change the page."""
    titles = [video["title"] for video in sandbox.account.videos if video["title"]]
    nameless = TITLES.replace('videos = source.get_records("videos")\n', "").replace(
        "in videos:", 'in source.get_records("videos"):'
    )
    assert nameless.count("get_records") == 1

    printed = [run(sandbox, tmp_path, PYAIRBYTE, "-c", script, **store) for script in (TITLES, nameless)]

    assert [sum(title in text for title in titles) for text in printed] == [len(titles), 0]


def test_dlt_runs_three_days(sandbox: Sandbox, tmp_path: Path, store: dict[str, str]) -> None:
    (tmp_path / "pipeline.py").write_text(DLT)
    environment = {**store, "DLT_DATA_DIR": str(tmp_path / "dlt"), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    run_once = lambda: run(sandbox, tmp_path, CLIENTS / "dlt/bin/python", "pipeline.py", **environment)  # noqa: E731
    run_three_days(sandbox, run_once, lambda: duckdb_rows(sandbox, tmp_path, "tiktok", CLIENTS / "dlt/bin/python"))
    sandbox.expire_refresh_tokens()
    sandbox.revoke_access_tokens()
    failed = finish(sandbox, tmp_path, CLIENTS / "dlt/bin/python", "pipeline.py", **environment)
    assert (failed.returncode, "exit code 1" in failed.stderr) == (1, True)


def messages(folder: Path) -> list[dict[str, Any]]:
    """The videos in all files of the folder, in order."""
    lines = [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [
        line["record"]["data"] for line in lines if line["type"] == "RECORD" and line["record"]["stream"] == "videos"
    ]


@pytest.mark.parametrize(
    ("script", "command", "attempts"),
    [
        (DAGSTER, ("dagster/bin/dagster", "asset", "materialize", "-f", "program.py", "--select", "tiktok_account"), 1),
        (PREFECT, ("prefect/bin/python", "program.py"), 2),
    ],
    ids=["dagster", "prefect"],
)
def test_orchestrators_run_three_days(
    script: str, command: tuple[str, ...], attempts: int, sandbox: Sandbox, tmp_path: Path, store: dict[str, str]
) -> None:
    (tmp_path / "tiktok.py").write_text(READ)
    (tmp_path / "program.py").write_text(script.replace("retry_delay_seconds=60", "retry_delay_seconds=1"))
    for name in ("dagster", "prefect"):
        (tmp_path / name).mkdir()
    homes = {"DAGSTER_HOME": str(tmp_path / "dagster"), "PREFECT_HOME": str(tmp_path / "prefect")}
    # Prefect starts a server for each run, which takes half a minute beside other tests; its default limit is 20 s.
    server_timeout = {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"}
    environment = {**store, **homes, **server_timeout, "DAGSTER_DISABLE_TELEMETRY": "yes"}
    program = (CLIENTS / command[0], *command[1:])

    run_three_days(
        sandbox, lambda: run(sandbox, tmp_path, *program, **environment), lambda: newest(messages(tmp_path / "tiktok"))
    )

    # A failed run fails the orchestrator's run, and the next one continues from its file.
    account = sandbox.account.videos
    sandbox.fail(VIDEO_LIST_PATH, *["without_id"] * attempts)
    failed = finish(sandbox, tmp_path, *program, **environment)
    assert failed.returncode != 0
    run(sandbox, tmp_path, *program, **environment)
    assert newest(messages(tmp_path / "tiktok")) == true_rows(sandbox)
    assert len(account) == 47


def test_airbyte_serverless_runs_with_one_config(sandbox: Sandbox, tmp_path: Path, store: dict[str, str]) -> None:
    """`print` stores no state, so each run reads everything."""
    (tmp_path / "connections").mkdir()
    (tmp_path / "connections" / "brand.yaml").write_text(with_credentials(CONNECTION, sandbox))
    path = f"{CLIENTS / 'serverless' / 'bin'}:{PYAIRBYTE.parent}:/usr/bin:/bin"
    for _ in range(2):
        advance_a_day(sandbox)
        printed = run(sandbox, tmp_path, "bash", "-c", ABS, **store, PATH=path)
        data = [
            json.loads(json.loads(line)["_airbyte_data"]) for line in printed.splitlines() if line.startswith('{"_')
        ]
        assert newest([row for row in data if "video_description" in row]) == true_rows(sandbox)
    assert [request.status for request in sandbox.requests_to(TOKEN_PATH)] == [200] * 2

    sandbox.expire_refresh_tokens()
    advance_a_day(sandbox)
    alone = finish(sandbox, tmp_path, "abs", "run", "brand", **store, PATH=path)
    checked = finish(sandbox, tmp_path, "bash", "-c", ABS, **store, PATH=path)
    assert (alone.returncode, checked.returncode) == (0, 1)


def test_meltano_runs_three_days(sandbox: Sandbox, tmp_path: Path, store: dict[str, str]) -> None:
    tap = TAP.replace("/srv/tiktok/tap", str(CLIENTS / "tap-airbyte")).replace(
        "/srv/tiktok/venv", str(PYAIRBYTE.parents[1])
    )
    (tmp_path / "tap-tiktok-organic").write_text(tap)
    (tmp_path / "tap-tiktok-organic").chmod(0o755)
    (tmp_path / "meltano.yml").write_text(with_credentials(MELTANO, sandbox))
    (tmp_path / "output").mkdir()
    meltano = CLIENTS / "meltano" / "bin" / "meltano"
    environment = {**store, "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false"}
    run(sandbox, tmp_path, meltano, "install", **environment)

    def landed() -> list[list[Any]]:
        (path,) = tmp_path.rglob("videos.jsonl")
        return newest([json.loads(line) for line in path.read_text().splitlines()])

    run_once = lambda: run(sandbox, tmp_path, meltano, "run", "tap-tiktok-organic", "target-jsonl", **environment)  # noqa: E731
    run_three_days(sandbox, run_once, landed)
