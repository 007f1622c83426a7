"""What can go wrong between TikTok and here: passing faults cost no records, lasting ones end in bounded time.

The bar: 600 videos under twelve kinds of faults, each exactly once, in under 90 s of real time.
"""

import itertools
import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import freezegun
import pytest

from integration_tests import sentences
from integration_tests.command import Command
from integration_tests.conftest import StartSandbox
from integration_tests.in_process import InProcess, hurried, ids_there_are, long_waits, video_ids
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import USER_INFO_PATH as USER
from sandbox.facts import VIDEO_LIST_PATH as LIST
from sandbox.faults import PASSING
from unit_tests.outcome import Outcome

TWELVE = (*PASSING, "token_expired")
HARMLESS = ("wrong_content_type",)
INTERNAL, UNREADABLE = sentences.of_code("internal_error"), sentences.of_code("unreadable")
SAID = {
    "http_500": INTERNAL,
    "error_in_200": INTERNAL,
    "unknown_503": sentences.of_status(503),
    **dict.fromkeys(("http_503", "html_502", "html_200", "empty_200", "cut_off_json"), UNREADABLE),
    **dict.fromkeys(("reset_before", "reset_middle"), sentences.NO_RESPONSE),
}
# Each wait is 2^n s, plus one second from the CDK and up to one of jitter; n is 0 to 5.
LONGEST_WAITS = [2**n + 2 for n in range(6)]
# Every third of about 50 requests: hardly ever does one request meet seven of them, after which it would give up. The
# limit comes last: it costs up to a minute, and more where few requests were admitted before.
MIXED = dict(zip(range(1, 36, 3), [*TWELVE[1:], TWELVE[0]], strict=True))


@pytest.mark.parametrize("path", [USER, LIST], ids=["user_info", "videos"])
@pytest.mark.parametrize("fault", [*TWELVE, "hang"])
def test_single_fault_costs_one_more_request(fault: str, path: str, start_sandbox: StartSandbox) -> None:
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


@pytest.mark.parametrize(
    "fault", ["http_503", "html_200", "empty_200", "cut_off_json", "reset_before", "token_500", "token_limited"]
)
def test_single_fault_at_sign_in_costs_no_record(fault: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=30, rotate_refresh_tokens=False)
    sandbox.fail(TOKEN, fault)
    outcome = InProcess(sandbox.base_url).read(sandbox.config())
    assert (outcome.exit_code, outcome.errors, video_ids(outcome)) == (0, [], ids_there_are(sandbox))
    assert len(sandbox.requests_to(TOKEN)) == 2


@pytest.mark.parametrize("fault", ["token_lost", "reset_middle", "cut_off_json"])
def test_lost_refresh_token_ends_as_a_used_one(fault: str, start_sandbox: StartSandbox) -> None:
    """TikTok has invalidated the old token, and nobody has the new one."""
    sandbox = start_sandbox(videos=1)
    sandbox.fail(TOKEN, fault)
    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "user_info")
    assert (outcome.exit_code, outcome.errors[0]) == (1, sentences.of_token_error("invalid_grant"))
    assert [r.error_code for r in sandbox.requests_to(TOKEN)] == [None, "invalid_grant"]
    assert outcome.configs == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        *(
            (fault, sentences.of_token_error("no_valid_response"))
            for fault in ("html_502", "empty_200", "token_limited")
        ),
        *((fault, sentences.NO_RESPONSE) for fault in ("reset_before", "token_lost")),
    ],
)
def test_sign_in_without_response_is_transient(fault: str, said: tuple[str, str], start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=1, rotate_refresh_tokens=False)
    sandbox.fail(TOKEN, *[fault] * 30)
    connector = InProcess(sandbox.base_url)
    outcome = connector.read(sandbox.config(), "user_info")
    assert (outcome.exit_code, outcome.errors[0], outcome.configs) == (1, said, [])
    assert (len(sandbox.requests_to(TOKEN)), long_waits(connector)) == (4, [4, 16])


def test_twelve_kinds_of_faults_cost_no_video(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=600)
    sandbox.fail_on(LIST, MIXED)
    outcome = InProcess(sandbox.base_url).read(sandbox.config())
    assert (outcome.exit_code, outcome.errors, video_ids(outcome)) == (0, [], ids_there_are(sandbox))
    assert {r.fault for r in sandbox.requests_to(LIST)} == {None, *TWELVE}


