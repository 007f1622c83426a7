"""Tokens and permissions over real HTTP: short lives, early ends, and every combination of refused scopes."""

import itertools
import time
from collections.abc import Callable

import pytest

from integration_tests.command import Command
from integration_tests.conftest import StartSandbox
from integration_tests.in_process import InProcess, ids_there_are, video_ids
from sandbox import Sandbox
from unit_tests.outcome import read_outcome

LIST, USER, TOKEN = "/v2/video/list/", "/v2/user/info/", "/v2/oauth/token/"
BASIC, PROFILE, STATS, VIDEOS = "user.info.basic", "user.info.profile", "user.info.stats", "video.list"
OPTIONAL = (PROFILE, STATS, VIDEOS)
COMBINATIONS = [scopes for n in range(4) for scopes in itertools.combinations(OPTIONAL, n)]


def test_given_tokens_of_two_seconds_when_read_then_complete_and_exactly_once(
    start_sandbox: StartSandbox, command: Callable[[Sandbox], Command]
) -> None:
    sandbox = start_sandbox(videos=400, latency=0.4, access_token_lifetime=2)

    outcome = command(sandbox).read(sandbox.config(start_date="2022-01-01", num_workers=4))

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert len(sandbox.requests_to(TOKEN)) >= 2
    assert {r.status for r in sandbox.requests_to(TOKEN)} == {200}


def test_given_a_token_revoked_with_many_requests_in_flight_when_read_then_one_refresh_and_no_record_lost(
    start_sandbox: StartSandbox, command: Callable[[Sandbox], Command]
) -> None:
    sandbox = start_sandbox(videos=2000, latency=0.3)
    run = command(sandbox)
    process = run.start("read", *run.files(sandbox.config(start_date="2022-01-01"), ("videos",)))
    while sandbox.in_flight_peak(LIST) < 16:
        time.sleep(0.02)
    sandbox.revoke_access_tokens()

    out, _ = process.communicate(timeout=60)
    outcome = read_outcome(out, process.returncode)

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert [r.status for r in sandbox.requests_to(TOKEN)] == [200, 200]
    assert sum(r.status == 401 for r in sandbox.requests_to(LIST)) >= 10


@pytest.mark.parametrize("scopes", COMBINATIONS, ids="+".join)
def test_given_refused_permissions_when_read_then_no_request_fails_for_one(
    scopes: tuple[str, ...], start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=30)
    outcome = InProcess(sandbox.base_url).read(sandbox.config(scopes=(BASIC, *scopes)))

    (user,) = outcome.records("user_info")
    expected = {PROFILE: "username", STATS: "follower_count"}
    assert {scope: column in user for scope, column in expected.items()} == {s: s in scopes for s in expected}
    warned = [scope for scope in expected if any(scope in warning for warning in outcome.warnings)]
    assert warned == [scope for scope in expected if scope not in scopes]
    assert len(outcome.records("videos")) == (30 if VIDEOS in scopes else 0)
    assert outcome.exit_code == (0 if VIDEOS in scopes else 1)
    assert {r.status for r in sandbox.requests} == {200}


def test_given_a_refresh_whose_answer_is_lost_when_read_then_the_error_says_what_may_have_happened(
    start_sandbox: StartSandbox,
) -> None:
    sandbox = start_sandbox()
    sandbox.fail(TOKEN, "token_lost")
    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "user_info")
    failure, message = outcome.errors[0]
    assert failure == "config_error"
    assert "was lost on its way" in message
    assert [r.error_code for r in sandbox.requests_to(TOKEN)][1:] == ["invalid_grant"]


def test_given_faults_at_the_token_endpoint_when_read_then_it_is_asked_again(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=10)
    sandbox.fail(TOKEN, "token_500", "html_502", "html_200")
    outcome = InProcess(sandbox.base_url).read(sandbox.config())
    assert (outcome.errors, video_ids(outcome)) == ([], ids_there_are(sandbox))


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client", "unauthorized_client"])
def test_given_a_token_error_when_checked_then_failed_and_no_request_for_data(
    code: str, status: int, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(token_error_status=status)
    sandbox.fail(TOKEN, code)
    (result,) = InProcess(sandbox.base_url).check(sandbox.config()).of("CONNECTION_STATUS")
    assert result["status"] == "FAILED"
    assert "TikTok does not" in result["message"]
    assert [r.path for r in sandbox.requests] == [TOKEN]
