"""Faults between TikTok and the connector: transient ones lose no record, persistent ones fail in bounded time.

The bar: 600 videos under twelve kinds of faults, each exactly once, in under 90 s of real time.
"""

import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import freezegun
import pytest

from integration_tests import expected_messages
from integration_tests.conftest import StartSandbox
from integration_tests.expected_messages import NO_RESPONSE, NO_TOKEN_RESPONSE, closing
from integration_tests.truth import expected_ids, video_ids
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import USER_INFO_PATH as USER
from sandbox.facts import VIDEO_LIST_PATH as LIST
from sandbox.faults import TRANSIENT
from unit_tests.command_result import Outcome
from unit_tests.connector import Command, InProcess

STREAMS = {USER: "user_info", LIST: "videos"}
ENDPOINTS = pytest.mark.parametrize("path", STREAMS, ids=["user_info", "videos"])
TWELVE = (*TRANSIENT, "token_expired")
WAITS = {"wrong_content_type": 0, "rate_limited": 61}  # s; for all others 1
INTERNAL, UNREADABLE = expected_messages.of_code("internal_error"), expected_messages.of_code("unreadable")
ERRORS = {
    "http_500": INTERNAL,
    "error_in_200": INTERNAL,
    "unknown_503": expected_messages.of_status(503),
    **dict.fromkeys(("http_503", "html_502", "html_200", "empty_200", "cut_off_json"), UNREADABLE),
    **dict.fromkeys(("reset_before", "reset_middle", "hang"), NO_RESPONSE),
}
# Every third of about 50 requests; the request after a fault succeeds.
MIXED = dict(zip(range(1, 36, 3), [*TWELVE[1:], TWELVE[0]], strict=True))


def short_read_timeout(manifest: dict[str, Any]) -> None:
    """Lower the read timeout in the manifest, so that a test can wait for it."""
    manifest["definitions"]["requester"]["read_timeout_in_seconds"] = 0.3


@ENDPOINTS
@pytest.mark.parametrize("fault", [*TWELVE, "unknown_503", "hang"])
def test_single_fault_needs_one_more_request(fault: str, path: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=30, hang_seconds=1.5)
    sandbox.fail(path, fault)
    connector = InProcess(sandbox.base_url, short_read_timeout)

    outcome = connector.read(sandbox.config())

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert video_ids(outcome) == expected_ids(sandbox)
    usual = {USER: 2, LIST: 2}
    wait = WAITS.get(fault, 1)
    assert {p: len(sandbox.requests_to(p)) for p in usual} == {**usual, path: usual[path] + (wait > 0)}
    assert round(sum(connector.waits)) == wait


@pytest.mark.parametrize(
    "fault", ["http_503", "html_200", "empty_200", "cut_off_json", "reset_before", "token_500", "token_limited"]
)
def test_single_token_endpoint_fault_loses_no_record(fault: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=30, rotate_refresh_tokens=False)
    sandbox.fail(TOKEN, fault)
    outcome = InProcess(sandbox.base_url).read(sandbox.config())
    assert (outcome.exit_code, outcome.errors, video_ids(outcome)) == (0, [], expected_ids(sandbox))
    assert len(sandbox.requests_to(TOKEN)) == 2


