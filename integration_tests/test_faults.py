"""What can go wrong between TikTok and here: passing faults cost no record, lasting ones end in bounded time.

The bar: 600 videos under twelve kinds of faults, each exactly once, in under 90 s of real time.
"""

import itertools
import socket
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import freezegun
import pytest
import requests

from integration_tests.command import Command
from integration_tests.conftest import StartSandbox
from integration_tests.in_process import InProcess, hurried, ids_there_are, video_ids
from sandbox import Sandbox
from sandbox.faults import PASSING

LIST, USER, TOKEN = "/v2/video/list/", "/v2/user/info/", "/v2/oauth/token/"
TWELVE = (*PASSING, "token_expired")
HARMLESS = ("wrong_content_type",)
GIVEN_UP = "TikTok gave no valid answer, though the connector asked seven times in about a minute. "
# One wait: 2^n s, a second of the CDK's and up to one of jitter; n is 0 to 5.
LONGEST_WAITS = [2**n + 2 for n in range(6)]
# Every sixth request of about 90, each kind once and some twice: too few for one request to meet seven, by bad luck.
MIXED = dict(zip(range(1, 96, 6), [*TWELVE, "http_500", "html_200", "cut_off_json", "reset_middle"], strict=True))


def long_waits(connector: InProcess) -> list[float]:
    """The waits before a repeated request, without those of a thread for another."""
    return [wait for wait in connector.waits if wait > 1]


@pytest.mark.parametrize("path", [USER, LIST], ids=["user_info", "videos"])
@pytest.mark.parametrize("fault", [*TWELVE, "hang"])
def test_given_one_fault_when_read_then_nothing_is_lost_and_one_request_more(
    fault: str, path: str, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=30, hang_seconds=1.5)
    sandbox.fail(path, fault)
    connector = InProcess(sandbox.base_url, hurried)

    outcome = connector.read(sandbox.config())

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert video_ids(outcome) == ids_there_are(sandbox)
    usual = {USER: 2, LIST: 2}
    extra = 0 if fault in HARMLESS else 1
    assert {p: len(sandbox.requests_to(p)) for p in usual} == {**usual, path: usual[path] + extra}
    assert len(long_waits(connector)) == extra


@pytest.mark.parametrize("fault", ["http_503", "html_200", "empty_200", "cut_off_json", "reset_before", "token_500"])
def test_given_one_fault_at_sign_in_when_read_then_nothing_is_lost(fault: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=30, rotate_refresh_tokens=False)
    sandbox.fail(TOKEN, fault)
    outcome = InProcess(sandbox.base_url).read(sandbox.config())
    assert (outcome.exit_code, outcome.errors, video_ids(outcome)) == (0, [], ids_there_are(sandbox))
    assert len(sandbox.requests_to(TOKEN)) == 2


@pytest.mark.parametrize("fault", ["token_lost", "reset_middle", "cut_off_json"])
def test_given_a_new_refresh_token_lost_on_its_way_when_read_then_the_error_says_what_may_have_happened(
    fault: str, start_sandbox: StartSandbox
) -> None:
    """TikTok has used the old token up; nobody has the new one."""
    sandbox = start_sandbox(videos=1)
    sandbox.fail(TOKEN, fault)
    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "user_info")
    assert outcome.errors[0][0] == "config_error"
    assert "was lost on its way, and the refresh token, which works only once, may have been used up" in str(
        outcome.errors[0][1]
    )
    assert [r.error_code for r in sandbox.requests_to(TOKEN)] == [None, "invalid_grant"]


def test_given_twelve_kinds_of_faults_when_read_then_each_video_once(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=600)
    sandbox.fail_on(LIST, MIXED)
    outcome = InProcess(sandbox.base_url).read(sandbox.config())
    assert (outcome.exit_code, outcome.errors, video_ids(outcome)) == (0, [], ids_there_are(sandbox))
    assert {r.fault for r in sandbox.requests_to(LIST)} == {None, *TWELVE}


