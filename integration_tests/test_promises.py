"""Unusable responses: how often each is retried if it persists, and what the error then is.

A persistent one fails with the documented error and the state from before it; a transient one loses no record.
test_faults.py has responses that are not TikTok's, test_errors_over_http.py TikTok's errors.
"""

from typing import Any

import pytest

from integration_tests import expected_messages
from integration_tests.conftest import StartSandbox
from integration_tests.expected_messages import (
    ATTEMPTS,
    ATTEMPTS_IN_CHECK,
    CONFIG,
    MESSAGES,
    SYSTEM,
    TRANSIENT,
    closing,
)
from integration_tests.truth import expected_ids, video_ids
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import USER_INFO_PATH as USER
from sandbox.facts import VIDEO_LIST_PATH as LIST
from sandbox.faults import CORRUPT, names_for
from unit_tests.connector import InProcess

SINCE, SINCE_S = "2025-06-01", 1_748_736_000
CORRUPT_AT = [(path, fault) for path in (LIST, USER) for fault in CORRUPT if fault in names_for(path)]
UNREADABLE = ("long_number", "deep_json", "redirect_away", "bad_redirect")
ERRORS = {fault: expected_messages.of_code("unreadable" if fault in UNREADABLE else "incomplete") for fault in CORRUPT}
STREAMS = {USER: "user_info", LIST: "videos", TOKEN: "videos"}


@pytest.mark.parametrize(
    ("path", "fault", "requests", "error"),
    [
        # One retry without the optional field; the stream user_info has none.
        (LIST, "unknown_code", 2, expected_messages.UNKNOWN),
        (USER, "unknown_code", 1, expected_messages.UNKNOWN),
        (LIST, "without_id", 1, (SYSTEM, MESSAGES["video_without_id"])),
        (TOKEN, "unknown_code", 1, expected_messages.of_token_error("unknown")),
    ],
    ids=["video-unknown_code", "user-unknown_code", "video-without_id", "oauth-unknown_code"],
)
def test_unknown_error_code_is_not_retried(
    path: str, fault: str, requests: int, error: tuple[str, str], start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=5)
    sandbox.fail(path, *[fault] * 30)
    connector = InProcess(sandbox.base_url)

    outcome = connector.read(sandbox.config(), STREAMS[path])

    assert (outcome.exit_code, outcome.errors) == (1, [error, closing(STREAMS[path], error)])
    assert (outcome.of("RECORD"), connector.waits) == ([], [])
    assert [r.fault for r in sandbox.requests_to(path)] == [fault] * requests


def test_rejected_access_token_alone_is_not_retried(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=5)
    sandbox.fail(LIST, "access_token_invalid")

    outcome = InProcess(sandbox.base_url).read(sandbox.access_token_config(), "videos")

    error = (CONFIG, MESSAGES["access_token_expired"])
    assert (outcome.exit_code, outcome.errors) == (1, [error, closing("videos", error)])
    assert (outcome.of("RECORD"), len(sandbox.requests_to(LIST))) == ([], 1)


@pytest.mark.parametrize(("path", "fault"), CORRUPT_AT)
def test_transient_corrupt_response_loses_no_record(path: str, fault: str, start_sandbox: StartSandbox) -> None:
    """In the middle of the account, with pages before and after it."""
    sandbox = start_sandbox(videos=70)
    sandbox.fail(path, *([None, fault] if path == LIST else [fault]))

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert video_ids(outcome) == expected_ids(sandbox)
    assert sum(r.fault == fault for r in sandbox.requests_to(path)) == 1