@pytest.mark.parametrize("fault", ["token_lost", "reset_middle", "cut_off_json"])
def test_lost_token_response_fails_as_a_used_token(fault: str, start_sandbox: StartSandbox) -> None:
    """TikTok has invalidated the old token, and nobody has the new one."""
    sandbox = start_sandbox(videos=1)
    sandbox.fail(TOKEN, fault)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "user_info")

    error = expected_messages.of_token_error("invalid_grant")
    assert (outcome.exit_code, outcome.errors) == (1, [error, closing("user_info", error)])
    assert [r.error_code for r in sandbox.requests_to(TOKEN)] == [None, "invalid_grant"]
    assert (outcome.of("RECORD"), outcome.configs) == ([], [])


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        *(
            (name, expected_messages.of_token_error("no_valid_response"))
            for name in ("html_502", "empty_200", "token_limited")
        ),
        *((name, NO_TOKEN_RESPONSE) for name in ("reset_before", "token_lost")),
    ],
)
def test_persistent_token_endpoint_fault_fails(fault: str, error: tuple[str, str], start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=1, rotate_refresh_tokens=False)
    sandbox.fail(TOKEN, *[fault] * 30)
    connector = InProcess(sandbox.base_url)

    outcome = connector.read(sandbox.config(), "user_info")

    assert (outcome.exit_code, outcome.errors) == (1, [error, closing("user_info", error)])
    assert ([r.path for r in sandbox.requests], connector.long_waits) == ([TOKEN] * 4, [1, 4, 16])
    assert outcome.configs == []


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
    assert video_ids(outcome) == expected_ids(sandbox)
    assert {r.fault for r in sandbox.requests_to(LIST)} == {None, *TWELVE}


@ENDPOINTS
@pytest.mark.parametrize("fault", ERRORS)
def test_persistent_fault_fails_after_seven_attempts(fault: str, path: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=30, hang_seconds=60)
    sandbox.fail(path, *[fault] * 30)
    connector = InProcess(sandbox.base_url, short_read_timeout)
    stream = STREAMS[path]

    outcome = connector.read(sandbox.config(), stream)

    assert (outcome.exit_code, outcome.errors) == (1, [ERRORS[fault], closing(stream, ERRORS[fault])])
    assert (outcome.of("RECORD"), outcome.statuses(stream)[-1]) == ([], "INCOMPLETE")
    assert (len(sandbox.requests_to(path)), connector.long_waits) == (7, [1, 2, 4, 8, 16, 32])


@pytest.mark.parametrize("offset", [3600, -3600], ids=["fast", "slow"])
@pytest.mark.parametrize("lookback", [0, 30])
def test_clock_an_hour_off_skips_no_video(offset: int, lookback: int, start_sandbox: StartSandbox) -> None:
    """The second sync runs a day later with a correct clock: videos posted since must not be skipped."""
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
    assert sorted({*video_ids(first), *video_ids(second)}) == expected_ids(sandbox)


def test_failed_stream_leaves_the_other_complete(start_sandbox: StartSandbox) -> None:
    """The next sync requests only the pages that the first one has not read."""
    sandbox = start_sandbox(videos=600)
    sandbox.fail_on(LIST, {20: "scope_not_authorized"})
    connector = InProcess(sandbox.base_url)

    first = connector.read(sandbox.config(lookback_window_days=0))
    second = connector.read(sandbox.config(lookback_window_days=0), state=first.states[-1])

    assert first.records("user_info") == second.records("user_info") == [sandbox.account.user]
    assert (first.statuses("user_info")[-1], first.statuses("videos")[-1]) == ("COMPLETE", "INCOMPLETE")
    error = expected_messages.of_missing_scope("videos")
    assert (first.exit_code, first.errors) == (1, [error, closing("videos", error)])
    assert (second.exit_code, second.errors) == (0, [])
    assert sorted({*video_ids(first), *video_ids(second)}) == expected_ids(sandbox)
    assert len(video_ids(first)) > 300
    assert len(video_ids(first)) + len(video_ids(second)) <= 603  # one second is read again
    assert len(sandbox.requests_to(LIST)) <= 20 + 14


def test_videos_are_complete_without_the_profile(start_sandbox: StartSandbox) -> None:
    """The stream videos needs no column of the profile but `open_id`."""
    sandbox = start_sandbox(videos=30, refused_fields=("display_name",))

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    error = expected_messages.of_code("invalid_params")
    assert (outcome.exit_code, outcome.errors) == (1, [error, closing("user_info", error)])
    assert (outcome.statuses("user_info")[-1], outcome.statuses("videos")[-1]) == ("INCOMPLETE", "COMPLETE")
    assert (outcome.records("user_info"), video_ids(outcome)) == ([], expected_ids(sandbox))
    newest = max(video["create_time"] for video in sandbox.account.videos)
    assert outcome.states[-1]["states"][0]["cursor"] == {"create_time": str(newest)}


