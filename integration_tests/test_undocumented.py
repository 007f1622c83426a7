"""What TikTok's documentation leaves open, and what an account may lack: each record exactly once, or an error."""

from typing import Any

import pytest

from integration_tests.conftest import StartSandbox
from integration_tests.in_process import InProcess, videos, videos_there_are
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import VIDEO_LIST_PATH as LIST

START_DATE = "1388534400"  # 2014-01-01


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"cursor_inclusive": True},
        {"split_seconds": True},
        {"short_pages": True},
        {"empty_pages": True},
        {"cursor_milliseconds": True},
        {"ids_as_numbers": True},
        {"id_lag": True},
        {"refuse_encoded_commas": True},
        {"rotate_refresh_tokens": False},
        {"refresh_prolongs": True},
        {"cursor_inclusive": True, "split_seconds": True, "short_pages": True, "empty_pages": True},
    ],
    ids=lambda switches: "+".join(switches) or "as_documented",
)
def test_undocumented_behaviour_costs_no_video(switches: Any, start_sandbox: StartSandbox) -> None:
    """Each switch is a point that TikTok's documentation leaves open."""
    sandbox = start_sandbox(videos=300, same_second=5, **switches)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert videos(outcome) == videos_there_are(sandbox)


@pytest.mark.parametrize("every_page", [False, True], ids=["first_page", "every_page"])
def test_second_that_pages_cut_below_a_pinned_post_is_an_error(every_page: bool, start_sandbox: StartSandbox) -> None:
    """The post is listed nowhere else, and of the same second as more videos than a page has."""
    sandbox = start_sandbox(videos=30, split_seconds=True)
    second = sandbox.account.videos[0]["create_time"] + 60
    crowd = [sandbox.account.post(second) for _ in range(22)]
    sandbox.account.pin(crowd[0]["id"], every_page, listed_again=False)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors[0][0]) == (1, "system_error")
    assert "its cursor does not lead to them" in outcome.errors[0][1]
    assert outcome.states[-1]["states"][0]["cursor"] == {"create_time": START_DATE}


@pytest.mark.parametrize("switch", ["stuck_cursor", "gone_without_cursor"])
def test_useless_cursor_is_an_error_and_no_loop(switch: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=90, **{switch: True})
    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")
    assert (outcome.exit_code, outcome.errors[0][0]) == (1, "system_error")
    assert "its cursor does not lead to them" in outcome.errors[0][1]
    assert len(sandbox.requests_to(LIST)) <= 1 + 4 * 2  # the first page, and two of each part


@pytest.mark.parametrize("status", [200, 400])
def test_expired_refresh_token_fails_check_with_advice(status: int, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(token_error_status=status)
    config = sandbox.config()
    sandbox.expire_refresh_tokens()
    outcome = InProcess(sandbox.base_url).check(config)
    (result,) = outcome.of("CONNECTION_STATUS")
    assert (result["status"], outcome.exit_code) == ("FAILED", 0)
    assert "Sign in to TikTok again and put the new credentials into this source." in result["message"]


def test_access_token_is_used_without_a_refresh(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=30)
    outcome = InProcess(sandbox.base_url).read(sandbox.access_token_config())
    assert (outcome.exit_code, len(outcome.records("videos"))) == (0, 30)
    assert sandbox.requests_to(TOKEN) == []


def test_account_without_videos_is_a_complete_sync(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=0)
    outcome = InProcess(sandbox.base_url).read(sandbox.config())
    assert (outcome.exit_code, outcome.errors, outcome.records("videos")) == (0, [], [])
    assert outcome.statuses("videos")[-1] == "COMPLETE"


def test_mixed_faults_cost_no_record(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=120)
    sandbox.fail_on(LIST, {2: "http_500", 4: "html_200", 6: "reset_middle"})
    outcome = InProcess(sandbox.base_url).read(sandbox.config())
    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert videos(outcome) == videos_there_are(sandbox)
