"""Each TikTok error over HTTP, with its own status and with 200: the retries, the error and the log_id.

unit_tests/test_errors.py and test_tokens.py test the same with mocked responses, in more variants.
"""

import socket
from typing import Any

import pytest
import requests

from integration_tests import expected_messages
from integration_tests.conftest import StartSandbox
from integration_tests.expected_messages import ATTEMPTS, ATTEMPTS_IN_CHECK, TRANSIENT, closing
from integration_tests.truth import expected_ids, video_ids
from sandbox.errors import DATA_ERRORS, TOKEN_ERRORS
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import USER_INFO_PATH as USER
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.command_result import FIELD_REFUSED
from unit_tests.connector import InProcess

STREAMS = {USER: "user_info", LIST: "videos"}
SCOPE_ERRORS = ["scope_not_authorized", "scope_permission_missed"]
NOT_RETRIED = [*SCOPE_ERRORS, "invalid_params"]
RETRIED = ["access_token_invalid", "rate_limit_exceeded", "internal_error"]
STATUSES = pytest.mark.parametrize("status", [None, 200], ids=["own_status", "status_200"])
ENDPOINTS = pytest.mark.parametrize("path", [USER, LIST], ids=["user_info", "videos"])


def rejected_requests(sandbox: Any, path: str) -> list[Any]:
    """The rejected requests to a path."""
    return [r for r in sandbox.requests_to(path) if r.error_code]


def requested_for(path: str, code: str) -> list[tuple[bool, bool, bool]]:
    """Whether each request asks for a column of user.info.profile, one of user.info.stats, and the optional field."""
    if path == USER:
        everything = (True, True, False)
        less = [(False, True, False), (True, False, False), (False, False, False)]
        return [everything, *(less if code in SCOPE_ERRORS else [])]
    return [(False, False, True), *([(False, False, False)] if code not in SCOPE_ERRORS else [])]


def test_every_documented_code_is_tested_here() -> None:
    assert set(DATA_ERRORS) == {*NOT_RETRIED, *RETRIED}


@ENDPOINTS
@STATUSES
@pytest.mark.parametrize("code", NOT_RETRIED)
def test_persistent_rejection_fails_after_fewer_fields(
    code: str, status: int | None, path: str, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=5, data_error_status=status)
    sandbox.fail(path, *[code] * 30)
    stream = STREAMS[path]
    connector = InProcess(sandbox.base_url)

    outcome = connector.read(sandbox.config(), stream)

    error = expected_messages.of_missing_scope(stream) if code in SCOPE_ERRORS else expected_messages.of_code(code)
    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (1, [error, closing(stream, error)], [])
    assert (outcome.records(stream), outcome.statuses(stream)[-1], connector.waits) == ([], "INCOMPLETE", [])
    requests_sent = sandbox.requests_to(path)
    fields = [r.query["fields"].split(",") for r in requests_sent]
    assert [("username" in f, "likes_count" in f, "is_aigc" in f) for f in fields] == requested_for(path, code)
    assert {r.status for r in requests_sent} == {status or DATA_ERRORS[code][0]}
    assert [r.log_id in outcome.logs for r in requests_sent] == [True] * len(requests_sent)


@ENDPOINTS
@STATUSES
@pytest.mark.parametrize("code", RETRIED)
def test_single_transient_error_loses_no_record(
    code: str, status: int | None, path: str, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=5, data_error_status=status)
    sandbox.fail(path, code)

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert video_ids(outcome) == expected_ids(sandbox)
    assert [r.status for r in rejected_requests(sandbox, path)] == [status or DATA_ERRORS[code][0]]
    assert len(sandbox.requests_to(TOKEN)) == (2 if code == "access_token_invalid" else 1)


@STATUSES
@pytest.mark.parametrize("times", [2, 3])
def test_repeated_revocation_loses_no_record(times: int, status: int | None, start_sandbox: StartSandbox) -> None:
    """The access token of a request is revoked, and so is the token of its retry."""
    sandbox = start_sandbox(videos=5, data_error_status=status)
    sandbox.fail(LIST, *["access_token_invalid"] * times)

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert video_ids(outcome) == expected_ids(sandbox)
    assert (len(rejected_requests(sandbox, LIST)), len(sandbox.requests_to(TOKEN))) == (times, times + 1)


