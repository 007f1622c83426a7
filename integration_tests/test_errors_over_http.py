"""Each error of TikTok's, over HTTP, with its own status and with 200: the action, whose turn it is, and the log_id.

unit_tests/test_errors.py and test_tokens.py ask the same of mocked answers, in more variants.
"""

import re
from typing import Any

import pytest

from integration_tests.conftest import StartSandbox
from integration_tests.in_process import InProcess, ids_there_are, video_ids
from sandbox.errors import DATA_ERRORS, TOKEN_ERRORS
from source_tiktok_organic.source import load_manifest

LIST, USER, TOKEN = "/v2/video/list/", "/v2/user/info/", "/v2/oauth/token/"
STREAMS = {USER: "user_info", LIST: "videos"}
TRIES = 7
CONFIG, SYSTEM, TRANSIENT = "config_error", "system_error", "transient_error"

MISSING_SCOPE = (
    CONFIG,
    "The TikTok account did not grant this source every permission it needs: the stream user_info needs "
    "user.info.basic, user.info.profile and user.info.stats, the stream videos needs video.list. Sign in to TikTok "
    "again and leave all permissions on.",
)
INVALID = (
    SYSTEM,
    "TikTok refused a request of this connector as invalid. This is a fault of the connector: please report it with "
    "TikTok's message and log_id, which stand in the log.",
)
REMOVED = (
    CONFIG,
    "TikTok does not accept a new access token either: the owner of the account has probably removed the app. Sign in "
    "to TikTok again and put the new credentials into this source.",
)
LIMITED = (
    TRANSIENT,
    "TikTok's limit of 600 requests a minute stayed reached, though the connector waited. Other accounts share the "
    "limit of one app: let their syncs start apart. Run the sync again later.",
)
GIVEN_UP = (
    TRANSIENT,
    "TikTok gave no valid answer, though the connector asked seven times in about a minute. Run the sync again later; "
    "it goes on from the last state.",
)
LASTING = {"scope_not_authorized": MISSING_SCOPE, "scope_permission_missed": MISSING_SCOPE, "invalid_params": INVALID}
PASSING = {"access_token_invalid": REMOVED, "rate_limit_exceeded": LIMITED, "internal_error": GIVEN_UP}
STATUSES = pytest.mark.parametrize("status", [None, 200], ids=["own_status", "status_200"])
ENDPOINTS = pytest.mark.parametrize("path", [USER, LIST], ids=["user_info", "videos"])


def refusals(sandbox: Any, path: str) -> list[Any]:
    """The requests to a path that were refused."""
    return [r for r in sandbox.requests_to(path) if r.error_code]


def test_given_the_documented_codes_when_listed_then_each_is_tested_here() -> None:
    assert set(DATA_ERRORS) == {*LASTING, *PASSING}


@ENDPOINTS
@STATUSES
@pytest.mark.parametrize("code", LASTING)
def test_given_a_lasting_error_when_read_then_asked_once_and_named_with_its_log_id(
    code: str, status: int | None, path: str, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=5, data_error_status=status)
    sandbox.fail(path, code)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), STREAMS[path])

    (refusal,) = refusals(sandbox, path)
    assert (outcome.exit_code, outcome.errors[0], outcome.records(STREAMS[path])) == (1, LASTING[code], [])
    assert {failure for failure, _ in outcome.errors} == {LASTING[code][0]}
    assert refusal.status == (status or DATA_ERRORS[code][0])
    assert refusal.log_id in outcome.logs
    assert outcome.statuses(STREAMS[path])[-1] == "INCOMPLETE"


@ENDPOINTS
@STATUSES
@pytest.mark.parametrize("code", PASSING)
def test_given_a_passing_error_when_it_comes_once_then_the_request_is_repeated_and_nothing_is_lost(
    code: str, status: int | None, path: str, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=5, data_error_status=status)
    sandbox.fail(path, code)

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert [r.status for r in refusals(sandbox, path)] == [status or DATA_ERRORS[code][0]]
    assert len(sandbox.requests_to(TOKEN)) == (2 if code == "access_token_invalid" else 1)


@ENDPOINTS
@STATUSES
@pytest.mark.parametrize("code", PASSING)
def test_given_a_passing_error_when_it_stays_then_a_bounded_number_of_tries_and_whose_turn_it_is(
    code: str, status: int | None, path: str, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=5, data_error_status=status)
    sandbox.fail(path, *[code] * 30)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), STREAMS[path])

    assert (outcome.exit_code, outcome.errors[0], outcome.records(STREAMS[path])) == (1, PASSING[code], [])
    assert len(refusals(sandbox, path)) == (2 if code == "access_token_invalid" else TRIES)
    assert outcome.statuses(STREAMS[path])[-1] == "INCOMPLETE"


@pytest.mark.parametrize("status", [400, 200])
@pytest.mark.parametrize("code", TOKEN_ERRORS)
def test_given_a_token_error_when_read_then_its_sentence_its_log_id_and_no_other_request(
    code: str, status: int, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=5, token_error_status=status)
    sandbox.fail(TOKEN, *[code] * 30)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "user_info")

    known = load_manifest()["definitions"]["authenticator"]["authenticators"]["oauth2.0"]["token_errors"][code]
    assert (outcome.exit_code, outcome.errors[0]) == (1, (known["failure_type"], known["message"]))
    assert {r.path for r in sandbox.requests} == {TOKEN}
    assert len(sandbox.requests) == (4 if known["failure_type"] == TRANSIENT else 1)
    assert sandbox.requests[-1].log_id in str(outcome.messages)
    assert outcome.configs == []


@pytest.mark.parametrize("code", ["scope_not_authorized", "scope_permission_missed"])
def test_given_a_scope_that_was_really_refused_when_read_with_an_access_token_then_the_error_names_it(
    code: str, start_sandbox: StartSandbox
) -> None:
    """With an access token alone the granted scopes are unknown, so that only TikTok's answer can tell."""
    sandbox = start_sandbox(videos=5, scope_error=code)
    config = sandbox.access_token_config(scopes=["user.info.basic", "user.info.profile", "user.info.stats"])
    outcome = InProcess(sandbox.base_url).read(config)
    assert outcome.records("user_info") == [sandbox.account.user]
    assert (outcome.errors[0], outcome.statuses("videos")[-1]) == (MISSING_SCOPE, "INCOMPLETE")


def test_given_every_access_token_revoked_when_many_workers_find_out_then_one_refresh_for_all(
    start_sandbox: StartSandbox,
) -> None:
    """A refresh token works once: a second refresh at the same time would be with one that is used up."""
    sandbox = start_sandbox(videos=600, latency=0.02)
    sandbox.fail_on(LIST, dict.fromkeys(range(20, 40), "token_expired"))

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert {r.status for r in sandbox.requests_to(TOKEN)} == {200}


def test_given_an_error_when_logged_then_the_log_id_stands_in_a_line_of_its_level(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=1)
    sandbox.fail(LIST, "invalid_params")
    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")
    errors = [log["message"] for log in outcome.of("LOG") if log["level"] in ("ERROR", "FATAL")]
    assert any(re.search(r"log_id.{3,5}" + sandbox.requests_to(LIST)[0].log_id, line) for line in errors)
