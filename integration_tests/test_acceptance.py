"""What Airbyte's older Connector Acceptance Tests check beyond FAST, with the files of `acceptance-test-config.yml`.

Certified connectors must still pass those tests, which need a container engine. integration_tests/airbyte runs them
unchanged.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from integration_tests.acceptance import FOLDER, SETTINGS, acceptance_sandbox, stored_json
from source_tiktok_organic.config import load_manifest
from unit_tests.command_result import Outcome
from unit_tests.connector import InProcess

ROOT = FOLDER.parent
SECTIONS = yaml.safe_load((ROOT / "acceptance-test-config.yml").read_text())["acceptance_tests"]
CONFIG = stored_json("configs/valid_config.json")


@pytest.fixture(scope="module")
def run() -> Iterator[InProcess]:
    with acceptance_sandbox() as sandbox:
        yield InProcess(sandbox.base_url)
    sandbox.check()


@pytest.fixture(scope="module")
def discovered(run: InProcess) -> dict[str, Any]:
    (catalog,) = run.discover(CONFIG).of("CATALOG")
    return {stream["name"]: stream for stream in catalog["streams"]}


@pytest.fixture(scope="module")
def full_refresh(run: InProcess, discovered: dict[str, Any]) -> Outcome:
    return read(run, configured("full_refresh", discovered))


def configured(name: str, discovered: dict[str, Any]) -> dict[str, Any]:
    """A stored catalog with the streams from `discover`, as Airbyte's tests use it."""
    streams = stored_json(f"catalogs/{name}.json")["streams"]
    return {"streams": [{**chosen, "stream": discovered[chosen["stream"]["name"]]} for chosen in streams]}


def read(run: InProcess, catalog: dict[str, Any], state: Any = None, config: dict[str, Any] = CONFIG) -> Outcome:
    content = {"config": config, "catalog": catalog} | ({} if state is None else {"state": state})
    outcome = run.run("read", content)
    assert (outcome.exit_code, outcome.errors) == (0, [])
    return outcome


def ids(outcome: Outcome) -> set[str]:
    return {video["id"] for video in outcome.records("videos")}


def resumable(state: dict[str, Any]) -> list[dict[str, Any]]:
    """A state message as the platform passes it to the next sync."""
    return [{"type": state["type"], "stream": state["stream"]}]


def test_acceptance_config_names_existing_files() -> None:
    named = [
        path
        for section in SECTIONS.values()
        for test in section["tests"]
        for key, path in {**test, **test.get("future_state", {})}.items()
        if key.endswith("_path")
    ]
    assert [path for path in named if not (ROOT / path).is_file()] == []
    standard = ["spec", "connection", "discovery", "basic_read", "full_refresh", "incremental"]
    assert list(SECTIONS) == [*standard, "connector_attributes"]


def test_stored_catalogs_match_discover(discovered: dict[str, Any]) -> None:
    for name in ("full_refresh", "incremental"):
        for chosen in stored_json(f"catalogs/{name}.json")["streams"]:
            stream = {**chosen["stream"], "json_schema": None}
            assert stream.items() <= {**discovered[stream["name"]], "json_schema": None}.items()
            assert chosen["sync_mode"] in stream["supported_sync_modes"]


def test_spec_matches_the_manifest(run: InProcess) -> None:
    (printed,) = run.spec().of("SPEC")
    written = load_manifest()["spec"]
    assert printed["connectionSpecification"] == written["connection_specification"]
    assert printed["documentationUrl"] == written["documentation_url"]
    assert printed.get("advanced_auth") == written.get("advanced_auth")


def test_expected_records_are_read(full_refresh: Outcome) -> None:
    expected = [json.loads(line) for line in (FOLDER / "expected_records.jsonl").read_text().splitlines()]
    assert {record["stream"] for record in expected} == {"user_info", "videos"}
    assert [r for r in expected if r["data"] not in full_refresh.records(r["stream"])] == []


def test_second_full_refresh_repeats_the_records(
    run: InProcess, discovered: dict[str, Any], full_refresh: Outcome
) -> None:
    again = read(run, configured("full_refresh", discovered))

    for name in discovered:
        rows = [sorted(json.dumps(row, sort_keys=True) for row in o.records(name)) for o in (full_refresh, again)]
        assert rows[0] == rows[1] != []
        assert again.statuses(name) == ["STARTED", "RUNNING", "COMPLETE"]
    assert max(r["emitted_at"] for r in full_refresh.of("RECORD")) < min(r["emitted_at"] for r in again.of("RECORD"))
    states = again.of("STATE")
    assert {s["stream"]["stream_descriptor"]["name"] for s in states} == set(discovered)
    assert all("recordCount" in s["sourceStats"] for s in states)


def test_future_state_is_treated_as_now_with_a_warning(run: InProcess, discovered: dict[str, Any]) -> None:
    """The older tests expect no records here, so `acceptance-test-config.yml` skips their test."""
    options = {**CONFIG, "lookback_window_days": 3650}
    outcome = read(run, configured("incremental", discovered), stored_json("states/future_state.json"), config=options)

    assert len(outcome.records("videos")) == SETTINGS.videos
    (warning,) = outcome.warnings
    assert "is in the future (4102444800); it is treated as now" in warning
    (cursor,) = (state["cursor"] for state in outcome.states[-1]["states"])
    assert int(cursor["create_time"]) <= time.time()


def test_sync_resumes_from_any_of_its_states(run: InProcess, discovered: dict[str, Any]) -> None:
    """A state must never be ahead of the records emitted before it."""
    catalog = configured("incremental", discovered)
    first = read(run, catalog)
    position = {id(m): n for n, m in enumerate(first.messages)}
    states = {json.dumps(m["state"]["stream"], sort_keys=True): m for m in first.messages if m["type"] == "STATE"}

    for message in states.values():
        resumed = read(run, catalog, resumable(message["state"]))
        later = [m for m in first.messages[position[id(message)] :] if m["type"] == "RECORD"]
        assert {m["record"]["data"]["id"] for m in later} <= ids(resumed)
        assert 0 < len(ids(resumed)) < len(ids(first))
