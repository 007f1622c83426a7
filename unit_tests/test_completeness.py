"""After a full read, the log compares the number of listed videos with TikTok's count."""

from types import SimpleNamespace
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, Type

from source_tiktok_organic.account import report_account
from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector
from unit_tests.tiktok import OAUTH_CONFIG, USER, TikTok, error_response, ok_response
from unit_tests.video_factory import DAY, NOW_S, OWN, config, posts, state_of


def logged(outcome: Any) -> list[tuple[str, str]]:
    found = [(log["level"], log["message"]) for log in outcome.of("LOG")]
    return [(level, text) for level, text in found if text.startswith("TikTok counts")]


@pytest.mark.parametrize(
    ("counted", "listed", "level"),
    [(10, 10, "INFO"), (10, 9, "INFO"), (10, 8, "WARN"), (1_500, 10, "WARN"), (10, 0, "WARN"), (0, 0, "INFO")],
)
def test_full_read_compares_its_videos_with_the_count(
    counted: int, listed: int, level: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_videos(*posts(listed, DAY)).responds("user", ok_response({"user": {**USER, "video_count": counted}}))
    outcome = connector.read(OAUTH_CONFIG)
    assert logged(outcome) == [(level, f"TikTok counts {counted:,} videos; {listed:,} were listed.")]


@pytest.mark.parametrize("streams", [["videos"], ["user_info"]])
def test_incomplete_comparison_is_not_logged(streams: list[str], tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(*posts(3, DAY))
    assert logged(connector.read(OAUTH_CONFIG, *streams)) == []


@pytest.mark.parametrize("count", [None, "many"])
def test_unknown_count_is_not_compared(count: Any, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(*posts(3, DAY)).responds("user", ok_response({"user": {**USER, "video_count": count}}))
    outcome = connector.read(OAUTH_CONFIG)
    assert (logged(outcome), outcome.errors) == ([], [])


def test_other_streams_records_keep_the_comparison(caplog: pytest.LogCaptureFixture) -> None:
    found = {"user_info": {"open_id": "a", "video_count": 1}, "videos": {"open_id": "a"}, "another": {}}
    messages = [AirbyteMessage(Type.RECORD, record=AirbyteRecordMessage(name, data, 0)) for name, data in found.items()]
    everything: Any = SimpleNamespace(covers_from=0)
    with caplog.at_level("INFO"):
        passed = list(report_account(iter(messages), [everything], load_manifest()))
    assert (passed, caplog.messages) == (
        messages,
        ["Authenticated as a (open_id a).", "TikTok counts 1 videos; 1 were listed."],
    )


def test_partial_sync_is_not_compared(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(*posts(3, DAY))
    assert logged(connector.read(config(start_date="2020-01-01"))) == []


@pytest.mark.parametrize(
    ("setting", "level"), [("never", None), ("monthly", None), ("weekly", "WARN")], ids=["never", "not_today", "today"]
)
def test_sync_with_a_state_compares_if_it_reads_all(
    setting: str, level: str | None, tiktok: TikTok, connector: Connector, clock: Any
) -> None:
    clock.move_to("2026-11-08T12:00:00Z")  # a Sunday
    tiktok.with_videos(*posts(3, DAY)).responds("user", ok_response({"user": {**USER, "video_count": 10}}))
    options = {**OAUTH_CONFIG, "additional_full_sync": setting}
    outcome = connector.read(options, "videos", "user_info", state=state_of(NOW_S - 2 * DAY))
    assert logged(outcome) == ([(level, "TikTok counts 10 videos; 3 were listed.")] if level else [])


def test_continued_sync_is_not_compared(tiktok: TikTok, connector: Connector) -> None:
    """Videos that the stopped sync read are not listed again."""
    tiktok.with_videos(*posts(3, DAY)).responds("user", ok_response({"user": {**USER, "video_count": 10}}))
    read = {"state_type": "date-range", "slices": [{"start": str(NOW_S - 2 * DAY), "end": str(NOW_S - DAY)}]}
    state = {"states": [{"partition": {"open_id": OWN, "parent_slice": {}}, "cursor": read}]}
    assert logged(connector.read(OAUTH_CONFIG, state=state)) == []


def test_failed_read_is_not_compared(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(*posts(3, DAY)).responds("user", ok_response({"user": {**USER, "video_count": 10}}))
    tiktok.responds("videos", error_response("invalid_params", 400))
    outcome = connector.read(OAUTH_CONFIG)
    assert (outcome.exit_code, logged(outcome)) == (1, [])