def test_rejected_optional_field_drops_its_column_only(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=300, refused_fields=("is_aigc",))

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [FIELD_REFUSED])
    assert [video for video in outcome.records("videos") if "is_aigc" in video] == []
    assert video_ids(outcome) == expected_ids(sandbox)
    assert [r.status for r in sandbox.requests_to(LIST)].count(400) == 1


@pytest.mark.parametrize("code", ["invalid_params", "unknown_code"])
def test_transient_rejection_drops_the_optional_column(code: str, start_sandbox: StartSandbox) -> None:
    """The connector can't tell why the second request was accepted."""
    sandbox = start_sandbox(videos=70)
    sandbox.fail(LIST, None, code)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [FIELD_REFUSED])
    assert video_ids(outcome) == expected_ids(sandbox)
    assert len(rejected_requests(sandbox, LIST)) == 1


@ENDPOINTS
@STATUSES
@pytest.mark.parametrize("code", RETRIED)
def test_persistent_error_fails_after_the_last_retry(
    code: str, status: int | None, path: str, start_sandbox: StartSandbox
) -> None:
    """Rate-limited requests have their own waits, and as many retries as the others."""
    sandbox = start_sandbox(videos=5, data_error_status=status)
    sandbox.fail(path, *[code] * 30)
    stream = STREAMS[path]

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), stream)

    error = expected_messages.of_code(code)
    assert (outcome.exit_code, outcome.errors) == (1, [error, closing(stream, error)])
    assert (outcome.records(stream), outcome.statuses(stream)[-1]) == ([], "INCOMPLETE")
    assert len(rejected_requests(sandbox, path)) == len(sandbox.requests_to(path)) == ATTEMPTS
    assert len(sandbox.requests_to(TOKEN)) == (ATTEMPTS if code == "access_token_invalid" else 1)


@pytest.mark.parametrize("status", [400, 200])
@pytest.mark.parametrize("code", TOKEN_ERRORS)
def test_token_error_prevents_every_other_request(code: str, status: int, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=5, token_error_status=status)
    sandbox.fail(TOKEN, *[code] * 30)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "user_info")

    error = expected_messages.of_token_error(code)
    assert (outcome.exit_code, outcome.errors) == (1, [error, closing("user_info", error)])
    assert [r.path for r in sandbox.requests] == [TOKEN] * (4 if error[0] == TRANSIENT else 1)
    assert sandbox.requests[-1].log_id in str(outcome.messages)
    assert outcome.configs == []


def test_workers_share_one_refresh(start_sandbox: StartSandbox) -> None:
    """A refresh token works once: a simultaneous second refresh would send one that is already used."""
    sandbox = start_sandbox(videos=2000, latency=0.05)
    sandbox.fail_on(LIST, dict.fromkeys(range(20, 32), "token_expired"))

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert video_ids(outcome) == expected_ids(sandbox)
    assert len(rejected_requests(sandbox, LIST)) == 12
    assert {r.status for r in sandbox.requests_to(TOKEN)} == {200}
    assert 2 <= len(sandbox.requests_to(TOKEN)) < 12


@pytest.mark.parametrize("command", ["check", "read"])
@pytest.mark.parametrize("kind", ["access_token", "oauth2.0"])
def test_unresolvable_host_fails_in_bounded_time(kind: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person waits for a check, so it has fewer retries. With OAuth the first request is the token refresh."""

    def unresolved(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    monkeypatch.setattr(requests.utils, "should_bypass_proxies", lambda *_, **__: True)
    names = {"access_token": ["access_token"], "oauth2.0": ["client_key", "client_secret", "refresh_token"]}[kind]
    config = {"credentials": {"auth_type": kind, **dict.fromkeys(names, "unused")}}
    connector = InProcess("https://tiktok.invalid")

    outcome = connector.check(config) if command == "check" else connector.read(config, "user_info")

    waits = [1, 4, 16] if kind == "oauth2.0" else [1, 2, 4, 8, 16, 32]
    attempts = ATTEMPTS_IN_CHECK if command == "check" else ATTEMPTS
    assert connector.long_waits == waits[: attempts - 1]
    if command == "check":
        error = expected_messages.NO_TOKEN_RESPONSE if kind == "oauth2.0" else expected_messages.NO_RESPONSE_IN_CHECK
        assert outcome.of("CONNECTION_STATUS") == [{"status": "FAILED", "message": error[1]}]
    else:
        error = expected_messages.NO_TOKEN_RESPONSE if kind == "oauth2.0" else expected_messages.NO_RESPONSE
        assert (outcome.exit_code, outcome.errors) == (1, [error, closing("user_info", error)])
