"""Tokens and permissions over real HTTP: short lifetimes, early revocation, and every combination of refused scopes."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from integration_tests import sentences
from integration_tests.command import Command
from integration_tests.conftest import StartSandbox
from integration_tests.in_process import InProcess, ids_there_are, video_ids
from integration_tests.waiting import wait_for
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.outcome import read_outcome

BASIC, PROFILE, STATS, VIDEOS = "user.info.basic", "user.info.profile", "user.info.stats", "video.list"
OPTIONAL = (PROFILE, STATS, VIDEOS)
COMBINATIONS = [scopes for n in range(4) for scopes in itertools.combinations(OPTIONAL, n)]


def test_two_second_tokens_cost_no_video(start_sandbox: StartSandbox, command: Callable[[Sandbox], Command]) -> None:
    sandbox = start_sandbox(videos=400, latency=0.4, access_token_lifetime=2)

    outcome = command(sandbox).read(sandbox.config(start_date="2022-01-01", num_workers=4))

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert len(sandbox.requests_to(TOKEN)) >= 2
    assert {r.status for r in sandbox.requests_to(TOKEN)} == {200}


@pytest.mark.parametrize("revocations", [1, 3])
def test_revoked_tokens_cost_refreshes_and_no_record(
    revocations: int, start_sandbox: StartSandbox, command: Callable[[Sandbox], Command]
) -> None:
    """Each comes while several requests are under way, some of them sent again because of the one before."""
    sandbox = start_sandbox(videos=2000, latency=0.3)
    run = command(sandbox)
    process = run.start("read", *run.files(sandbox.config(start_date="2022-01-01"), ["videos"]))
    with process, ThreadPoolExecutor() as pool:
        try:
            everything = pool.submit(process.communicate)  # a process that nobody reads from sends no request
            wait_for(lambda: sandbox.in_flight_peak(LIST) >= 6)
            for number in range(1, revocations + 1):
                wait_for(lambda n=number: len(sandbox.requests_to(TOKEN)) == n)
                sent = len(sandbox.requests_to(LIST))
                wait_for(lambda n=sent: len(sandbox.requests_to(LIST)) >= n + 3)
                sandbox.revoke_access_tokens()
            out, _ = everything.result(timeout=60)
        finally:
            process.kill()
    outcome = read_outcome(out, process.returncode)

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert video_ids(outcome) == ids_there_are(sandbox)
    assert [r.status for r in sandbox.requests_to(TOKEN)] == [200] * (1 + revocations)
    assert sum(r.status == 401 for r in sandbox.requests_to(LIST)) > revocations


@pytest.mark.parametrize("scopes", COMBINATIONS, ids="+".join)
def test_refused_scopes_cause_no_failed_request(scopes: tuple[str, ...], start_sandbox: StartSandbox) -> None:
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


def test_lost_refresh_response_is_a_used_token(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox()
    sandbox.fail(TOKEN, "token_lost")
    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "user_info")
    assert outcome.errors[0] == sentences.of_token_error("invalid_grant")
    assert [r.error_code for r in sandbox.requests_to(TOKEN)] == [None, "invalid_grant"]


def test_faulty_token_endpoint_is_asked_again(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=10)
    sandbox.fail(TOKEN, "token_500", "html_502", "html_200")
    outcome = InProcess(sandbox.base_url).read(sandbox.config())
    assert (outcome.errors, video_ids(outcome)) == ([], ids_there_are(sandbox))


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client", "unauthorized_client"])
def test_token_error_fails_check_before_data_requests(code: str, status: int, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(token_error_status=status)
    sandbox.fail(TOKEN, code)
    (result,) = InProcess(sandbox.base_url).check(sandbox.config()).of("CONNECTION_STATUS")
    assert result["status"] == "FAILED"
    assert sentences.of_token_error(code)[1] in result["message"]
    assert [r.path for r in sandbox.requests] == [TOKEN]