def test_twelve_kinds_of_faults_take_under_90_seconds(
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


@pytest.mark.parametrize("fault", SAID)
def test_persistent_fault_ends_after_seven_tries(fault: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=30)
    sandbox.fail(LIST, *[fault] * 30)
    connector = InProcess(sandbox.base_url)

    outcome = connector.read(sandbox.config())

    assert (outcome.exit_code, outcome.errors[0], SAID[fault][0]) == (1, SAID[fault], "transient_error")
    assert len(sandbox.requests_to(LIST)) == 7
    waits = long_waits(connector)
    assert [wait <= longest for wait, longest in zip(waits, LONGEST_WAITS, strict=True)] == [True] * 6
    assert all(later > earlier for earlier, later in itertools.pairwise(waits))
    assert 69 <= sum(waits) <= 75
    assert outcome.records("user_info") == [sandbox.account.user]
    assert (outcome.statuses("user_info")[-1], outcome.statuses("videos")[-1]) == ("COMPLETE", "INCOMPLETE")


def test_requests_without_response_end_with_the_timeout(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=1, hang_seconds=60)
    sandbox.fail(USER, *["hang"] * 30)
    outcome = InProcess(sandbox.base_url, hurried).read(sandbox.config(), "user_info")
    assert (outcome.exit_code, outcome.errors[0], len(sandbox.requests_to(USER))) == (1, sentences.NO_RESPONSE, 7)


@pytest.mark.parametrize("offset", [3600, -3600], ids=["fast", "slow"])
@pytest.mark.parametrize("lookback", [0, 30])
def test_clock_an_hour_off_skips_no_video(offset: int, lookback: int, start_sandbox: StartSandbox) -> None:
    """The second sync runs a day later with a correct clock: what was posted since must not be skipped."""
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


def test_failed_stream_leaves_the_other_complete(
    start_sandbox: StartSandbox,
) -> None:
    """The next sync resumes from the state, which covers what was read."""
    sandbox = start_sandbox(videos=600)
    sandbox.fail_on(LIST, {20: "scope_not_authorized"})
    connector, config = InProcess(sandbox.base_url), {"lookback_window_days": 0}

    first = connector.read(sandbox.config(**config))
    second = connector.read(sandbox.config(**config), state=first.states[-1])

    assert first.records("user_info") == second.records("user_info") == [sandbox.account.user]
    assert (first.statuses("user_info")[-1], first.statuses("videos")[-1]) == ("COMPLETE", "INCOMPLETE")
    assert first.errors[0] == sentences.of_code("scope_not_authorized")
    assert (second.exit_code, second.errors) == (0, [])
    assert sorted({*video_ids(first), *video_ids(second)}) == ids_there_are(sandbox)
    assert 200 < len(video_ids(first)) < 600


def test_videos_are_complete_without_the_profile(
    start_sandbox: StartSandbox,
) -> None:
    """The stream user_info requests all its columns, the parent of videos falls back to the open_id alone."""
    sandbox = start_sandbox(videos=30)
    config = sandbox.access_token_config(scopes=["user.info.basic", "video.list"])
    outcome = InProcess(sandbox.base_url).read(config)
    assert outcome.errors[0][0] == "config_error"
    assert (outcome.statuses("user_info")[-1], outcome.statuses("videos")[-1]) == ("INCOMPLETE", "COMPLETE")
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert outcome.states != []


def clock_at(second: int) -> Any:
    """Stop the connector's clock at `second`; the sandbox keeps its own (s)."""
    return freezegun.freeze_time(datetime.fromtimestamp(second, tz=timezone.utc), ignore=["sandbox"])


@pytest.mark.parametrize(
    ("fault", "waits", "said"),
    [
        ("invalid_grant", [], sentences.of_token_error("invalid_grant")),
        ("http_503", [1, 4, 16], sentences.of_token_error("no_valid_response")),
    ],
    ids=["dead_token", "no_sign_in"],
)
def test_failed_refresh_is_not_repeated_by_each_worker(
    fault: str, waits: list[int], said: tuple[str, str], start_sandbox: StartSandbox
) -> None:
    """Otherwise they would try in turn, 21 s each, and post a used-up token dozens of times."""
    sandbox = start_sandbox(videos=3000, years=11, latency=0.15, access_token_lifetime=2)
    sandbox.fail(TOKEN, *[fault] * 99)
    connector, config = InProcess(sandbox.base_url), sandbox.config()
    config["credentials"] |= {"access_token": sandbox.grant().access_token, "token_expiry_date": in_two_seconds()}

    outcome = connector.read(config)

    assert (outcome.exit_code, outcome.errors[0]) == (1, said)
    assert (len(sandbox.requests_to(TOKEN)), [w for w in connector.waits if w in (1, 4, 16)]) == (len(waits) + 1, waits)
    assert outcome.states != []


def test_outage_is_met_once_by_a_whole_stream(start_sandbox: StartSandbox) -> None:
    """Not 54 error messages and 371 requests: what is not started when the first request gives up sends none."""
    sandbox = start_sandbox(videos=2000, latency=0.02)
    sandbox.fail(LIST, *[None] * 20, *["http_503"] * 400)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(num_workers=20), "videos")

    closing = f"During the sync, the following streams did not sync successfully: videos: {UNREADABLE[1]}"
    assert (outcome.exit_code, outcome.errors) == (1, [UNREADABLE, ("config_error", closing)])
    assert [e["stream_descriptor"]["name"] for e in traces(outcome) if "stream_descriptor" in e] == ["videos"]
    assert 7 <= sum(r.fault is not None for r in sandbox.requests_to(LIST)) <= 20 * 7
    assert 200 < len(video_ids(outcome)) < 2000
    sizes = sorted((len(json.dumps(m)), str(m)[:300]) for m in outcome.messages if m["type"] != "RECORD")
    assert sum(size for size, _ in sizes) < 150_000, sizes[-5:]
    assert outcome.statuses("videos")[-1] == "INCOMPLETE"


def test_sync_after_an_outage_completes_the_records(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=2000, latency=0.02)
    sandbox.fail(LIST, *[None] * 60, *["http_503"] * 200)
    connector, config = InProcess(sandbox.base_url), {"lookback_window_days": 0}

    first = connector.read(sandbox.config(**config), "videos")
    sandbox.reset()
    second = connector.read(sandbox.config(**config), "videos", state=first.states[-1])

    assert (first.exit_code, first.errors[0] in {UNREADABLE, sentences.NO_RESPONSE}) == (1, True)
    assert (second.exit_code, second.errors) == (0, [])
    assert sorted({*video_ids(first), *video_ids(second)}) == ids_there_are(sandbox)
    assert len(set(video_ids(first))) == len(video_ids(first))


def traces(outcome: Outcome) -> list[dict[str, Any]]:
    """The error traces, whole."""
    return [trace["error"] for trace in outcome.of("TRACE") if trace["type"] == "ERROR"]


def in_two_seconds() -> str:
    """Two seconds from now, in the format that the connector stores."""
    return datetime.fromtimestamp(time.time() + 2, tz=timezone.utc).isoformat()
