"""The parts of `make sync` and of the demo that need neither PyAirbyte nor dbt."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from examples.demo.compare import differences
from examples.demo.story import api_at
from examples.sync import SyncError
from examples.sync.__main__ import cron_line
from examples.sync.account import Account, account_of_file, accounts_at, write_config
from examples.sync.listener import Listener
from examples.sync.warehouse import warehouse_at

CONFIG = {"credentials": {"auth_type": "oauth2.0", "refresh_token": "rft.OLD"}}
RENEWED = {"credentials": {"auth_type": "oauth2.0", "refresh_token": "rft.NEW"}}


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    path.chmod(0o644)
    return path


def _video(video_id: str, **values: Any) -> dict[str, Any]:
    return {"id": video_id, "view_count": 5, "is_aigc": False, **values}


def _differences(expected: list[dict[str, Any]], landed: list[dict[str, Any]]) -> list[str]:
    return differences("video", "id", expected, landed)


def test_order_of_rows_does_not_matter() -> None:
    """Catches a comparison that depends on the order in which rows landed."""
    assert _differences([_video("1"), _video("2")], [_video("2"), _video("1")]) == []


def test_lost_doubled_and_foreign_rows_are_named() -> None:
    """Catches a comparison of counts alone: three rows are expected, and three landed."""
    landed = [_video("2"), _video("2"), _video("9")]
    assert _differences([_video("1"), _video("2")], landed) == [
        "1 video is missing: 1.",
        "1 video is there more than once: 2 (2 times).",
        "1 video is there but not in the account: 9.",
    ]


@pytest.mark.parametrize(
    ("landed", "named"),
    [
        (_video("1", view_count=7), "view_count is 7 instead of 5"),
        (_video("1", view_count=None), "view_count is None instead of 5"),
        (_video("1", is_aigc=0), "is_aigc is 0 instead of False"),
        ({"id": "1", "view_count": 5}, "is_aigc is no column instead of False"),
        (_video("1", extra="x"), "extra is 'x' instead of no column"),
        (_video("1", view_count="5" * 60), f"view_count is '{'5' * 38}… instead of 5"),
    ],
)
def test_different_values_are_named_with_their_column(landed: dict[str, Any], named: str) -> None:
    """Catches a comparison of ids alone, and one that takes 0 for False."""
    assert _differences([_video("1")], [landed]) == [f"1 video is there with other values: 1 ({named})."]


def test_at_most_five_missing_rows_are_named() -> None:
    """Catches a message that fills the screen with ids."""
    expected = [_video(str(number)) for number in range(1_200)]
    assert _differences(expected, []) == ["1,200 videos are missing: 0, 1, 2, 3, 4 and 1,195 more."]


def test_kept_config_is_for_its_owner_only(config_file: Path) -> None:
    """Catches a new refresh token that is lost or readable by others, and temporary files left behind."""
    account_of_file(config_file).keep(RENEWED)
    assert account_of_file(config_file).config == RENEWED
    assert config_file.stat().st_mode & 0o777 == 0o600
    assert list(config_file.parent.iterdir()) == [config_file]


def test_keeping_a_config_follows_links(config_file: Path, tmp_path: Path) -> None:
    """Catches a link that is replaced by a copy while the real file keeps the used-up token."""
    link = tmp_path / "link.json"
    link.symlink_to(config_file)
    write_config(link, RENEWED)
    assert link.is_symlink()
    assert json.loads(config_file.read_text()) == RENEWED


def test_unwritable_config_asks_to_sign_in_again(tmp_path: Path) -> None:
    """Catches a lost token that is noticed only at the next run."""
    with pytest.raises(SyncError, match=r"could not be written .* sign in again"):
        write_config(tmp_path / "gone" / "config.json", RENEWED)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"a": 1,', r"config\.json is no JSON: .* in line 1, column"),
        (b"\xff\xfe", r"config\.json is no JSON: it is not text in UTF-8\."),
        (b'["rft.SECRET"]', r"config\.json must hold a JSON object"),
    ],
)
def test_bad_config_is_refused_without_quoting_it(config_file: Path, content: bytes, problem: str) -> None:
    """Catches a traceback, and secrets in an error."""
    config_file.write_bytes(content)
    with pytest.raises(SyncError, match=problem) as raised:
        account_of_file(config_file)
    assert "SECRET" not in str(raised.value)


def test_environment_is_restored_after_the_sandbox(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catches a proxy between connector and sandbox, and a sandbox address that outlives its sandbox."""
    monkeypatch.delenv("TIKTOK_API_BASE_URL", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet")
    with api_at("http://127.0.0.1:9"):
        assert os.environ["TIKTOK_API_BASE_URL"] == "http://127.0.0.1:9"
        assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "intranet,127.0.0.1"
    assert "TIKTOK_API_BASE_URL" not in os.environ
    assert "no_proxy" not in os.environ
    assert os.environ["NO_PROXY"] == "intranet"


def _record(stream: str, **data: Any) -> str:
    return json.dumps({"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1}})


def _error(message: str) -> str:
    return json.dumps({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 1, "error": {"message": message}}})


def _status(status: str, message: str | None = None) -> str:
    return json.dumps({"type": "CONNECTION_STATUS", "connectionStatus": {"status": status, "message": message}})


def _control(config: dict[str, Any]) -> str:
    control = {"type": "CONNECTOR_CONFIG", "emitted_at": 1, "connectorConfig": {"config": config}}
    return json.dumps({"type": "CONTROL", "control": control})


def test_every_line_is_passed_on_and_counted() -> None:
    """Catches a listener that swallows lines, and one that chokes on lines that are not messages."""
    status = json.dumps({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": {}}})
    lines = [
        "Traceback (most recent call last):",
        "42",
        status,
        _record("user_info", open_id="a", video_count=2),
        _control(RENEWED),
        _record("videos", id="1"),
        _record("videos", id="2"),
        _status("SUCCEEDED"),
    ]
    configs: list[dict[str, Any]] = []
    ticks: list[None] = []
    listener = Listener(on_config=configs.append, on_record=lambda: ticks.append(None))
    assert list(listener.read_along(lambda args: iter(lines))(["read"])) == lines
    assert listener.counts == {"user_info": 1, "videos": 2}
    assert (listener.expected_videos, configs, len(ticks), listener.problem) == (2, [RENEWED], 3, None)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([_error("TikTok refused."), _error("Streams did not sync: videos.")], "TikTok refused."),
        ([_status("FAILED", "'Sign in again.'")], "Sign in again."),
        ([_status("FAILED")], None),
    ],
)
def test_first_reason_of_a_failure_is_kept(lines: list[str], problem: str | None) -> None:
    """Catches a demo that only says that the connector failed."""
    listener = Listener(on_config=lambda config: None)
    for line in lines:
        listener.hear(line)
    assert listener.problem == problem


def test_sync_ends_if_a_token_cannot_be_kept() -> None:
    """Catches a sync that goes on although its next one cannot work."""

    def fail(config: dict[str, Any]) -> None:
        raise SyncError("disk full")

    listener = Listener(on_config=fail)
    with pytest.raises(SyncError, match="disk full"):
        list(listener.read_along(lambda: iter([_control(RENEWED)]))())


def test_records_are_dated_back_by_the_lag() -> None:
    """Catches 28 days of the sandbox that all land on one."""
    listener = Listener(on_config=lambda config: None, lag=60.0)
    dated = json.loads(
        listener.hear(json.dumps({"type": "RECORD", "record": {"stream": "videos", "emitted_at": 90_000}}))
    )
    assert dated["record"]["emitted_at"] == 30_000


def test_listener_knows_which_streams_are_complete() -> None:
    """Catches a sync that was stopped in mid-way and counts as one that saw everything."""
    listener = Listener(on_config=lambda config: None)
    for stream, status in (("user_info", "COMPLETE"), ("videos", "RUNNING"), ("videos", "INCOMPLETE")):
        found = {"stream_descriptor": {"name": stream}, "status": status}
        trace = {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": found}
        listener.hear(json.dumps({"type": "TRACE", "trace": trace}))
    assert listener.complete == {"user_info"}


# --- what a sync covers ---

STATE = {"states": [{"partition": {"open_id": "a"}, "cursor": {"create_time": str(1_790_000_000)}}]}


@pytest.mark.parametrize(
    ("config", "open_id", "state", "covers_from"),
    [
        ({}, "a", {}, 1_388_534_400),
        ({}, "a", STATE, 1_790_000_000 - 30 * 86_400),
        ({"lookback_window_days": 0}, "a", STATE, 1_790_000_000),
        ({"start_date": "2026-09-15"}, "a", STATE, 1_789_430_400),
        ({}, "of another person who signed in", STATE, 1_388_534_400),
    ],
)
def test_sync_covers_what_its_state_left(config: dict[str, Any], open_id: str, state: Any, covers_from: int) -> None:
    """Catches videos that look gone because the lookback did not reach them."""
    assert Account("brand", config, keep=lambda changed: None).covers_from(open_id, state) == covers_from


@pytest.mark.parametrize(
    ("setting", "day", "due"),
    [("never", 1, False), ("weekly", 1, False), ("weekly", 6, True), ("monthly", 1, True), ("monthly", 6, False)],
)
def test_full_read_is_due_on_its_day(setting: str, day: int, due: bool) -> None:
    """Catches a full read on another day than the connector's: 6 September 2026 is a Sunday."""
    account = Account("brand", {"additional_full_sync": setting}, keep=lambda changed: None)
    assert account.full_read_is_due(datetime(2026, 9, day, tzinfo=timezone.utc)) is due


def test_folder_of_sign_ins_is_read_in_order(config_file: Path) -> None:
    """Catches a folder that is taken for a file, and other files taken for sign-ins."""
    (config_file.parent / "another.json").write_text(json.dumps(CONFIG))
    (config_file.parent / "notes.txt").write_text("x")
    assert [account.name for account in accounts_at(config_file.parent)] == ["another", "config"]


def test_empty_folder_says_how_to_sign_in(tmp_path: Path) -> None:
    """Catches a sync of nobody that ends well."""
    with pytest.raises(SyncError, match="tiktok-organic-sign-in"):
        accounts_at(tmp_path)


def test_postgres_address_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a password with special characters that breaks the address, and PGPASSWORD that is not used."""
    monkeypatch.setenv("PGPASSWORD", "from the environment")
    given = warehouse_at("postgres://ada:p%40ss@db.example:5433/marketing")
    assert given.url == "postgresql+psycopg2://ada:p%40ss@db.example:5433/marketing"
    assert given.dbt["PGPASSWORD"] == "p@ss"
    assert warehouse_at("postgresql://ada@db.example/marketing").dbt["PGPASSWORD"] == "from the environment"


@pytest.mark.parametrize(
    ("to", "shown"),
    [
        ("postgres://ada:p%40ss@db.example:5433/marketing", "postgres://ada@db.example:5433/marketing"),
        ("postgres://ada@db.example/marketing", "postgres://ada@db.example/marketing"),
        ("100%.duckdb", r"100\%.duckdb"),
    ],
    ids=["password", "none", "percent"],
)
def test_line_for_cron_has_no_password(to: str, shown: str) -> None:
    """Catches a password on the screen and in crontab, and a % that cron takes for a line break."""
    line = cron_line(Path("accounts"), to)
    assert line.endswith(f" -m examples.sync --quiet --accounts accounts --to {shown}")
    assert re.findall(r"p%40ss|(?<!\\)%", line) == []


@pytest.mark.parametrize("place", ["mysql://db.example/marketing", "postgres://db.example", "postgres:///marketing"])
def test_other_addresses_are_refused(place: str) -> None:
    """Catches a DuckDB file named postgres:."""
    with pytest.raises(SyncError, match="--to takes"):
        warehouse_at(place)
