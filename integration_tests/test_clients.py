"""PyAirbyte's quickstart and Meltano's tap-airbyte, which throw each CONNECTOR_CONFIG away: `make clients-test`.

Three days each with one config, unchanged, and a token store.
"""

import csv
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from integration_tests.clients import CLIENTS, PYAIRBYTE, ROOT, duckdb_rows, overnight, rows, run, true_rows
from integration_tests.conftest import StartSandbox
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from unit_tests.markdown import code_blocks

pytestmark = pytest.mark.clients

# Both add to what is there, in their working directory.
TARGETS = {
    "target-jsonl": {"do_timestamp_file": False},
    "target-csv": {"file_naming_scheme": "{stream_name}-{timestamp}.csv"},
}
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


def tap_settings(sandbox: Sandbox, folder: Path) -> Path:
    """The settings of the page, and the connector in a virtual environment that is there already."""
    package = next((CLIENTS / "tap-airbyte").glob("lib/python*/site-packages/tap_airbyte"))
    place = package / ".venv-airbyte-source-tiktok-organic"
    if not place.exists():
        place.symlink_to(PYAIRBYTE.parents[1])
    settings, path = json.loads(SETTINGS), folder / "tap.json"
    settings["airbyte_config"] = sandbox.config()
    path.write_text(json.dumps(settings))
    return path


def feed(sandbox: Sandbox, target: str, folder: Path, settings: Path, **store: str) -> None:
    """`tap-airbyte | target`, as Meltano runs it: with the last state, if there is one."""
    folder.mkdir(exist_ok=True)
    state, target_settings = folder / "state.json", folder / "settings.json"
    target_settings.write_text(json.dumps(TARGETS[target]))
    last = ["--state", state] if state.exists() else []
    tapped = run(sandbox, folder, TAP, "--config", settings, *last, **store)
    said = run(sandbox, folder, CLIENTS / target / "bin" / target, "--config", target_settings, stdin=tapped)
    state.write_text(said.splitlines()[-1])


def landed(folder: Path) -> list[list[Any]]:
    """The last row of each video, in either form."""
    lines = [json.loads(line) for path in folder.glob("videos.jsonl") for line in path.read_text().splitlines()]
    for path in sorted(folder.glob("videos-*.csv")):
        with path.open(newline="") as file:
            lines += csv.DictReader(file)
    return rows(list({line["id"]: line for line in lines}.values()))


def test_tap_airbyte_feeds_two_targets_for_three_days(
    start_sandbox: StartSandbox, tmp_path: Path, store: dict[str, str]
) -> None:
    """One after the other on the first day, both at once on the others."""
    sandbox = start_sandbox(videos=45, years=1, token_latency=1.0)
    settings = tap_settings(sandbox, tmp_path)
    run(sandbox, tmp_path, TAP, "--config", settings, "--test", **store)
    for day in range(3):
        overnight(sandbox) if day else None
        with ThreadPoolExecutor(max_workers=2 if day else 1) as pool:
            for ended in [pool.submit(feed, sandbox, t, tmp_path / t, settings, **store) for t in TARGETS]:
                ended.result()
        truth = true_rows(sandbox)
        assert landed(tmp_path / "target-jsonl") == truth
        assert landed(tmp_path / "target-csv") == [[str(value) for value in row] for row in truth]
    assert refreshes(sandbox) == [200] * 3
