"""The parts of the demo that need neither PyAirbyte nor DuckDB."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from examples.demo import DemoError
from examples.demo.account import BASE_URL_VARIABLE, _api_at, account_of_file, write_config
from examples.demo.compare import differences
from examples.demo.listener import Listener
from examples.demo.months import Month, bar, without_holes

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


def test_given_equal_rows_in_another_order_when_compared_then_nothing_differs() -> None:
    """Catches a comparison that depends on the order in which rows landed."""
    assert _differences([_video("1"), _video("2")], [_video("2"), _video("1")]) == []


def test_given_a_row_lost_one_doubled_and_one_foreign_when_compared_then_each_is_named() -> None:
    """Catches a comparison of counts alone, which these three would pass: three expected, three landed."""
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
def test_given_another_value_when_compared_then_column_and_both_values_are_named(
    landed: dict[str, Any], named: str
) -> None:
    """Catches a comparison of ids alone, and one for which 0 is False."""
    assert _differences([_video("1")], [landed]) == [f"1 video is there with other values: 1 ({named})."]


def test_given_many_missing_rows_when_compared_then_five_are_named_and_the_rest_counted() -> None:
    """Catches a message that fills the screen with ids."""
    expected = [_video(str(number)) for number in range(1_200)]
    assert _differences(expected, []) == ["1,200 videos are missing: 0, 1, 2, 3, 4 and 1,195 more."]


def test_given_months_with_holes_across_a_year_when_filled_then_all_come_in_order() -> None:
    """Catches a month 00 or 13, and months sorted as they came."""
    months = [Month("2026-02", 3, 30), Month("2025-11", 1, 10)]
    assert without_holes(months) == [
        Month("2025-11", 1, 10),
        Month("2025-12"),
        Month("2026-01"),
        Month("2026-02", 3, 30),
    ]


def test_given_no_months_when_filled_then_none_come() -> None:
    """Catches a crash on an account without videos."""
    assert without_holes([]) == []


@pytest.mark.parametrize(
    ("value", "largest", "expected"),
    [(0, 80, ""), (80, 80, "█" * 10), (40, 80, "█" * 5), (41, 80, "█████▏"), (1, 10_000, "▏"), (0, 0, "")],
)
def test_given_a_value_when_drawn_then_its_bar_is_in_proportion_and_never_invisible(
    value: int, largest: int, expected: str
) -> None:
    """Catches bars that overflow, a division by zero views, and few views drawn as none."""
    assert bar(value, largest, 10) == expected


def test_given_a_changed_config_when_kept_then_the_file_holds_it_for_its_owner_only(config_file: Path) -> None:
    """Catches a new refresh token that is lost, or that others can read, and drafts left behind."""
    account_of_file(config_file).keep(RENEWED)
    assert account_of_file(config_file).config == RENEWED
    assert config_file.stat().st_mode & 0o777 == 0o600
    assert list(config_file.parent.iterdir()) == [config_file]


def test_given_a_link_to_the_config_when_kept_then_the_file_behind_it_changes(
    config_file: Path, tmp_path: Path
) -> None:
    """Catches a link that is replaced by a copy while the real file keeps the used-up token."""
    link = tmp_path / "link.json"
    link.symlink_to(config_file)
    write_config(link, RENEWED)
    assert link.is_symlink()
    assert json.loads(config_file.read_text()) == RENEWED


def test_given_no_folder_for_the_config_when_kept_then_the_person_is_told_to_sign_in_again(tmp_path: Path) -> None:
    """Catches a lost token that is noticed only at the next run."""
    with pytest.raises(DemoError, match=r"could not be written .* sign in again"):
        write_config(tmp_path / "gone" / "config.json", RENEWED)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"a": 1,', r"config\.json is no JSON: .* in line 1, column"),
        (b"\xff\xfe", r"config\.json is no JSON: it is not text in UTF-8\."),
        (b'["rft.SECRET"]', r"config\.json must hold a JSON object"),
    ],
)
def test_given_a_file_that_is_no_config_when_read_then_a_sentence_says_so_without_its_content(
    config_file: Path, content: bytes, problem: str
) -> None:
    """Catches a traceback, and secrets in an error."""
    config_file.write_bytes(content)
    with pytest.raises(DemoError, match=problem) as raised:
        account_of_file(config_file)
    assert "SECRET" not in str(raised.value)


def test_given_a_person_s_own_variables_when_the_sandbox_ends_then_they_are_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Catches a proxy between connector and sandbox, and a sandbox address that outlives its sandbox."""
    monkeypatch.delenv(BASE_URL_VARIABLE, raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet")
    with _api_at("http://127.0.0.1:9"):
        assert os.environ[BASE_URL_VARIABLE] == "http://127.0.0.1:9"
        assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "intranet,127.0.0.1"
    assert BASE_URL_VARIABLE not in os.environ
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


def test_given_a_whole_read_when_listened_to_then_every_line_is_passed_on_and_counted() -> None:
    """Catches a listener that swallows lines, and one that chokes on what is no message."""
    status = json.dumps({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": {}}})
    lines = [
        "Traceback (most recent call last):",
        "42",
        status,
        _record("user_info", video_count=2),
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
def test_given_a_failure_when_listened_to_then_its_first_reason_is_kept(lines: list[str], problem: str | None) -> None:
    """Catches a demo that only says that the connector failed."""
    listener = Listener(on_config=lambda config: None)
    for line in lines:
        listener.hear(line)
    assert listener.problem == problem


def test_given_a_token_that_cannot_be_kept_when_listened_to_then_the_sync_ends() -> None:
    """Catches a sync that goes on although its next one cannot work."""

    def fail(config: dict[str, Any]) -> None:
        raise DemoError("disk full")

    listener = Listener(on_config=fail)
    with pytest.raises(DemoError, match="disk full"):
        list(listener.read_along(lambda: iter([_control(RENEWED)]))())