def clock_at(second: int) -> Any:
    """Stop the connector's clock at `second`; the sandbox keeps its own (s)."""
    return freezegun.freeze_time(datetime.fromtimestamp(second, tz=timezone.utc), ignore=["sandbox"])


@pytest.mark.parametrize(
    ("fault", "waits", "error"),
    [
        ("invalid_grant", [], expected_messages.of_token_error("invalid_grant")),
        ("http_503", [1, 4, 16], expected_messages.of_token_error("no_valid_response")),
    ],
    ids=["rejected_token", "no_response"],
)
def test_failed_refresh_is_not_retried_by_each_worker(
    fault: str, waits: list[int], error: tuple[str, str], start_sandbox: StartSandbox
) -> None:
    """Otherwise they would retry in turn, 21 s each, and post a used token dozens of times."""
    sandbox = start_sandbox(videos=3000, years=11, latency=0.15, access_token_lifetime=2)
    sandbox.fail(TOKEN, *[fault] * 99)
    connector, config = InProcess(sandbox.base_url), sandbox.config()
    config["credentials"] |= {"access_token": sandbox.grant().access_token, "token_expiry_date": in_two_seconds()}

    outcome = connector.read(config, "videos")

    assert (outcome.exit_code, outcome.errors) == (1, [error, closing("videos", error)])
    assert len(sandbox.requests_to(TOKEN)) == len(waits) + 1
    assert [wait for wait in connector.waits if wait in (4, 16)] == waits[1:]  # rejected requests wait for 1 s too
    assert outcome.states != []


def test_outage_causes_one_error_per_stream(start_sandbox: StartSandbox) -> None:
    """Not 54 errors and 371 requests: windows that have not started when the first request gives up send none."""
    sandbox = start_sandbox(videos=2000, latency=0.02)
    sandbox.fail(LIST, *[None] * 20, *["http_503"] * 400)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(num_workers=20), "videos")

    assert (outcome.exit_code, outcome.errors) == (1, [UNREADABLE, closing("videos", UNREADABLE)])
    assert [e["stream_descriptor"]["name"] for e in traces(outcome) if "stream_descriptor" in e] == ["videos"]
    assert 7 <= sum(r.fault is not None for r in sandbox.requests_to(LIST)) <= 20 * 7
    assert 200 < len(video_ids(outcome)) < 2000
    sizes = sorted((len(json.dumps(m)), str(m)[:300]) for m in outcome.messages if m["type"] != "RECORD")
    assert sum(size for size, _ in sizes) < 150_000, sizes[-5:]
    assert outcome.statuses("videos")[-1] == "INCOMPLETE"


def test_sync_after_an_outage_reads_only_the_rest(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=2000, latency=0.02)
    sandbox.fail(LIST, *[None] * 60, *["http_503"] * 200)
    connector = InProcess(sandbox.base_url)

    first = connector.read(sandbox.config(lookback_window_days=0), "videos")
    sandbox.reset()
    second = connector.read(sandbox.config(lookback_window_days=0), "videos", state=first.states[-1])

    assert (first.exit_code, first.errors) == (1, [UNREADABLE, closing("videos", UNREADABLE)])
    assert (second.exit_code, second.errors) == (0, [])
    assert sorted({*video_ids(first), *video_ids(second)}) == expected_ids(sandbox)
    assert len(set(video_ids(first))) == len(video_ids(first)) > 1000
    # The last second read of each window is read again.
    assert len(video_ids(first)) + len(video_ids(second)) < 2000 + 60


def traces(outcome: Outcome) -> list[dict[str, Any]]:
    """The complete error traces."""
    return [trace["error"] for trace in outcome.of("TRACE") if trace["type"] == "ERROR"]


def in_two_seconds() -> str:
    """Two seconds from now, in the format that the connector stores."""
    return datetime.fromtimestamp(time.time() + 2, tz=timezone.utc).isoformat()
