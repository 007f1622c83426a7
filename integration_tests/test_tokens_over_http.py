"""Tokens and scopes over real HTTP: short lifetimes, early revocation, and every combination of missing scopes."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from integration_tests import expected_messages
from integration_tests.conftest import StartSandbox
from integration_tests.truth import expected_ids, video_ids
from integration_tests.waiting import wait_for
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import USER_INFO_PATH as USER
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.command_result import read_outcome
from unit_tests.connector import Command, InProcess

BASIC, PROFILE, STATS, VIDEOS = "user.info.basic", "user.info.profile", "user.info.stats", "video.list"
OPTIONAL = (PROFILE, STATS, VIDEOS)
COLUMNS = {
    PROFILE: ("bio_description", "profile_deep_link", "username", "is_verified"),
    STATS: ("follower_count", "following_count", "likes_count", "video_count"),
}
COMBINATIONS = [scopes for n in range(4) for scopes in itertools.combinations(OPTIONAL, n)]


def test_two_second_tokens_lose_no_video(start_sandbox: StartSandbox, command: Callable[[Sandbox], Command]) -> None:
    sandbox = start_sandbox(videos=400, latency=0.4, access_token_lifetime=2)

    outcome = command(sandbox).read(sandbox.config(start_date="2022-01-01", num_workers=4))

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert video_ids(outcome) == expected_ids(sandbox)
    assert len(sandbox.requests_to(TOKEN)) >= 2
    assert {r.status for r in sandbox.requests_to(TOKEN)} == {200}


@pytest.mark.parametrize("revocations", [1, 3])
def test_revoked_tokens_are_refreshed_without_loss(
    revocations: int, start_sandbox: StartSandbox, command: Callable[[Sandbox], Command]
) -> None:
    """Each happens while several requests are in flight, some of them retries after the previous one."""
    sandbox = start_sandbox(videos=2000, latency=0.3)
    run = command(sandbox)
    process = run.start("read", *run.files(sandbox.config(start_date="2022-01-01"), ["videos"]))
    with process, ThreadPoolExecutor() as pool:
        try:
            everything = pool.submit(process.communicate)  # a process without a reader sends no request
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
    assert video_ids(outcome) == expected_ids(sandbox)
    assert [r.status for r in sandbox.requests_to(TOKEN)] == [200] * (1 + revocations)
    assert sum(r.status == 401 for r in sandbox.requests_to(LIST)) > revocations


@pytest.mark.parametrize("scopes", COMBINATIONS, ids=lambda scopes: "+".join(scopes) or "basic_alone")
def test_missing_scope_drops_its_columns_or_its_stream(scopes: tuple[str, ...], start_sandbox: StartSandbox) -> None:
    """TikTok names no scope: a rejected request is retried without one, then another, then both."""
    sandbox = start_sandbox(videos=30)

    outcome = InProcess(sandbox.base_url).read(sandbox.config(scopes=(BASIC, *scopes)))

    missing = [scope for scope in COLUMNS if scope not in scopes]
    lost = {name for scope in missing for name in COLUMNS[scope]}
    assert outcome.records("user_info") == [{k: v for k, v in sandbox.account.user.items() if k not in lost}]
    assert outcome.warnings == [lost_columns_warning(scope) for scope in missing]
    # The profile is requested for each stream; for videos, it needs `open_id` and asks for `video_count`.
    rejected_profiles = {(): 0, (PROFILE,): 1, (STATS,): 2, (PROFILE, STATS): 3}[tuple(missing)]
    codes = [r.error_code for r in sandbox.requests_to(USER)]
    assert (codes.count("scope_not_authorized"), codes.count(None)) == (rejected_profiles + (STATS in missing), 2)
    if VIDEOS in scopes:
        assert (outcome.exit_code, outcome.errors, video_ids(outcome)) == (0, [], expected_ids(sandbox))
        assert [r.error_code for r in sandbox.requests_to(LIST)] == [None, None]
    else:
        error = expected_messages.of_missing_scope("videos")
        assert (outcome.exit_code, outcome.errors) == (1, [error, expected_messages.closing("videos", error)])
        assert [r.error_code for r in sandbox.requests_to(LIST)] == ["scope_not_authorized"]


def lost_columns_warning(scope: str) -> str:
    """The warning about the columns of a scope."""
    names = ", ".join(COLUMNS[scope])
    return expected_messages.MESSAGES["columns_not_granted"].format(scope=scope, names=names, stream="user_info")


def test_check_succeeds_and_names_missing_scopes(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=30)

    outcome = InProcess(sandbox.base_url).check(sandbox.config(scopes=(BASIC,)))

    missing = f"{PROFILE} (stream user_info), {STATS} (stream user_info), {VIDEOS} (stream videos)"
    message = expected_messages.MESSAGES["scopes_not_granted"].format(scopes=missing)
    assert outcome.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED", "message": message}]
    assert outcome.warnings == [*map(lost_columns_warning, COLUMNS), message]
    assert [(r.body, r.error_code) for r in sandbox.requests_to(LIST)] == [({"max_count": 1}, "scope_not_authorized")]


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client", "unauthorized_client"])
def test_token_error_fails_check_before_data_requests(code: str, status: int, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(token_error_status=status)
    sandbox.fail(TOKEN, code)
    (result,) = InProcess(sandbox.base_url).check(sandbox.config()).of("CONNECTION_STATUS")
    assert result["status"] == "FAILED"
    assert expected_messages.of_token_error(code)[1] in result["message"]
    assert [r.path for r in sandbox.requests] == [TOKEN]
