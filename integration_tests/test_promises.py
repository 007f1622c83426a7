"""What the connector promises, row by row: how often it asks when a response lasts, and what the error then is.

Both parts matter: a lasting response ends in the promised error, with the state from before it, and one that passes
costs no record.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from integration_tests import sentences
from integration_tests.conftest import StartSandbox
from integration_tests.in_process import InProcess, hurried, ids_there_are, video_ids
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import USER_INFO_PATH as USER
from sandbox.facts import VIDEO_LIST_PATH as LIST
from sandbox.faults import SPOILED, names_for

CONFIG, SYSTEM, TRANSIENT = "config_error", "system_error", "transient_error"
FIRST_POST = "1388534400"  # 2014-01-01, the start date
INVALID_GRANT = sentences.of_token_error("invalid_grant")
INCOMPLETE, UNREADABLE = sentences.of_code("incomplete"), sentences.of_code("unreadable")


@dataclass(frozen=True)
class Promise:
    """What happens to a response that lasts.

    Attributes:
        requests: those that meet it.
        failure: the type of the error.
        config: the sandbox's method that makes the connector's config.
        passes: whether a single one costs nothing.
    """

    path: str
    fault: str
    requests: int
    failure: str
    passes: bool = True
    config: str = "config"
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.path.split("/")[2], self.fault, *([] if self.config == "config" else [self.config])])


RETRIED = ("internal_error", "error_in_200", "unknown_503", "html_200", "html_502", "http_503", "empty_200")
PROMISES = [
    *(Promise(path, fault, 7, TRANSIENT) for path in (LIST, USER) for fault in RETRIED),
    *(Promise(path, fault, 7, TRANSIENT) for path in (LIST, USER) for fault in ("cut_off_json", "reset_before")),
    Promise(LIST, "reset_middle", 7, TRANSIENT),
    Promise(LIST, "hang", 7, TRANSIENT, settings={"hang_seconds": 60}),
    Promise(LIST, "rate_limit_exceeded", 10, TRANSIENT),
    Promise(LIST, "access_token_invalid", 7, CONFIG),
    Promise(LIST, "access_token_invalid", 1, CONFIG, passes=False, config="access_token_config"),
    Promise(LIST, "scope_not_authorized", 1, CONFIG, passes=False),
    Promise(LIST, "scope_permission_missed", 1, CONFIG, passes=False),
    # Once more without the optional field; the stream user_info has none.
    Promise(LIST, "invalid_params", 2, SYSTEM),
    Promise(LIST, "unknown_code", 2, SYSTEM),
    Promise(USER, "invalid_params", 1, SYSTEM, passes=False),
    Promise(USER, "unknown_code", 1, SYSTEM, passes=False),
    Promise(LIST, "without_id", 1, SYSTEM, passes=False),
    *(
        Promise(TOKEN, fault, 1, CONFIG, passes=False)
        for fault in ("invalid_grant", "invalid_client", "unauthorized_client", "access_denied", "invalid_scope")
    ),
    *(
        Promise(TOKEN, fault, 1, SYSTEM, passes=False)
        for fault in ("invalid_request", "unsupported_grant_type", "unknown_code")
    ),
    *(
        Promise(TOKEN, fault, 4, TRANSIENT)
        for fault in ("server_error", "temporarily_unavailable", "html_502", "token_limited", "reset_before")
    ),
]
SPOILED_AT = [(path, fault) for path in (LIST, USER) for fault in SPOILED if fault in names_for(path)]
UNREADABLE_ONES = ("long_number", "deep_json", "redirect_away", "bad_redirect")
SPOILED_ERRORS = {fault: UNREADABLE if fault in UNREADABLE_ONES else INCOMPLETE for fault in SPOILED}
STREAMS = {USER: "user_info", LIST: "videos", TOKEN: "videos"}


@pytest.mark.parametrize("promise", PROMISES, ids=str)
def test_lasting_response_takes_the_promised_tries(promise: Promise, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=5, **promise.settings)
    sandbox.fail(promise.path, *[promise.fault] * 30)
    config = getattr(sandbox, promise.config)()

    outcome = InProcess(sandbox.base_url, hurried).read(config, STREAMS[promise.path])

    assert (outcome.exit_code, outcome.of("RECORD")) == (1, [])
    assert {part["cursor"]["create_time"] for state in outcome.states for part in state["states"]} <= {FIRST_POST}
    assert [kind for kind, _ in outcome.errors] == [promise.failure, CONFIG]  # the CDK's closing one is always that
    refused = [r for r in sandbox.requests_to(promise.path) if r.fault == promise.fault]
    assert len(refused) == len(sandbox.requests_to(promise.path)) == promise.requests


@pytest.mark.parametrize("promise", [p for p in PROMISES if p.passes], ids=str)
def test_passing_response_costs_no_record(promise: Promise, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=5, **promise.settings)
    sandbox.fail(promise.path, promise.fault)

    outcome = InProcess(sandbox.base_url, hurried).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert sum(r.fault == promise.fault for r in sandbox.requests) == 1
    assert outcome.records("user_info") == [sandbox.account.user]
    assert video_ids(outcome) == ids_there_are(sandbox)


@pytest.mark.parametrize(("path", "fault"), SPOILED_AT)
def test_spoiled_response_that_passes_costs_no_record(path: str, fault: str, start_sandbox: StartSandbox) -> None:
    """Met in the middle of the account, where something is before and behind it."""
    sandbox = start_sandbox(videos=70)
    sandbox.fail(path, *([None, fault] if path == LIST else [fault]))

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert sum(r.fault == fault for r in sandbox.requests_to(path)) == 1


@pytest.mark.parametrize("fault", [fault for path, fault in SPOILED_AT if path == USER])
def test_spoiled_profile_that_passes_costs_no_check(fault: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox()
    sandbox.fail(USER, fault)
    assert InProcess(sandbox.base_url).check(sandbox.config()).of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert [r.fault for r in sandbox.requests_to(USER)] == [fault, None]


@pytest.mark.parametrize(("path", "fault"), SPOILED_AT)
def test_lasting_spoiled_response_is_asked_seven_times(path: str, fault: str, start_sandbox: StartSandbox) -> None:
    """The state stays as it was before: nothing that was not understood counts as read."""
    sandbox = start_sandbox(videos=70)
    sandbox.fail(path, *([None] if path == LIST else []), *[fault] * 200)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(start_date="2025-06-01"), STREAMS[path])
    asked = sum(r.fault == fault for r in sandbox.requests_to(path))
    sandbox.reset()
    again = InProcess(sandbox.base_url).read(
        sandbox.config(start_date="2025-06-01", lookback_window_days=0),
        STREAMS[path],
        state=outcome.states[-1] if outcome.states else None,
    )

    assert (outcome.exit_code, outcome.errors[0]) == (1, SPOILED_ERRORS[fault])
    assert (outcome.errors[0][0], asked) == (TRANSIENT, 7)
    assert (again.exit_code, again.errors) == (0, [])
    if path == LIST:
        there = ids_there_are(sandbox, since=1_748_736_000)
        assert sorted({*video_ids(outcome), *video_ids(again)}) == there
    else:
        assert (outcome.records("user_info"), again.records("user_info")) == ([], [sandbox.account.user])


@pytest.mark.parametrize("fault", [fault for path, fault in SPOILED_AT if path == USER])
def test_lasting_spoiled_profile_fails_the_check(fault: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox()
    sandbox.fail(USER, *[fault] * 30)
    (result,) = InProcess(sandbox.base_url).check(sandbox.config()).of("CONNECTION_STATUS")
    assert result["status"] == "FAILED"
    assert SPOILED_ERRORS[fault][1] in result["message"]
    assert len(sandbox.requests_to(USER)) == 7


def test_invalid_utf8_comes_with_replacement_characters(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=70)
    sandbox.fail(LIST, *["invalid_utf8"] * 9)
    sandbox.fail(USER, *["invalid_utf8"] * 9)

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert video_ids(outcome) == ids_there_are(sandbox)
    bio = sandbox.account.user["bio_description"]
    assert outcome.records("user_info") == [{**sandbox.account.user, "bio_description": f"\ufffd{bio}"}]
    newest = sandbox.account.videos[0]
    (broken,) = [video for video in outcome.records("videos") if "\ufffd" in str(video)]  # others came before as well
    assert broken == {**newest, "title": f"\ufffd{newest['title']}", "open_id": sandbox.account.open_id}


@pytest.mark.parametrize("path", [USER, LIST], ids=["user_info", "videos"])
def test_odd_headers_do_no_harm(path: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=70)
    sandbox.fail(path, *["odd_headers"] * 9)
    connector = InProcess(sandbox.base_url)

    outcome = connector.read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert (video_ids(outcome), connector.waits) == (ids_there_are(sandbox), [])


def soon_too_slow(manifest: dict[str, Any]) -> None:
    """A change of the manifest: the longest time for a response is one that a test can wait for."""
    manifest["definitions"]["error_handler"]["longest_response_in_seconds"] = 0.2


@pytest.mark.parametrize("path", [USER, LIST], ids=["user_info", "videos"])
def test_response_that_trickles_in_is_asked_for_again(path: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=30, trickle_seconds=3)
    sandbox.fail(path, "trickle")

    outcome = InProcess(sandbox.base_url, soon_too_slow).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert len([r for r in sandbox.requests_to(path) if r.fault]) == 1


def test_responses_that_trickle_in_end_the_sync(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=5, trickle_seconds=3)
    sandbox.fail(LIST, *["trickle"] * 30)
    outcome = InProcess(sandbox.base_url, soon_too_slow).read(sandbox.config(), "videos")
    assert (outcome.exit_code, outcome.errors[0], outcome.of("RECORD")) == (1, sentences.NO_RESPONSE, [])
    assert len(sandbox.requests_to(LIST)) == 7


def test_lost_token_response_is_followed_by_a_used_token(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=5)
    sandbox.fail(TOKEN, "token_lost")
    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")
    assert (outcome.exit_code, outcome.errors[0], outcome.of("RECORD")) == (1, INVALID_GRANT, [])
    assert [r.error_code for r in sandbox.requests_to(TOKEN)] == [None, "invalid_grant"]


def test_value_of_another_type_is_emitted_as_it_came(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=0)
    for _ in range(2):
        sandbox.account.post(like_count="12")

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert [video["like_count"] for video in outcome.records("videos")] == ["12", "12"]
