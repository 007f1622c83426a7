"""Limits that TikTok does not document: each account is read to its end, and the connector asks little in vain."""

import time

import pytest

from integration_tests import sentences
from integration_tests.conftest import StartSandbox
from integration_tests.in_process import InProcess, ids_there_are, video_ids
from sandbox.facts import VIDEO_LIST_PATH as LIST


@pytest.mark.parametrize("count_refused", [False, True])
def test_any_limit_is_found_and_kept_to(count_refused: bool, start_sandbox: StartSandbox) -> None:
    """TikTok documents 600 a minute; some apps get far less."""
    sandbox = start_sandbox(videos=719, rate_limit=30, count_refused=count_refused)

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, video_ids(outcome)) == (0, [], ids_there_are(sandbox))
    assert "requests a minute of this app; the sync is paced to it." in outcome.logs
    assert 1 <= sum(r.error_code == "rate_limit_exceeded" for r in sandbox.requests_to(LIST)) <= 25


def test_lock_that_grows_is_waited_out(start_sandbox: StartSandbox) -> None:
    """Each refused request doubles the rest of the lock; with twenty under way it would be an hour."""
    sandbox = start_sandbox(videos=719, rate_limit=30, rate_lock=5)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(num_workers=4), "videos")

    assert (outcome.exit_code, outcome.errors, video_ids(outcome)) == (0, [], ids_there_are(sandbox))
    assert 1 <= sum(r.error_code == "rate_limit_exceeded" for r in sandbox.requests_to(LIST)) <= 10


def test_sync_ends_soon_after_ten_minutes_of_refusals(start_sandbox: StartSandbox) -> None:
    """With twenty requests waiting: the first that gives up ends the stream, and the others are not sent."""
    sandbox = start_sandbox(videos=3_000, rate_limit=0)
    sandbox.fail(LIST, *[None] * 25, *["rate_limit_exceeded"] * 4_000)
    connector = InProcess(sandbox.base_url)
    start = time.monotonic()

    outcome = connector.read(sandbox.config())

    refused = sum(r.error_code == "rate_limit_exceeded" for r in sandbox.requests_to(LIST))
    assert time.monotonic() - start < 800
    assert (outcome.exit_code, refused < 40) == (1, True)
    assert outcome.errors[:-1] == [sentences.of_code("rate_limit_exceeded")]
    sandbox.reset()
    again = connector.read(sandbox.config(), "videos", state=outcome.states[-1])
    assert {*video_ids(outcome), *video_ids(again)} == {*ids_there_are(sandbox)}
