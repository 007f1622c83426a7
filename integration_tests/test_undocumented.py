"""Undocumented behaviour of TikTok, and unusual accounts: each record exactly once, or an error."""

from typing import Any

import pytest

from integration_tests.conftest import StartSandbox
from integration_tests.expected_messages import INVALID_CURSOR, closing, of_token_error
from integration_tests.truth import expected_videos, videos
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.connector import InProcess

START_DATE = "1388534400"  # 2014-01-01


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"cursor_inclusive": True},
        {"split_seconds": True},
        {"short_pages": True},
        {"empty_pages": True},
        {"empty_first_page": True},
        {"cursor_form": "text"},
        {"cursor_milliseconds": True},
        {"ids_as_numbers": True},
        {"id_lag": True},
        {"refuse_encoded_commas": True},
        {"rotate_refresh_tokens": False},
        {"refresh_prolongs": True},
        {"cursor_inclusive": True, "split_seconds": True, "short_pages": True, "empty_pages": True},
        {"cursor_milliseconds": True, "split_seconds": True, "short_pages": True, "empty_first_page": True},
    ],
    ids=lambda switches: "+".join(switches) or "as_documented",
)
def test_undocumented_behaviour_loses_no_video(switches: Any, start_sandbox: StartSandbox) -> None:
    """Each switch is an undocumented behaviour."""
    sandbox = start_sandbox(videos=300, same_second=5, **switches)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert videos(outcome) == expected_videos(sandbox)


@pytest.mark.parametrize("every_page", [False, True], ids=["first_page", "every_page"])
def test_second_cut_below_a_pinned_post_is_an_error(every_page: bool, start_sandbox: StartSandbox) -> None:
    """The post is listed nowhere else, and shares its second with more videos than a page has."""
    sandbox = start_sandbox(videos=30, split_seconds=True)
    second = sandbox.account.videos[0]["create_time"] + 60
    crowd = [sandbox.account.post(second) for _ in range(22)]
    sandbox.account.pin(crowd[0]["id"], every_page, listed_again=False)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors) == (1, [INVALID_CURSOR, closing("videos", INVALID_CURSOR)])
    assert outcome.states[-1]["states"][0]["cursor"] == {"create_time": START_DATE}


@pytest.mark.parametrize(("switch", "requests"), [("stuck_cursor", 2), ("gone_without_cursor", 1)])
def test_invalid_cursor_raises_instead_of_looping(switch: str, requests: int, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=90, **{switch: True})
    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")
    assert (outcome.exit_code, outcome.errors) == (1, [INVALID_CURSOR, closing("videos", INVALID_CURSOR)])
    assert len(sandbox.requests_to(LIST)) == requests


def test_every_window_reports_an_invalid_cursor_once(start_sandbox: StartSandbox) -> None:
    """Each requests its first page, whose cursor is valid, and the next one."""
    sandbox = start_sandbox(videos=1500, stuck_cursor=True)
    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")
    windows = len(sandbox.requests_to(LIST)) // 2
    assert 2 <= windows <= 4
    assert (outcome.exit_code, outcome.errors[:-1]) == (1, [INVALID_CURSOR] * windows)
    assert (outcome.errors[-1][0], outcome.statuses("videos")[-1]) == ("config_error", "INCOMPLETE")


@pytest.mark.parametrize("form", ["seconds", "true", "float", "negative", "small"])
def test_malformed_cursor_is_invalid(form: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=90, cursor_form=form)
    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")
    assert (outcome.exit_code, outcome.errors) == (1, [INVALID_CURSOR, closing("videos", INVALID_CURSOR)])
    assert len(sandbox.requests_to(LIST)) == 1


@pytest.mark.parametrize("videos_counted", [0, 5, 100_000])
@pytest.mark.parametrize("number", [300, 1500])
def test_wrong_video_count_loses_no_video(number: int, videos_counted: int, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=number)
    sandbox.account.claimed_video_count = videos_counted

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert videos(outcome) == expected_videos(sandbox)


@pytest.mark.parametrize("every_page", [False, True], ids=["first_page", "every_page"])
@pytest.mark.parametrize("counted", [False, True], ids=["on_top", "counted"])
def test_pinned_posts_are_emitted_once(counted: bool, every_page: bool, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=300, pins_counted=counted)
    for place in (0, 150, 299):
        sandbox.account.pin(sandbox.account.videos[place]["id"], every_page)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert videos(outcome) == expected_videos(sandbox)


@pytest.mark.parametrize("status", [200, 400])
def test_expired_refresh_token_fails_check_with_advice(status: int, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(token_error_status=status)
    config = sandbox.config()
    sandbox.expire_refresh_tokens()
    outcome = InProcess(sandbox.base_url).check(config)
    _, message = of_token_error("invalid_grant")
    assert (outcome.exit_code, outcome.of("CONNECTION_STATUS")) == (0, [{"status": "FAILED", "message": message}])


def test_access_token_is_used_without_a_refresh(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=30)
    outcome = InProcess(sandbox.base_url).read(sandbox.access_token_config())
    assert (outcome.exit_code, len(outcome.records("videos"))) == (0, 30)
    assert sandbox.requests_to(TOKEN) == []


def test_account_without_videos_syncs_completely(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=0)
    outcome = InProcess(sandbox.base_url).read(sandbox.config())
    assert (outcome.exit_code, outcome.errors, outcome.records("videos")) == (0, [], [])
    assert outcome.statuses("videos")[-1] == "COMPLETE"
    assert outcome.states[-1]["states"][0]["cursor"] == {"create_time": START_DATE}
