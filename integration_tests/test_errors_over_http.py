"""Each TikTok error over HTTP, with its own status and with 200: the action, the failure type and the log_id.

unit_tests/test_errors.py and test_tokens.py check the same with mocked responses, in more variants.
"""

import re
import socket
from typing import Any

import pytest
import requests

from integration_tests import sentences
from integration_tests.conftest import StartSandbox
from integration_tests.in_process import InProcess, ids_there_are, long_waits, video_ids
from integration_tests.sentences import TRANSIENT
from sandbox.errors import DATA_ERRORS, TOKEN_ERRORS
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import USER_INFO_PATH as USER
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.outcome import FIELD_REFUSED

STREAMS = {USER: "user_info", LIST: "videos"}
MORE = "During the sync, the following streams did not sync successfully: {}: {}"
LASTING = ["scope_not_authorized", "scope_permission_missed", "invalid_params"]
TRIES = 7
TRIES_WHEN_LIMITED = 10  # in ten minutes, with pauses of 1, 2, 4 … 120 s
PASSING = ["access_token_invalid", "rate_limit_exceeded", "internal_error"]
STATUSES = pytest.mark.parametrize("status", [None, 200], ids=["own_status", "status_200"])
ENDPOINTS = pytest.mark.parametrize("path", [USER, LIST], ids=["user_info", "videos"])


def refusals(sandbox: Any, path: str) -> list[Any]:
    """The refused requests to a path."""
    return [r for r in sandbox.requests_to(path) if r.error_code]


def test_every_documented_code_is_tested_here() -> None:
    assert set(DATA_ERRORS) == {*LASTING, *PASSING}


def both(stream: str, error: tuple[str, str]) -> list[tuple[str, str]]:
    """The stream's error and the CDK's closing one, which repeats the sentence."""
    return [error, ("config_error", MORE.format(stream, error[1]))]


@ENDPOINTS
@STATUSES
@pytest.mark.parametrize("code", LASTING)
def test_lasting_error_is_not_retried(code: str, status: int | None, path: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=5, data_error_status=status)
    sandbox.fail(path, *[code] * 30)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), STREAMS[path])

    assert (outcome.exit_code, outcome.records(STREAMS[path])) == (1, [])
    assert outcome.errors == both(STREAMS[path], sentences.of_code(code))
    refused = refusals(sandbox, path)
    # Of videos, the second request goes without the optional field.
    assert [r.status for r in refused] == [status or DATA_ERRORS[code][0]] * (
        1 + (code == "invalid_params" and path == LIST)
    )
    assert ["is_aigc" in r.query["fields"] for r in refused] == [path == LIST, False][: len(refused)]
    assert [r.log_id in outcome.logs for r in refused] == [True] * len(refused)
    assert outcome.statuses(STREAMS[path])[-1] == "INCOMPLETE"


@ENDPOINTS
@STATUSES
@pytest.mark.parametrize("code", PASSING)
def test_single_passing_error_costs_no_record(
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


@STATUSES
@pytest.mark.parametrize("times", [2, 3])
def test_token_revoked_again_costs_no_record(times: int, status: int | None, start_sandbox: StartSandbox) -> None:
    """The access token of one request is revoked, and so is that with which it is sent again."""
    sandbox = start_sandbox(videos=5, data_error_status=status)
    sandbox.fail(LIST, *["access_token_invalid"] * times)

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert (len(refusals(sandbox, LIST)), len(sandbox.requests_to(TOKEN))) == (times, times + 1)


def test_refused_optional_field_costs_its_column_only(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=300, refused_fields=("is_aigc",))

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert outcome.warnings == [FIELD_REFUSED]
    assert [video for video in outcome.records("videos") if "is_aigc" in video] == []
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert [r.status for r in sandbox.requests_to(LIST)].count(400) == 1


@ENDPOINTS
@STATUSES
@pytest.mark.parametrize("code", PASSING)
def test_persistent_error_ends_after_bounded_retries(
    code: str, status: int | None, path: str, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=5, data_error_status=status)
    sandbox.fail(path, *[code] * 30)

    connector = InProcess(sandbox.base_url)
    outcome = connector.read(sandbox.config(), STREAMS[path])

    assert (outcome.exit_code, outcome.records(STREAMS[path])) == (1, [])
    assert outcome.errors == both(STREAMS[path], sentences.of_code(code))
    assert len(refusals(sandbox, path)) == (TRIES_WHEN_LIMITED if code == "rate_limit_exceeded" else TRIES)
    assert len(sandbox.requests_to(TOKEN)) == (TRIES if code == "access_token_invalid" else 1)
    assert outcome.statuses(STREAMS[path])[-1] == "INCOMPLETE"


@pytest.mark.parametrize("status", [400, 200])
@pytest.mark.parametrize("code", TOKEN_ERRORS)
def test_token_error_prevents_every_other_request(code: str, status: int, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=5, token_error_status=status)
    sandbox.fail(TOKEN, *[code] * 30)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "user_info")

    known = sentences.of_token_error(code)
    assert (outcome.exit_code, outcome.errors) == (1, both("user_info", known))
    assert [r.path for r in sandbox.requests] == [TOKEN] * (4 if known[0] == TRANSIENT else 1)
    assert sandbox.requests[-1].log_id in str(outcome.messages)
    assert outcome.configs == []