@pytest.mark.parametrize("fault", [fault for path, fault in CORRUPT_AT if path == USER])
def test_transient_corrupt_profile_passes_check(fault: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox()
    sandbox.fail(USER, fault)
    assert InProcess(sandbox.base_url).check(sandbox.config()).of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert [r.fault for r in sandbox.requests_to(USER)] == [fault, None]


@pytest.mark.parametrize(("path", "fault"), CORRUPT_AT)
def test_persistent_corrupt_response_fails_after_retries(path: str, fault: str, start_sandbox: StartSandbox) -> None:
    """The state does not advance: an unusable page does not count as read."""
    sandbox = start_sandbox(videos=70)
    sandbox.fail(path, *([None] if path == LIST else []), *[fault] * 200)
    connector, stream = InProcess(sandbox.base_url), STREAMS[path]

    outcome = connector.read(sandbox.config(start_date=SINCE), stream)
    attempts = sum(r.fault == fault for r in sandbox.requests_to(path))
    sandbox.reset()
    state = outcome.states[-1] if outcome.states else None
    again = connector.read(sandbox.config(start_date=SINCE, lookback_window_days=0), stream, state=state)

    assert (outcome.exit_code, outcome.errors) == (1, [ERRORS[fault], closing(stream, ERRORS[fault])])
    assert (ERRORS[fault][0], attempts) == (TRANSIENT, ATTEMPTS)
    assert (again.exit_code, again.errors) == (0, [])
    if path == LIST:
        assert 0 < len(video_ids(outcome)) <= 20
        assert sorted({*video_ids(outcome), *video_ids(again)}) == expected_ids(sandbox, since=SINCE_S)
        assert len({*video_ids(outcome)} & {*video_ids(again)}) <= 3  # one second
    else:
        assert (outcome.records("user_info"), again.records("user_info")) == ([], [sandbox.account.user])


@pytest.mark.parametrize("fault", [fault for path, fault in CORRUPT_AT if path == USER])
def test_persistent_corrupt_profile_fails_check(fault: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox()
    sandbox.fail(USER, *[fault] * 30)
    outcome = InProcess(sandbox.base_url).check(sandbox.config())
    message = expected_messages.in_check(ERRORS[fault])
    assert (outcome.exit_code, outcome.of("CONNECTION_STATUS")) == (0, [{"status": "FAILED", "message": message}])
    assert len(sandbox.requests_to(USER)) == ATTEMPTS_IN_CHECK


def test_invalid_utf8_becomes_replacement_characters(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=70)
    sandbox.fail(LIST, *["invalid_utf8"] * 9)
    sandbox.fail(USER, *["invalid_utf8"] * 9)

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert video_ids(outcome) == expected_ids(sandbox)
    bio = sandbox.account.user["bio_description"]
    assert outcome.records("user_info") == [{**sandbox.account.user, "bio_description": f"\ufffd{bio}"}]
    newest = sandbox.account.videos[0]
    (broken,) = [video for video in outcome.records("videos") if "\ufffd" in str(video)]  # the other videos come too
    assert broken == {**newest, "title": f"\ufffd{newest['title']}", "open_id": sandbox.account.open_id}


@pytest.mark.parametrize("path", [USER, LIST], ids=["user_info", "videos"])
def test_unusual_headers_are_ignored(path: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=70)
    sandbox.fail(path, *["odd_headers"] * 9)
    connector = InProcess(sandbox.base_url)

    outcome = connector.read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert (video_ids(outcome), connector.waits) == (expected_ids(sandbox), [])


def short_response_time(manifest: dict[str, Any]) -> None:
    """Lower the longest time for a response in the manifest, so that a test can wait for it."""
    manifest["definitions"]["error_handler"]["max_response_time"] = 0.2


@pytest.mark.parametrize("path", [USER, LIST], ids=["user_info", "videos"])
def test_slow_response_is_retried(path: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=30, trickle_seconds=3)
    sandbox.fail(path, "trickle")

    outcome = InProcess(sandbox.base_url, short_response_time).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert video_ids(outcome) == expected_ids(sandbox)
    assert len([r for r in sandbox.requests_to(path) if r.fault]) == 1


def test_persistently_slow_responses_fail_the_sync(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=5, trickle_seconds=3)
    sandbox.fail(LIST, *["trickle"] * 30)

    outcome = InProcess(sandbox.base_url, short_response_time).read(sandbox.config(), "videos")

    error = expected_messages.NO_RESPONSE
    assert (outcome.exit_code, outcome.errors) == (1, [error, closing("videos", error)])
    assert (outcome.of("RECORD"), len(sandbox.requests_to(LIST))) == ([], ATTEMPTS)


def test_values_have_the_types_of_their_columns(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=0)
    values = {"like_count": "12", "share_count": [3], "title": 4}
    video_id = sandbox.account.post(**values)["id"]

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")

    (video,) = outcome.records("videos")
    assert {name: video.get(name) for name in values} == {"like_count": 12, "share_count": None, "title": "4"}
    warning = MESSAGES["invalid_value"].format(name="share_count", id=video_id, value="[3]")
    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [warning])