def test_given_twelve_kinds_of_faults_over_600_videos_when_read_as_a_process_then_each_once_within_90_seconds(
    start_sandbox: StartSandbox, command: Callable[[Sandbox], Command]
) -> None:
    sandbox = start_sandbox(videos=600)
    sandbox.fail_on(LIST, MIXED)
    sandbox.fail_on(USER, {1: "html_502", 3: "reset_before"})
    started = time.monotonic()

    outcome = command(sandbox).read(sandbox.config())

    assert time.monotonic() - started < 90
    assert (outcome.exit_code, outcome.errors, outcome.stderr) == (0, [], "")
    assert outcome.records("user_info") == [sandbox.account.user]
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert {r.fault for r in sandbox.requests_to(LIST)} == {None, *TWELVE}


@pytest.mark.parametrize("fault", [f for f in TWELVE if f not in (*HARMLESS, "token_expired", "rate_limited")])
def test_given_a_fault_that_stays_when_read_then_a_transient_error_after_seven_tries_and_growing_waits(
    fault: str, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=30)
    sandbox.fail(LIST, *[fault] * 30)
    connector = InProcess(sandbox.base_url)

    outcome = connector.read(sandbox.config())

    assert (outcome.exit_code, outcome.errors[0][0]) == (1, "transient_error")
    assert outcome.errors[0][1].startswith(GIVEN_UP)
    assert len(sandbox.requests_to(LIST)) == 7
    waits = long_waits(connector)
    assert [wait <= longest for wait, longest in zip(waits, LONGEST_WAITS, strict=True)] == [True] * 6
    assert all(later > earlier for earlier, later in itertools.pairwise(waits))
    assert 69 <= sum(waits) <= 75
    assert outcome.records("user_info") == [sandbox.account.user]
    assert (outcome.statuses("user_info")[-1], outcome.statuses("videos")[-1]) == ("COMPLETE", "INCOMPLETE")


def test_given_no_answer_ever_when_read_then_each_try_ends_with_the_timeout(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=1, hang_seconds=60)
    sandbox.fail(USER, *["hang"] * 30)
    outcome = InProcess(sandbox.base_url, hurried).read(sandbox.config(), "user_info")
    assert (outcome.exit_code, outcome.errors[0][0], len(sandbox.requests_to(USER))) == (1, "transient_error", 7)


def test_given_the_manifest_when_loaded_then_requests_have_timeouts() -> None:
    """`hurried` lowers the one of them in these tests."""
    from source_tiktok_organic.source import load_manifest

    requester = load_manifest()["definitions"]["requester"]
    assert (requester["connect_timeout_in_seconds"], requester["read_timeout_in_seconds"]) == (10, 60)


