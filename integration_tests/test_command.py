"""The installed command over real HTTP: each record exactly once, nothing but messages on stdout."""

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


def test_spec_needs_no_config(start_sandbox: StartSandbox, command: Commands) -> None:
    outcome = command(start_sandbox()).spec()
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert Counter(m["type"] for m in outcome.messages if m["type"] != "LOG") == {"SPEC": 1}


def test_check_takes_one_refresh_and_one_request(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox()
    outcome = command(sandbox).check(sandbox.config())
    assert (outcome.exit_code, outcome.of("CONNECTION_STATUS")) == (0, [{"status": "SUCCEEDED"}])
    assert [(r.path, r.status) for r in sandbox.requests] == [(TOKEN, 200), (USER, 200)]


def test_discover_makes_no_request(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox()
    (found,) = command(sandbox).discover(sandbox.config()).of("CATALOG")
    assert [(s["name"], len(s["json_schema"]["properties"])) for s in found["streams"]] == [
        ("user_info", 14),
        ("videos", 17),
    ]
    assert sandbox.requests == []


def test_thousands_of_videos_come_exactly_once(start_sandbox: StartSandbox, command: Commands) -> None:
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
        {"cursor_milliseconds": True},
        {"ids_as_numbers": True},
        {"id_lag": True},
        {"refuse_encoded_commas": True},
        {"rotate_refresh_tokens": False},
        {"refresh_prolongs": True},
        {"cursor_inclusive": True, "split_seconds": True, "short_pages": True, "empty_pages": True},
    ],
    ids=lambda switches: "+".join(switches) or "as_documented",
)
def test_undocumented_behaviour_costs_no_video(switches: Any, start_sandbox: StartSandbox, command: Commands) -> None:
    """Each switch is a point that TikTok's documentation leaves open."""
    sandbox = start_sandbox(videos=300, same_second=5, **switches)

    outcome = command(sandbox).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors) == (0, [])
    expected = [{**video, "id": str(video["id"])} for video in truth(sandbox)]
    assert by_id(outcome.records("videos")) == by_id(expected)


@pytest.mark.parametrize("switch", ["stuck_cursor", "gone_without_cursor"])
def test_useless_cursor_is_an_error_and_no_loop(switch: str, start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=90, **{switch: True})
    outcome = command(sandbox).read(sandbox.config(), "videos")
    assert (outcome.exit_code, outcome.errors[0][0]) == (1, "system_error")
    assert "its cursor does not lead to them" in outcome.errors[0][1]
    assert len(sandbox.requests_to(LIST)) <= 1 + 4 * 2  # the first page, and two of each part


@pytest.mark.parametrize("status", [200, 400])
def test_expired_refresh_token_fails_check_with_advice(
    status: int, start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox(token_error_status=status)
    config = sandbox.config()
    sandbox.expire_refresh_tokens()
    outcome = command(sandbox).check(config)
    (result,) = outcome.of("CONNECTION_STATUS")
    assert (result["status"], outcome.exit_code) == ("FAILED", 0)
    assert "Sign in to TikTok again and put the new credentials into this source." in result["message"]


def test_next_sync_uses_the_rotated_token(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=30)
    run: Command = command(sandbox)
    first = run.read(sandbox.config())
    sandbox.advance(7200)

    second = run.read(first.configs[-1])

    assert (second.exit_code, second.errors) == (0, [])
    assert len(second.records("videos")) == 30
    assert [r.status for r in sandbox.requests_to(TOKEN)] == [200, 200]
    assert first.configs[-1]["credentials"]["refresh_token"] != second.configs[-1]["credentials"]["refresh_token"]


def test_access_token_is_used_without_a_refresh(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=30)
    outcome = command(sandbox).read(sandbox.access_token_config())
    assert (outcome.exit_code, len(outcome.records("videos"))) == (0, 30)
    assert sandbox.requests_to(TOKEN) == []


def test_account_without_videos_is_a_complete_sync(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=0)
    outcome = command(sandbox).read(sandbox.config())
    assert (outcome.exit_code, outcome.errors, outcome.records("videos")) == (0, [], [])
    assert outcome.statuses("videos")[-1] == "COMPLETE"


def test_mixed_faults_cost_no_record(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=120)
    sandbox.fail_on(LIST, {2: "http_500", 4: "html_200", 6: "reset_middle"})
    outcome = command(sandbox).read(sandbox.config())
    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert by_id(outcome.records("videos")) == by_id(truth(sandbox))


def test_debug_logs_of_a_failure_hold_no_secret(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=1)
    config = sandbox.config()
    sandbox.fail(LIST, "scope_not_authorized")
    run: Command = command(sandbox)

    outcome = run.read(config, debug=True)

    stored = outcome.configs[-1]["credentials"]
    secrets = [config["credentials"]["refresh_token"], *(stored[k] for k in ("client_secret", "refresh_token"))]
    printed = str([m for m in outcome.messages if m["type"] != "CONTROL"]) + outcome.stderr
    assert (outcome.exit_code, outcome.errors[0][0]) == (1, "config_error")
    assert [secret for secret in [*secrets, stored["access_token"]] if secret in printed] == []
