"""The installed command over real HTTP: each record exactly once, stdout for messages alone."""

from collections import Counter
from typing import Any

import pytest

from integration_tests.command import Command
from integration_tests.conftest import StartSandbox

Commands = Any
LIST, USER, TOKEN = "/v2/video/list/", "/v2/user/info/", "/v2/oauth/token/"
TYPES = {"LOG", "TRACE", "RECORD", "STATE", "CONTROL", "SPEC", "CATALOG", "CONNECTION_STATUS"}


def truth(sandbox: Any) -> list[dict[str, Any]]:
    open_id = sandbox.account.user["open_id"]
    return [{**video, "open_id": open_id} for video in sandbox.account.videos]


def by_id(videos: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(videos, key=lambda video: str(video["id"]))


def test_given_no_config_when_spec_then_the_spec_alone(start_sandbox: StartSandbox, command: Commands) -> None:
    outcome = command(start_sandbox()).spec()
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert Counter(m["type"] for m in outcome.messages if m["type"] != "LOG") == {"SPEC": 1}


def test_given_an_account_when_checked_then_succeeded_with_one_refresh_and_one_request(
    start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox()
    outcome = command(sandbox).check(sandbox.config())
    assert (outcome.exit_code, outcome.of("CONNECTION_STATUS")) == (0, [{"status": "SUCCEEDED"}])
    assert [(r.path, r.status) for r in sandbox.requests] == [(TOKEN, 200), (USER, 200)]


def test_given_an_account_when_discovered_then_both_streams_and_no_request(
    start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox()
    (found,) = command(sandbox).discover(sandbox.config()).of("CATALOG")
    assert [(s["name"], len(s["json_schema"]["properties"])) for s in found["streams"]] == [
        ("user_info", 14),
        ("videos", 17),
    ]
    assert sandbox.requests == []


def test_given_thousands_of_videos_when_read_then_each_exactly_once_with_every_value(
    start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox(videos=4000, years=3)

    outcome = command(sandbox).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.stderr) == (0, [], "")
    assert outcome.records("user_info") == [sandbox.account.user]
    assert by_id(outcome.records("videos")) == by_id(truth(sandbox))
    assert {m["type"] for m in outcome.messages} <= TYPES
    assert len(sandbox.requests_to(TOKEN)) == 1
    assert {r.status for r in sandbox.requests} == {200}


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"cursor_inclusive": True},
        {"split_seconds": True},
        {"short_pages": True},
        {"empty_pages": True},
        {"ids_as_numbers": True},
        {"rotate_refresh_tokens": False},
        {"refresh_prolongs": True},
        {"cursor_inclusive": True, "split_seconds": True, "short_pages": True, "empty_pages": True},
    ],
    ids=lambda switches: "+".join(switches) or "as_documented",
)
def test_given_what_tiktok_leaves_unknown_when_read_then_each_video_exactly_once_either_way(
    switches: Any, start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox(videos=300, same_second=5, **switches)

    outcome = command(sandbox).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors) == (0, [])
    expected = [{**video, "id": str(video["id"])} for video in truth(sandbox)]
    assert by_id(outcome.records("videos")) == by_id(expected)


@pytest.mark.parametrize("switch", ["stuck_cursor", "gone_without_cursor"])
def test_given_a_cursor_that_leads_nowhere_when_read_then_an_error_and_never_a_loop(
    switch: str, start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox(videos=90, **{switch: True})  # small, so one window
    outcome = command(sandbox).read(sandbox.config(), "videos")
    assert outcome.exit_code == 1
    assert outcome.errors[0][0] == "system_error"
    assert "its cursor does not lead to them" in outcome.errors[0][1]
    assert len(sandbox.requests_to(LIST)) <= 4


@pytest.mark.parametrize("status", [200, 400])
def test_given_an_ended_refresh_token_when_checked_then_failed_with_what_to_do(
    status: int, start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox(token_error_status=status)
    config = sandbox.config()
    sandbox.expire_refresh_tokens()
    outcome = command(sandbox).check(config)
    (result,) = outcome.of("CONNECTION_STATUS")
    assert (result["status"], outcome.exit_code) == ("FAILED", 0)
    assert "Sign in to TikTok again and put the new credentials into this source." in result["message"]


def test_given_the_config_of_the_last_sync_when_read_again_then_the_rotated_token_works(
    start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox(videos=30)
    run: Command = command(sandbox)
    first = run.read(sandbox.config())
    sandbox.advance(7200)

    second = run.read(first.configs[-1])

    assert (second.exit_code, second.errors) == (0, [])
    assert len(second.records("videos")) == 30
    assert [r.status for r in sandbox.requests_to(TOKEN)] == [200, 200]
    assert first.configs[-1]["credentials"]["refresh_token"] != second.configs[-1]["credentials"]["refresh_token"]


def test_given_an_access_token_when_read_then_it_works_without_a_refresh(
    start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox(videos=30)
    outcome = command(sandbox).read(sandbox.access_token_config())
    assert (outcome.exit_code, len(outcome.records("videos"))) == (0, 30)
    assert sandbox.requests_to(TOKEN) == []


def test_given_an_account_without_videos_when_read_then_a_complete_sync(
    start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox(videos=0)
    outcome = command(sandbox).read(sandbox.config())
    assert (outcome.exit_code, outcome.errors, outcome.records("videos")) == (0, [], [])
    assert outcome.statuses("videos")[-1] == "COMPLETE"


def test_given_mixed_faults_when_read_then_no_record_is_lost_or_doubled(
    start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox(videos=120)
    sandbox.fail_on(LIST, {2: "http_500", 4: "html_200", 6: "reset_middle"})
    outcome = command(sandbox).read(sandbox.config())
    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert by_id(outcome.records("videos")) == by_id(truth(sandbox))


def test_given_a_read_with_debug_logs_when_it_fails_then_no_secret_is_printed(
    start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox(videos=1)
    config = sandbox.config()
    sandbox.fail(LIST, "invalid_params")
    run: Command = command(sandbox)

    outcome = run.run("read", "--debug", *run.files(config))

    stored = outcome.configs[-1]["credentials"]
    secrets = [config["credentials"]["refresh_token"], *(stored[k] for k in ("client_secret", "refresh_token"))]
    printed = str([m for m in outcome.messages if m["type"] != "CONTROL"]) + outcome.stderr
    assert outcome.exit_code == 1
    assert [secret for secret in [*secrets, stored["access_token"]] if secret in printed] == []