@pytest.mark.parametrize("code", ["scope_not_authorized", "scope_permission_missed"])
def test_missing_scope_of_an_access_token_is_named(code: str, start_sandbox: StartSandbox) -> None:
    """With a bare access token the granted scopes are unknown until TikTok responds."""
    sandbox = start_sandbox(videos=5, scope_error=code)
    config = sandbox.access_token_config(scopes=["user.info.basic", "user.info.profile", "user.info.stats"])
    outcome = InProcess(sandbox.base_url).read(config)
    assert outcome.records("user_info") == [sandbox.account.user]
    assert (outcome.errors[0], outcome.statuses("videos")[-1]) == (sentences.of_code(code), "INCOMPLETE")


def test_workers_share_one_refresh(
    start_sandbox: StartSandbox,
) -> None:
    """A refresh token works once: a second, simultaneous refresh would send one that is already used up."""
    sandbox = start_sandbox(videos=600, latency=0.02)
    sandbox.fail_on(LIST, dict.fromkeys(range(10, 22), "token_expired"))

    outcome = InProcess(sandbox.base_url).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert {r.status for r in sandbox.requests_to(TOKEN)} == {200}


@pytest.mark.parametrize("code", ["invalid_params", "scope_not_authorized", "unknown_code"])
def test_log_id_of_a_refusal_is_logged(code: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=1)
    sandbox.fail(LIST, code, code)
    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")
    first = sandbox.requests_to(LIST)[0]
    lines = [log["message"] for log in outcome.of("LOG") if log["message"].startswith("TikTok refuses POST")]
    assert re.search(rf"HTTP {first.status}, .*log_id.{{3,5}}{first.log_id}", lines[0])


@pytest.mark.parametrize(("command_name", "waits"), [("check", (2, 1)), ("read", (6, 2))])
@pytest.mark.parametrize("kind", ["access_token", "oauth2.0"])
def test_unresolvable_host_ends_in_bounded_time(
    kind: str, command_name: str, waits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody waits for a check, so that has fewer tries; with OAuth the first request is the token's."""

    def unresolved(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    monkeypatch.setattr(requests.utils, "should_bypass_proxies", lambda *_, **__: True)
    names = {"access_token": ["access_token"], "oauth2.0": ["client_key", "client_secret", "refresh_token"]}[kind]
    config = {"credentials": {"auth_type": kind, **dict.fromkeys(names, "unused")}}
    connector = InProcess("https://tiktok.invalid")

    outcome = connector.check(config) if command_name == "check" else connector.read(config, "user_info")

    assert len(long_waits(connector)) == waits[kind == "oauth2.0"]
    if command_name == "check":
        assert outcome.of("CONNECTION_STATUS") == [{"status": "FAILED", "message": sentences.NO_RESPONSE[1]}]
    else:
        assert (outcome.exit_code, outcome.errors[0]) == (1, sentences.NO_RESPONSE)
