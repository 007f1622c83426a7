"""Hand-written configs and unusual token responses, over real HTTP."""

from typing import Any

import pytest

from integration_tests.conftest import StartSandbox
from integration_tests.test_secrets import leaks
from integration_tests.truth import expected_ids, video_ids
from sandbox import MISSING, Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from unit_tests.connector import InProcess

DAY_S = 86_400


def with_both_tokens(sandbox: Sandbox) -> dict[str, Any]:
    """Both tokens of one consent, as `tiktok-organic-sign-in` writes them."""
    grant = sandbox.grant()
    credentials = sandbox.config()["credentials"]
    return {"credentials": {**credentials, "refresh_token": grant.refresh_token, "access_token": grant.access_token}}


def refreshes(sandbox: Sandbox) -> list[int]:
    return [request.status for request in sandbox.requests_to(TOKEN)]


def test_check_of_an_unsaved_source_uses_no_refresh_token(start_sandbox: StartSandbox) -> None:
    """Airbyte drops the config that such a check emits."""
    sandbox = start_sandbox(videos=5)
    connector, config = InProcess(sandbox.base_url), with_both_tokens(sandbox)
    checked = connector.check(config)
    assert (checked.of("CONNECTION_STATUS"), checked.configs) == ([{"status": "SUCCEEDED"}], [])
    outcome = connector.read(config)
    assert (outcome.errors, video_ids(outcome), refreshes(sandbox)) == ([], expected_ids(sandbox), [])


def test_expired_pasted_access_token_needs_one_refresh(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=5)
    config = with_both_tokens(sandbox)
    sandbox.revoke_access_tokens()
    outcome = InProcess(sandbox.base_url).read(config)
    assert (outcome.errors, video_ids(outcome), refreshes(sandbox)) == ([], expected_ids(sandbox), [200])
    assert len(outcome.configs) == 1


@pytest.mark.parametrize("template", ["{}\n", " {}", "\t{}\r\n"], ids=["newline", "space", "mixed"])
def test_whitespace_around_values_is_stripped(template: str, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=2)
    bare, oauth = sandbox.access_token_config(), sandbox.config()
    for config in (bare, oauth):
        values = {name: template.format(value) for name, value in config["credentials"].items() if name != "auth_type"}
        outcome = InProcess(sandbox.base_url).read({"credentials": {**config["credentials"], **values}}, debug=True)
        assert (outcome.errors, len(outcome.records("videos"))) == ([], 2)
        messages = str([m for m in outcome.messages if m["type"] != "CONTROL"])
        assert (
            leaks({config["credentials"].get("access_token", config["credentials"].get("refresh_token"))}, messages)
            == []
        )
    assert sandbox.requests_to(TOKEN)[0].body["refresh_token"] == oauth["credentials"]["refresh_token"]


def test_null_for_an_optional_property_counts_as_absent(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=25, years=1)
    names = ("start_date", "lookback_window_days", "additional_full_sync", "num_workers")
    config = sandbox.config(**dict.fromkeys(names))
    config["credentials"].update(dict.fromkeys(("access_token", "token_expiry_date", "scope")))
    outcome = InProcess(sandbox.base_url).read(config)
    assert (outcome.errors, outcome.warnings, video_ids(outcome)) == ([], [], expected_ids(sandbox))


@pytest.mark.parametrize(
    "invalid",
    [
        {"expires_in": "soon", "refresh_expires_in": 10**13},
        {"expires_in": [7200], "refresh_expires_in": MISSING},
        {"expires_in": MISSING, "open_id": 7},
        {"expires_in": -1, "scope": None, "token_type": []},
    ],
    ids=["text", "list", "missing", "negative"],
)
def test_invalid_token_response_keeps_the_tokens(invalid: dict[str, Any], start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=5)
    sandbox.token_response(**invalid)
    connector, config = InProcess(sandbox.base_url), sandbox.config()
    for _ in range(2):
        outcome = connector.read(config)
        assert (outcome.errors, video_ids(outcome)) == ([], expected_ids(sandbox))
        (config,) = outcome.configs
        sandbox.advance(DAY_S)
    assert refreshes(sandbox) == [200, 200]


@pytest.mark.parametrize("refresh_token", [MISSING, "", None], ids=["missing", "empty", "null"])
def test_refresh_token_is_kept_if_none_is_returned(refresh_token: Any, start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(videos=2, rotate_refresh_tokens=False)
    sandbox.token_response(refresh_token=refresh_token)
    config = sandbox.config()
    (stored,) = InProcess(sandbox.base_url).read(config).configs
    assert stored["credentials"]["refresh_token"] == config["credentials"]["refresh_token"]


@pytest.mark.parametrize("command", ["check", "read"])
@pytest.mark.parametrize(("days", "warnings"), [(13, 1), (15, 0)])
def test_expiring_authorization_causes_a_warning(
    days: int, warnings: int, command: str, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=1, refresh_token_lifetime=days * DAY_S)
    outcome = getattr(InProcess(sandbox.base_url), command)(sandbox.config())
    assert [warning[:28] for warning in outcome.warnings] == ["The refresh token expires on"] * warnings


@pytest.mark.parametrize("separator", [",", " ", ", "], ids=["comma", "space", "both"])
def test_scopes_may_be_separated_in_any_way(separator: str, start_sandbox: StartSandbox) -> None:
    scopes = ("user.info.basic", "user.info.stats", "video.list")
    sandbox = start_sandbox(videos=2)
    sandbox.token_response(scope=separator.join(scopes))
    outcome = InProcess(sandbox.base_url).read(sandbox.config(scopes=scopes))
    (user,) = outcome.records("user_info")
    assert (outcome.errors, "follower_count" in user, "username" in user) == ([], True, False)
    assert len(outcome.records("videos")) == 2
