"""The installed command over real HTTP: each record exactly once, and only messages on stdout."""

from collections import Counter
from typing import Any

from integration_tests.conftest import StartSandbox
from integration_tests.truth import expected_videos, videos
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import USER_FIELDS, VIDEO_FIELDS
from sandbox.facts import USER_INFO_PATH as USER
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.connector import Command

Commands = Any
TYPES = {"LOG", "TRACE", "RECORD", "STATE", "CONTROL", "SPEC", "CATALOG", "CONNECTION_STATUS"}


def test_spec_needs_no_config(start_sandbox: StartSandbox, command: Commands) -> None:
    outcome = command(start_sandbox()).spec()
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert Counter(m["type"] for m in outcome.messages if m["type"] != "LOG") == {"SPEC": 1}


def test_check_requests_the_profile_and_one_video(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox()
    outcome = command(sandbox).check(sandbox.config())
    assert (outcome.exit_code, outcome.of("CONNECTION_STATUS")) == (0, [{"status": "SUCCEEDED"}])
    assert [(r.path, r.status) for r in sandbox.requests] == [(TOKEN, 200), (USER, 200), (LIST, 200)]
    assert sandbox.requests_to(LIST)[0].body == {"max_count": 1}


def test_discover_makes_no_request(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox()
    (found,) = command(sandbox).discover(sandbox.config()).of("CATALOG")
    assert {s["name"]: set(s["json_schema"]["properties"]) for s in found["streams"]} == {
        "user_info": set(USER_FIELDS),
        "videos": {*VIDEO_FIELDS, "open_id"},
    }
    assert sandbox.requests == []


def test_thousands_of_videos_are_read_exactly_once(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=4000, years=3)

    outcome = command(sandbox).read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.stderr) == (0, [], "")
    assert outcome.records("user_info") == [sandbox.account.user]
    assert videos(outcome) == expected_videos(sandbox)
    assert {m["type"] for m in outcome.messages} <= TYPES
    assert len(sandbox.requests_to(TOKEN)) == 1
    assert {r.status for r in sandbox.requests} == {200}


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


def test_debug_log_of_a_failure_has_no_secret(start_sandbox: StartSandbox, command: Commands) -> None:
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