@pytest.mark.parametrize("command_name", ["check", "read"])
def test_given_a_name_that_cannot_be_resolved_when_used_then_a_transient_error_in_bounded_time(
    command_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unresolved(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    monkeypatch.setattr(requests.utils, "should_bypass_proxies", lambda *_, **__: True)
    config = {"credentials": {"auth_type": "access_token", "access_token": "act.unused"}}
    connector = InProcess("https://tiktok.invalid")

    outcome = connector.check(config) if command_name == "check" else connector.read(config, "user_info")

    assert len(long_waits(connector)) == 6
    if command_name == "check":
        assert outcome.of("CONNECTION_STATUS")[0]["status"] == "FAILED"
    else:
        assert (outcome.exit_code, outcome.errors[0][0]) == (1, "transient_error")


@pytest.mark.parametrize("offset", [3600, -3600], ids=["fast", "slow"])
@pytest.mark.parametrize("lookback", [0, 30])
def test_given_a_clock_an_hour_off_when_read_twice_then_everything_is_read(
    offset: int, lookback: int, start_sandbox: StartSandbox
) -> None:
    """The second sync is a day later, with a right clock: what was posted since must not be skipped."""
    now = int(time.time()) - 30 * 86_400
    sandbox = start_sandbox(videos=40, now=now, years=1)
    posted = {sandbox.account.post(now - age)["id"] for age in (1, 1800, 3599, 3601)}
    connector, config = InProcess(sandbox.base_url), {"start_date": "2022-01-01", "lookback_window_days": lookback}

    with clock_at(now + offset):
        first = connector.read(sandbox.config(**config))
    late = {sandbox.account.post(now + age)["id"] for age in (1, 1800, 3599, 3601, 7200)}
    with clock_at(now + 86_400):
        second = connector.read(sandbox.config(**config), state=first.states[-1])

    assert (first.errors, second.errors) == ([], [])
    assert posted <= set(video_ids(first))
    assert late <= set(video_ids(second))
    assert sorted({*video_ids(first), *video_ids(second)}) == ids_there_are(sandbox)


def test_given_one_stream_failing_for_good_when_read_then_the_other_is_complete_and_the_state_covers_what_was_read(
    start_sandbox: StartSandbox,
) -> None:
    sandbox = start_sandbox(videos=600)
    sandbox.fail_on(LIST, {20: "invalid_params"})
    connector, config = InProcess(sandbox.base_url), {"lookback_window_days": 0}

    first = connector.read(sandbox.config(**config))
    second = connector.read(sandbox.config(**config), state=first.states[-1])

    assert first.records("user_info") == second.records("user_info") == [sandbox.account.user]
    assert (first.statuses("user_info")[-1], first.statuses("videos")[-1]) == ("COMPLETE", "INCOMPLETE")
    assert {failure for failure, _ in first.errors} == {"system_error"}
    assert (second.exit_code, second.errors) == (0, [])
    assert sorted({*video_ids(first), *video_ids(second)}) == ids_there_are(sandbox)
    assert len(video_ids(first)) > 300


def test_given_the_profile_failing_when_only_its_own_request_fails_then_the_videos_are_complete(
    start_sandbox: StartSandbox,
) -> None:
    """The stream user_info asks for its columns, the videos' parent only for the open_id."""
    sandbox = start_sandbox(videos=30)
    config = sandbox.access_token_config(scopes=["user.info.basic", "video.list"])
    outcome = InProcess(sandbox.base_url).read(config)
    assert outcome.errors[0][0] == "config_error"
    assert (outcome.statuses("user_info")[-1], outcome.statuses("videos")[-1]) == ("INCOMPLETE", "COMPLETE")
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert outcome.states != []


def clock_at(second: int) -> Any:
    """The connector's clock stands at `second`; the sandbox goes by its own (s)."""
    return freezegun.freeze_time(datetime.fromtimestamp(second, tz=timezone.utc), ignore=["sandbox"])


@pytest.mark.parametrize(
    ("faults", "posts", "longest", "failure"),
    [(["invalid_grant"] * 99, 3, 10, "config_error"), (["http_503"] * 99, 12, 99, "transient_error")],
    ids=["dead_token", "no_sign_in"],
)
def test_given_a_renewal_that_fails_in_the_middle_when_every_worker_needs_it_then_it_is_not_tried_by_each(
    faults: list[str], posts: int, longest: float, failure: str, start_sandbox: StartSandbox
) -> None:
    """They would try one after the other, 21 s each, and post a token that is used up dozens of times."""
    sandbox = start_sandbox(videos=3000, years=11, latency=0.15, access_token_lifetime=2)
    sandbox.fail(TOKEN, *faults)
    connector, config = InProcess(sandbox.base_url), sandbox.config()
    config["credentials"] |= {"access_token": sandbox.grant().access_token, "token_expiry_date": in_two_seconds()}

    outcome = connector.read(config)

    assert (outcome.exit_code, outcome.errors[0][0], len(sandbox.requests_to(TOKEN)) <= posts) == (1, failure, True)
    assert sum(wait for wait in connector.waits if wait >= 1) <= longest
    assert outcome.states != []


def in_two_seconds() -> str:
    """As the connector stores it."""
    return datetime.fromtimestamp(time.time() + 2, tz=timezone.utc).isoformat()
