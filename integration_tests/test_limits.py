"""Rate limits that TikTok does not document: each account is read completely, with few 429s."""

import time
from pathlib import Path
from typing import Any

import pytest

from integration_tests import expected_messages
from integration_tests.conftest import StartSandbox
from integration_tests.truth import expected_ids, video_ids
from sandbox import Sandbox
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.connector import Command, InProcess, with_short_rate_windows

WAITS_S = 671  # all six of them


def count_429s(sandbox: Sandbox) -> int:
    """How many requests for the video list were rate-limited."""
    return sum(r.error_code == "rate_limit_exceeded" for r in sandbox.requests_to(LIST))


def test_known_limit_is_never_exceeded(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """600 requests in 61 s, here 40 in 2 s. They are sent at once as far as the limit allows."""
    sandbox = start_sandbox(videos=3000, rate_limit=40, rate_window=1.5)

    outcome = Command(sandbox.base_url, tmp_path, with_short_rate_windows(limit=40)).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors, video_ids(outcome)) == (0, [], expected_ids(sandbox))
    assert count_429s(sandbox) == 0
    arrivals = [r.at for r in sandbox.requests_to(LIST)]
    assert max(sum(first <= at < first + 1.5 for at in arrivals) for first in arrivals) > 30


@pytest.mark.parametrize(
    "limit",
    [{}, {"count_refused": True}, {"rate_fixed_windows": True}],
    ids=["sliding", "rejected_requests_count", "fixed"],
)
def test_rate_limit_slows_the_sync_without_loss(limit: Any, start_sandbox: StartSandbox) -> None:
    """TikTok documents 600 a minute; some apps get far less. Besides the first 429, only requests in flight get one."""
    sandbox = start_sandbox(videos=1500, rate_limit=30, **limit)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(num_workers=10))

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert video_ids(outcome) == expected_ids(sandbox)
    assert 1 <= count_429s(sandbox) <= 15
    logged = outcome.logs.splitlines()
    assert logged.count(expected_messages.MESSAGES["rate_limited"]) == 1
    before, _, after = expected_messages.MESSAGES["rate_limit_wait"].partition("{seconds}")
    waits = [float(line.removeprefix(before).removesuffix(after)) for line in logged if line.startswith(before)]
    assert waits[:3] == [61, 31, 1]


def test_lock_extended_by_requests_is_waited_out(start_sandbox: StartSandbox) -> None:
    """Each 429 during the lock doubles its remaining time."""
    sandbox = start_sandbox(videos=1500, rate_limit=30, rate_lock=5)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(num_workers=4), "videos")

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert video_ids(outcome) == expected_ids(sandbox)
    assert 1 <= count_429s(sandbox) <= 12


def test_eleven_minutes_of_429s_lose_no_video(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=1500, rate_limit=0)
    sandbox.reject_between(LIST, 0, WAITS_S - 1)
    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")
    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert (video_ids(outcome), count_429s(sandbox)) == (expected_ids(sandbox), 6)


def test_sync_fails_when_a_429_follows_every_wait(start_sandbox: StartSandbox) -> None:
    """The first worker that gives up fails the stream: the others stop, and the pages read are in the state."""
    sandbox = start_sandbox(videos=3000, rate_limit=0)
    sandbox.fail(LIST, *[None] * 25, *["rate_limit_exceeded"] * 4000)
    connector = InProcess(sandbox.base_url)
    start = time.monotonic()

    outcome = connector.read(sandbox.config(num_workers=20), "videos")

    error = expected_messages.of_code("rate_limit_exceeded")
    assert WAITS_S <= time.monotonic() - start < WAITS_S + 60
    assert (outcome.exit_code, outcome.errors) == (1, [error, expected_messages.closing("videos", error)])
    assert 7 <= count_429s(sandbox) <= 6 + 20
    sandbox.reset()
    again = connector.read(sandbox.config(), "videos", state=outcome.states[-1])
    assert (again.exit_code, again.errors) == (0, [])
    assert sorted({*video_ids(outcome), *video_ids(again)}) == expected_ids(sandbox)
    assert len(video_ids(outcome)) + len(video_ids(again)) <= 3000 + 40  # the last second of a page is read again


def test_request_quota_is_used_for_unread_pages(start_sandbox: StartSandbox) -> None:
    """An app that gets 40 requests a day reads 134 pages in four days."""
    sandbox = start_sandbox(videos=2530, rate_limit=0)
    connector, emitted, state = InProcess(sandbox.base_url), set[str](), None

    for day in range(1, 5):
        sandbox.reset()
        if day < 4:
            sandbox.fail(LIST, *[None] * 40, *["rate_limit_exceeded"] * 99)
        outcome = connector.read(sandbox.config(lookback_window_days=0), "videos", state=state)
        assert outcome.exit_code == (1 if day < 4 else 0)
        emitted.update(video_ids(outcome))
        state = outcome.states[-1]

    assert sorted(emitted) == expected_ids(sandbox)
    # The 14 remaining pages are spread over all windows that were started before.
    assert len(sandbox.requests_to(LIST)) <= 14 + 30
