"""PyAirbyte's quickstart and Meltano's tap-airbyte, which throw each CONNECTOR_CONFIG away: `make clients-test`.

Three days each with one config, unchanged, and a token store.
"""

import csv
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from integration_tests.clients import (
    CLIENTS,
    COLUMNS,
    PYAIRBYTE,
    ROOT,
    duckdb_rows,
    overnight,
    rows,
    run,
    true_rows,
    variables,
)
from integration_tests.conftest import StartSandbox
from sandbox import Sandbox
from unit_tests.markdown import code_blocks

pytestmark = pytest.mark.clients

TOKEN = "/v2/oauth/token/"
TAP = CLIENTS / "tap-airbyte" / "bin" / "tap-airbyte"
# The settings of docs/deploy.md.
(SETTINGS,) = code_blocks(ROOT / "docs" / "deploy.md", "json")
QUICKSTART = """
import airbyte as ab

name = "source-tiktok-organic"
source = ab.get_source(name, config=CONFIG, local_executable=name, streams="*")
source.check()
source.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> dict[str, str]:
    """The one variable that a user sets."""
    return {"TIKTOK_TOKEN_STORE": str(tmp_path / "tokens")}


def refreshes(sandbox: Sandbox) -> list[int]:
    return [request.status for request in sandbox.requests_to(TOKEN)]


def test_pyairbytes_quickstart_runs_three_days(
    start_sandbox: StartSandbox, tmp_path: Path, store: dict[str, str]
) -> None:
    sandbox = start_sandbox(videos=45, years=1)
    script = QUICKSTART.replace("CONFIG", str(sandbox.config()))
    for day in range(3):
        overnight(sandbox) if day else None
        run(sandbox, tmp_path, PYAIRBYTE, "-c", script, **store)
        assert duckdb_rows(sandbox, tmp_path, "main") == true_rows(sandbox)
    assert refreshes(sandbox) == [200] * 3


# --- Singer ---


def tap_config(sandbox: Sandbox, folder: Path) -> Path:
    """The settings of the page, and the connector in a virtual environment that is there already."""
    ready = next((CLIENTS / "tap-airbyte").glob("lib/python*/site-packages/tap_airbyte"))
    place = ready / ".venv-airbyte-source-tiktok-organic"
    if not place.exists():
        place.symlink_to(PYAIRBYTE.parents[1])
    settings, path = json.loads(SETTINGS), folder / "tap.json"
    settings["airbyte_config"]["credentials"].update(sandbox.config()["credentials"])
    path.write_text(json.dumps(settings))
    return path


class Pipeline:
    """`tap-airbyte | target`, as Meltano runs it: with the last state, the first time without one."""

    def __init__(self, sandbox: Sandbox, folder: Path, config: Path, target: list[str | Path], **store: str) -> None:
        self.folder = folder
        self.folder.mkdir()
        self._sandbox, self._config, self._target, self._store = sandbox, config, target, store

    def run(self) -> None:
        """A day's sync."""
        state, arguments = self.folder / "state.json", ["--config", str(self._config)]
        tapped = run(
            self._sandbox,
            self.folder,
            TAP,
            *arguments,
            *(["--state", str(state)] if state.exists() else []),
            **self._store,
        )
        finished = subprocess.run(
            self._target,
            cwd=self.folder,
            env=variables(self._sandbox, self.folder),
            input=tapped,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert finished.returncode == 0, finished.stderr
        state.write_text(finished.stdout.splitlines()[-1])


def jsonl_pipeline(sandbox: Sandbox, folder: Path, config: Path, **store: str) -> Pipeline:
    settings = folder / "jsonl.json"
    settings.write_text(json.dumps({"destination_path": str(folder / "jsonl"), "do_timestamp_file": False}))
    target = [CLIENTS / "target-jsonl" / "bin" / "target-jsonl", "--config", settings]
    return Pipeline(sandbox, folder / "jsonl", config, target, **store)


def csv_pipeline(sandbox: Sandbox, folder: Path, config: Path, **store: str) -> Pipeline:
    settings = folder / "csv.json"
    settings.write_text(json.dumps({"output_path": str(folder / "csv"), "overwrite_behavior": "append_records"}))
    target = [CLIENTS / "target-csv" / "bin" / "target-csv", "--config", settings]
    return Pipeline(sandbox, folder / "csv", config, target, **store)


def jsonl_rows(folder: Path) -> list[list[Any]]:
    """What stands in the table, the last row of each id."""
    lines = [json.loads(line) for line in (folder / "jsonl" / "videos.jsonl").read_text().splitlines()]
    return rows(list({record["id"]: record for record in lines}.values()))


def csv_rows(folder: Path) -> list[list[Any]]:
    with (folder / "csv" / "videos.csv").open(newline="") as file:
        found = {record["id"]: record for record in csv.DictReader(file)}
    return sorted([record[column] for column in COLUMNS] for record in found.values())


def test_tap_airbyte_runs_three_days_into_two_targets(
    start_sandbox: StartSandbox, tmp_path: Path, store: dict[str, str]
) -> None:
    sandbox = start_sandbox(videos=45, years=1)
    config = tap_config(sandbox, tmp_path)
    pipelines = [make(sandbox, tmp_path, config, **store) for make in (jsonl_pipeline, csv_pipeline)]
    run(sandbox, tmp_path, TAP, "--config", config, "--test", **store)
    for day in range(3):
        overnight(sandbox) if day else None
        for pipeline in pipelines:
            pipeline.run()
        assert jsonl_rows(tmp_path) == true_rows(sandbox)
        assert csv_rows(tmp_path) == [[str(value) for value in row] for row in true_rows(sandbox)]
    assert refreshes(sandbox) == [200] * 3


def test_two_taps_at_once_share_one_config(start_sandbox: StartSandbox, tmp_path: Path, store: dict[str, str]) -> None:
    sandbox = start_sandbox(videos=45, years=1, token_latency=1.0)
    config = tap_config(sandbox, tmp_path)
    pipelines = [make(sandbox, tmp_path, config, **store) for make in (jsonl_pipeline, csv_pipeline)]
    for day in range(3):
        overnight(sandbox) if day else None
        with ThreadPoolExecutor() as pool:
            for running in [pool.submit(pipeline.run) for pipeline in pipelines]:
                running.result()
        assert jsonl_rows(tmp_path) == true_rows(sandbox)
        assert csv_rows(tmp_path) == [[str(value) for value in row] for row in true_rows(sandbox)]
    assert refreshes(sandbox) == [200] * 3
