"""The files of --config, --catalog and --state: each accepted format, and each mistake."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import SyncMode

from source_tiktok_organic.cli_files import read_files
from unit_tests.command_result import FIELDS, catalog
from unit_tests.connector import Connector, write_files
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, TikTok

TIMES = (1_790_000_000, 1_790_000_500, 1_790_001_000)
CONFIG = {**ACCESS_TOKEN_CONFIG, "start_date": "2026-01-01", "lookback_window_days": 0}
LOG = {"type": "LOG", "log": {"level": "INFO", "message": "Starting"}}
NO_CONFIG = "must contain one JSON object."
NO_CATALOG = "is not a catalog. Pass the output of `discover`, or omit --catalog to read everything."
NO_STATE = "is not a state. Pass the output of `read`, or omit --state to read everything."
NO_OBJECT = "is not valid JSON, at line 1, column 2: Expecting property name enclosed in double quotes."
NO_COMMA = "is not valid JSON, at line 3, column 2: Expecting ',' delimiter."

Given = dict[str, Any]


def lines(*messages: Any, indent: int | None = None) -> str:
    """What a command prints, or `jq` makes of it."""
    return "".join(json.dumps(message, indent=indent) + "\n" for message in messages)


def run(connector: Connector, command: str, **contents: Any) -> Any:
    """Run a command with files of these contents."""
    return connector.run(command, contents)


# --- mistakes ---


@pytest.mark.parametrize(
    ("kind", "content", "problem"),
    [
        *((kind, "", "is empty.") for kind in ("config", "catalog")),
        *((kind, " \n", "is empty.") for kind in ("config", "catalog")),
        *((kind, "{", NO_OBJECT) for kind in ("config", "catalog", "state")),
        *((kind, '{\n "a": 1\n "b": 2}', NO_COMMA) for kind in ("config", "catalog", "state")),
        ("state", '{"type": "LOG"}\n{"type": "ST', "is not valid JSON, at line 2, column 10: Unterminated string"),
        *(("config", content, NO_CONFIG) for content in ("[]", "null", '"text"', "3", "{} {}")),
        *(("catalog", content, NO_CATALOG) for content in ("[]", "null", "3", "{}", '{"streams": 3}')),
        ("catalog", '{"streams": [{"stream": {}}]}', NO_CATALOG),
        ("catalog", '{"streams": [{"json_schema": {}}]}', NO_CATALOG),
        ("catalog", lines(LOG), NO_CATALOG),
        *(("state", content, NO_STATE) for content in ("3", '"text"', "[3]", '{"videos": {}}')),
        ("state", '[{"type": "STREAM"}]', NO_STATE),
        ("state", '{"type": "LEGACY", "data": {"videos": {}}}', NO_STATE),
        ("state", lines(LOG), NO_STATE),
    ],
)
def test_malformed_file_fails_with_one_sentence(kind: str, content: str, problem: str, connector: Connector) -> None:
    outcome = run(connector, "read", **{"config": OAUTH_CONFIG, kind: content})
    ((failure, message),) = outcome.errors
    assert (failure, outcome.exit_code) == ("config_error", 1)
    beginning, _, rest = message.partition(f"{kind}.json ")
    assert (beginning[: len(kind) + 10], rest[: len(problem)]) == (f"The {kind} file ", problem)


@pytest.mark.parametrize("kind", ["config", "catalog", "state"])
def test_missing_file_is_named(kind: str, connector: Connector, tmp_path: Path) -> None:
    given = [] if kind == "config" else write_files(tmp_path, {"config": OAUTH_CONFIG})
    outcome = connector.execute(["read", *given, f"--{kind}", "/nowhere/at/all.json"])
    sentence = f"The {kind} file /nowhere/at/all.json can't be read: No such file or directory."
    assert outcome.errors == [("config_error", sentence)]


def test_file_in_another_encoding_is_named(tmp_path: Any, connector: Connector) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(json.dumps(CONFIG).encode("utf-16"))
    outcome = connector.execute(["discover", "--config", str(path)])
    assert outcome.errors == [("config_error", f"The config file {path} is not valid UTF-8.")]


def test_byte_order_mark_is_accepted(connector: Connector) -> None:
    outcome = run(connector, "discover", config="\ufeff" + json.dumps(CONFIG))
    assert (outcome.errors, len(outcome.of("CATALOG"))) == ([], 1)


@pytest.mark.parametrize("kind", ["catalog", "state"])
def test_misplaced_config_is_not_quoted(kind: str, connector: Connector) -> None:
    outcome = run(connector, "read", **{"config": CONFIG, kind: OAUTH_CONFIG})
    printed = json.dumps(outcome.messages) + outcome.stderr
    assert len(outcome.errors) == 1
    assert [secret for secret in ("client-secret", "rft.first") if secret in printed] == []


def test_config_error_has_a_traceback_only_in_its_trace(connector: Connector) -> None:
    outcome = run(connector, "discover", config="{}")
    ((_, sentence),) = outcome.errors
    (trace,) = outcome.of("TRACE")
    assert outcome.stderr == sentence + "\n"
    assert [log["message"] for log in outcome.of("LOG") if log["level"] == "FATAL"] == [sentence]
    assert "Traceback" in trace["error"]["stack_trace"]


def test_system_error_keeps_its_traceback(connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("by rft.first")

    monkeypatch.setattr("airbyte_cdk.launch", broken)
    outcome = run(connector, "discover", config=OAUTH_CONFIG)
    assert outcome.stderr == "ZeroDivisionError: by ****\n"
    assert "Traceback" in next(log["message"] for log in outcome.of("LOG") if log["level"] == "FATAL")


def test_closed_stderr_gets_no_message(connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    """`print` would write it to stdout."""
    monkeypatch.setattr("sys.stderr", None)
    outcome = run(connector, "discover", config="{}")
    assert {message["type"] for message in outcome.messages} == {"LOG", "TRACE"}


# --- catalogs ---


def discovered(connector: Connector) -> Any:
    """The messages of `discover`, of which the last one is the catalog."""
    return run(connector, "discover", config=CONFIG).messages


CATALOGS: dict[str, Callable[[Any], Given]] = {
    "none": lambda _: {},
    "output_of_discover": lambda messages: {"catalog": lines(LOG, *messages)},
    "output_through_jq": lambda messages: {"catalog": lines(LOG, *messages, indent=2)},
    "message": lambda messages: {"catalog": messages[-1]},
    "catalog": lambda messages: {"catalog": messages[-1]["catalog"]},
    "configured": lambda _: {"catalog": catalog()},
}


@pytest.mark.parametrize("form", CATALOGS)
def test_catalog_in_any_form_reads_everything(form: str, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(*TIMES)

    outcome = run(connector, "read", config=CONFIG, **CATALOGS[form](discovered(connector)))

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert len(outcome.records("user_info")) == 1
    assert sorted(video["create_time"] for video in outcome.records("videos")) == list(TIMES)
    assert {query["fields"] for query in tiktok.queries("videos")} == {FIELDS["videos"]}


def test_stream_without_a_sync_mode_is_incremental() -> None:
    modes = {s.stream.name: s.sync_mode for s in read_files({"catalog": ""})["catalog"].streams}
    assert modes == {"user_info": SyncMode.full_refresh, "videos": SyncMode.incremental}


def test_discovered_catalog_may_name_one_stream(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(*TIMES)
    streams = [s for s in discovered(connector)[-1]["catalog"]["streams"] if s["name"] == "user_info"]
    outcome = run(connector, "read", config=CONFIG, catalog={"streams": streams})
    assert (len(outcome.records("user_info")), outcome.records("videos")) == (1, [])


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"properties": {}}], ids=json.dumps)
def test_schema_without_columns_selects_all(schema: Any, tiktok: TikTok, connector: Connector) -> None:
    """It once silently gave a table of ids."""
    tiktok.with_videos(*TIMES)
    configured = catalog()
    for stream in configured["streams"]:
        stream["stream"]["json_schema"] = schema
    outcome = run(connector, "read", config=CONFIG, catalog=configured)
    assert outcome.errors == []
    assert FIELDS["user_info"] in {query["fields"] for query in tiktok.queries("user")}
    assert {query["fields"] for query in tiktok.queries("videos")} == {FIELDS["videos"]}


# --- states ---

DOCUMENT = {"states": [{"partition": {"open_id": "_000account"}, "cursor": {"create_time": str(TIMES[1])}}]}
EARLIER = {"states": [{"partition": {"open_id": "_000account"}, "cursor": {"create_time": str(TIMES[0])}}]}


def state(document: Any, name: str = "videos") -> Given:
    return {"type": "STREAM", "stream": {"stream_descriptor": {"name": name}, "stream_state": document}}


def message(document: Any, name: str = "videos") -> Given:
    return {"type": "STATE", "state": {**state(document, name), "sourceStats": {"recordCount": 2.0}}}


RECORD = {"type": "RECORD", "record": {"stream": "videos", "data": {}, "emitted_at": 1}}
OTHERS = [LOG, RECORD, message({}, "user_info")]
STATES = {
    "output_of_read": lines(LOG, message(EARLIER), *OTHERS, message(DOCUMENT), *OTHERS),
    "lines_of_states": lines(message(EARLIER), message(DOCUMENT)),
    "message": message(DOCUMENT),
    "messages": [LOG, message(EARLIER), message(DOCUMENT)],
    "state": state(DOCUMENT),
    "states": [state(EARLIER), state(DOCUMENT)],
    "document": DOCUMENT,
}


@pytest.mark.parametrize("form", STATES)
def test_state_in_any_form_is_accepted(form: str, tiktok: TikTok, connector: Connector) -> None:
    """The last state of each stream is used."""
    tiktok.with_videos(*TIMES)
    outcome = run(connector, "read", config=CONFIG, state=STATES[form])
    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert sorted(video["create_time"] for video in outcome.records("videos")) == [*TIMES[1:]]


@pytest.mark.parametrize("content", ["[]", "{}", "null"])
def test_empty_state_reads_everything(content: str, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(*TIMES)
    outcome = run(connector, "read", config=CONFIG, catalog=catalog("videos"), state=content)
    assert (outcome.errors, len(outcome.records("videos"))) == ([], 3)


def test_read_output_is_accepted_as_a_state(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(*TIMES)
    first = run(connector, "read", config=CONFIG)
    second = run(connector, "read", config=CONFIG, state=lines(*first.messages))
    assert [len(outcome.records("videos")) for outcome in (first, second)] == [3, 1]
    assert [len(outcome.records("user_info")) for outcome in (first, second)] == [1, 1]
