"""Token refresh: a refresh token can be used once, so the next one is emitted at once, and failures are explained."""

import json
from typing import Any

import pytest
import requests
from airbyte_cdk import AirbyteTracedException, FailureType
from freezegun.api import FrozenDateTimeFactory

from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, TOKEN_RESPONSE, TikTok, recorded
from unit_tests.token_store_helpers import authenticator_of, sent_refresh_tokens, with_rotating_tokens

VALID_TOKEN = {"access_token": "act.stored", "token_expiry_date": "2026-11-02T12:00:01Z"}
EXPIRED_TOKEN = {"access_token": "act.stored", "token_expiry_date": "2026-11-02T11:59:59Z"}
# developers.tiktok.com/doc/oauth-error-handling
DOCUMENTED = {
    "invalid_grant": "config_error",
    "invalid_client": "config_error",
    "unauthorized_client": "config_error",
    "access_denied": "config_error",
    "invalid_scope": "config_error",
    "invalid_request": "system_error",
    "unsupported_grant_type": "system_error",
    "server_error": "transient_error",
    "temporarily_unavailable": "transient_error",
}
OWN = {"no_valid_response": "transient_error", "unknown": "system_error"}
DEFINITIONS = load_manifest()["definitions"]
ERRORS = DEFINITIONS["authenticator"]["token_errors"]
NO_RESPONSE = DEFINITIONS["no_response"]
NO_VALID_RESPONSE = ("transient_error", ERRORS["no_valid_response"]["message"])
UNREACHABLE = ("transient_error", NO_RESPONSE["Exception"])


def oauth(**stored: Any) -> dict[str, Any]:
    return {"credentials": {**OAUTH_CONFIG["credentials"], **stored}}


def test_refresh_token_is_exchanged_once_in_a_form(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()

    connector.read(OAUTH_CONFIG)

    assert tiktok.forms() == [
        {
            "grant_type": "refresh_token",
            "client_key": "client-key",
            "client_secret": "client-secret",
            "refresh_token": "rft.first",
        }
    ]
    assert tiktok.requests("token")[0].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert tiktok.bearers("user") + tiktok.bearers("videos") == ["act.fresh"] * 3


def test_rotated_token_is_emitted_first(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()

    outcome = connector.check(OAUTH_CONFIG)

    assert outcome.configs == [
        {
            "credentials": {
                **OAUTH_CONFIG["credentials"],
                "refresh_token": "rft.second",
                "access_token": "act.fresh",
                "token_expiry_date": "2026-11-02T13:59:00+00:00",
            }
        }
    ]
    assert [m["type"] for m in outcome.messages if m["type"] != "LOG"] == ["CONTROL", "CONNECTION_STATUS"]


def test_stored_config_needs_no_refresh(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    (stored,) = connector.check(OAUTH_CONFIG).configs

    outcome = connector.check(stored)

    assert outcome.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert (outcome.configs, len(tiktok.forms())) == ([], 1)


@pytest.mark.parametrize(
    ("stored", "refreshes", "bearer"),
    [
        (VALID_TOKEN, 0, "act.stored"),
        (EXPIRED_TOKEN, 1, "act.fresh"),
        ({**VALID_TOKEN, "token_expiry_date": "2026-11-02T12:00:01.123456789Z"}, 0, "act.stored"),
        ({**VALID_TOKEN, "token_expiry_date": "2026-11-02T11:59:59.123456789Z"}, 1, "act.fresh"),
        ({"access_token": "act.stored"}, 0, "act.stored"),
        ({"access_token": "act.stored", "token_expiry_date": ""}, 0, "act.stored"),
        ({"access_token": "", "token_expiry_date": "2026-11-02T13:00:00Z"}, 1, "act.fresh"),
        ({"token_expiry_date": "2026-11-02T13:00:00Z"}, 1, "act.fresh"),
    ],
    ids=[
        "still_valid",
        "expired",
        "valid_of_airbyte",
        "expired_of_airbyte",
        "of_unknown_age",
        "without_date",
        "empty",
        "missing",
    ],
)
def test_stored_access_token_is_used_until_it_expires(
    stored: Any, refreshes: int, bearer: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account()

    outcome = connector.read(oauth(**stored), "user_info")

    assert outcome.errors == []
    assert (len(tiktok.forms()), tiktok.bearers("user")) == (refreshes, [bearer])


@pytest.mark.parametrize(("lifetime", "expiry"), [(7200, "13:59:00"), (25, "12:00:22.500000"), (600, "12:09:00")])
def test_token_is_refreshed_shortly_before_it_expires(
    lifetime: int, expiry: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account().responds("token", {"json": {**TOKEN_RESPONSE, "expires_in": lifetime}})
    (config,) = connector.check(OAUTH_CONFIG).configs
    assert config["credentials"]["token_expiry_date"] == f"2026-11-02T{expiry}+00:00"


def test_emitted_config_has_the_tokens_of_the_next_sync(
    tiktok: TikTok, connector: Connector, clock: FrozenDateTimeFactory
) -> None:
    """A refresh token works once: a client that stores each emitted config never sends one twice."""
    with_rotating_tokens(tiktok)
    config: Any = oauth()
    for _ in range(3):
        (config,) = connector.read(config, "user_info").configs
        clock.tick(3 * 3_600)
    assert sent_refresh_tokens(tiktok) == ["rft.first", "rft.1", "rft.2"]
    assert (config["credentials"]["access_token"], config["credentials"]["refresh_token"]) == ("act.3", "rft.3")


def test_echoed_refresh_token_is_kept(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("token", {"json": {**TOKEN_RESPONSE, "refresh_token": "rft.first"}})
    (config,) = connector.check(OAUTH_CONFIG).configs
    assert config["credentials"]["refresh_token"] == "rft.first"


def test_refresh_token_is_kept_if_none_is_returned(tiktok: TikTok, connector: Connector) -> None:
    response = {k: v for k, v in TOKEN_RESPONSE.items() if k != "refresh_token"}
    tiktok.with_an_account().responds("token", {"json": response})
    (config,) = connector.check(OAUTH_CONFIG).configs
    assert config["credentials"]["refresh_token"] == "rft.first"


def test_recorded_token_response_is_parsed(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("token", {"json": recorded("token_refresh.json")})
    (config,) = connector.check(OAUTH_CONFIG).configs
    recorded_tokens = recorded("token_refresh.json")
    assert config["credentials"] == {
        **OAUTH_CONFIG["credentials"],
        "access_token": recorded_tokens["access_token"],
        "refresh_token": recorded_tokens["refresh_token"],
        "token_expiry_date": "2026-11-03T11:59:00+00:00",
    }


def test_bare_access_token_is_never_refreshed(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()

    outcome = connector.read(ACCESS_TOKEN_CONFIG)

    assert (outcome.errors, outcome.configs) == ([], [])
    assert set(tiktok.bearers("user") + tiktok.bearers("videos")) == {"act.given"}


def test_every_documented_token_error_has_a_message() -> None:
    assert {code: error["failure_type"] for code, error in ERRORS.items()} == {**DOCUMENTED, **OWN}
    assert len({error["message"] for error in ERRORS.values()}) == len(ERRORS)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", DOCUMENTED)
def test_token_error_takes_precedence_over_the_status(
    code: str, status: int, tiktok: TikTok, connector: Connector
) -> None:
    """The CDK treats a 200 as a success and would continue with the token `None`."""
    body = {"error": code, "error_description": "What TikTok says.", "log_id": "2026LOG"}
    tiktok.responds("token", {"json": body, "status_code": status})

    outcome = connector.read(OAUTH_CONFIG, "user_info")

    failure = DOCUMENTED[code]
    assert outcome.errors[:-1] == [(failure, ERRORS[code]["message"])]
    assert "2026LOG" in str(outcome.messages)
    assert (tiktok.requests("user"), outcome.configs) == ([], [])
    assert len(tiktok.forms()) == (4 if failure == "transient_error" else 1)


def test_expired_refresh_token_fails_check_with_advice(tiktok: TikTok, connector: Connector) -> None:
    tiktok.responds("token", {"json": recorded("token_invalid_grant.json"), "status_code": 400})
    outcome = connector.check(OAUTH_CONFIG)
    message = ERRORS["invalid_grant"]["message"]
    assert outcome.of("CONNECTION_STATUS") == [{"status": "FAILED", "message": message}]
    advice = ("re-authenticate", "CONNECTOR_CONFIG", "TIKTOK_TOKEN_STORE")
    assert [words for words in advice if words not in message] == []


@pytest.mark.parametrize("status", [200, 499])
def test_undocumented_token_error_is_a_system_error(status: int, tiktok: TikTok, connector: Connector) -> None:
    tiktok.responds("token", {"json": {"error": "brand_new", "error_description": "?"}, "status_code": status})
    outcome = connector.read(OAUTH_CONFIG, "user_info")
    assert outcome.errors[:-1] == [("system_error", ERRORS["unknown"]["message"])]
    assert "brand_new" in str(outcome.messages)
    assert (len(tiktok.forms()), outcome.configs) == (1, [])


@pytest.mark.parametrize(
    "response",
    [
        {"status_code": 500, "text": "<html>"},
        {"status_code": 200, "text": "<html>"},
        {"status_code": 200, "json": {}},
        {"status_code": 200, "json": []},
        {"status_code": 500, "json": {"error": "brand_new"}},
        {"status_code": 503, "json": {"error": "brand_new"}},
        {"text": "[" * 100_000},
        {"text": '{"access_token": ' + "7" * 5_000 + "}"},
        {"exc": requests.exceptions.ConnectTimeout},
        {"exc": requests.exceptions.ReadTimeout},
        {"exc": requests.exceptions.ConnectionError("reset")},
    ],
    ids=[
        "500",
        "html",
        "empty_object",
        "list",
        "error_500",
        "error_503",
        "deep",
        "digits",
        "no_connection",
        "no_response",
        "reset",
    ],
)
def test_transient_token_fault_is_retried(
    response: Any, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_an_account().responds("token", response, {"json": TOKEN_RESPONSE})

    outcome = connector.read(OAUTH_CONFIG, "user_info")

    assert (outcome.errors, len(outcome.records("user_info"))) == ([], 1)
    assert (len(tiktok.forms()), waits) == (2, [1])


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"status_code": 503, "text": ""}, NO_VALID_RESPONSE),
        ({"json": {"access_token": ""}}, NO_VALID_RESPONSE),
        ({"json": {"access_token": 7, "refresh_token": "rft.x"}}, NO_VALID_RESPONSE),
        ({"text": "[" * 100_000}, NO_VALID_RESPONSE),
        ({"text": "7" * 5_000}, NO_VALID_RESPONSE),
        ({"exc": requests.exceptions.ReadTimeout}, UNREACHABLE),
        ({"exc": requests.exceptions.ProxyError}, ("transient_error", NO_RESPONSE["ProxyError"])),
        ({"exc": requests.exceptions.SSLError}, ("transient_error", NO_RESPONSE["SSLError"])),
        ({"exc": requests.exceptions.InvalidURL}, UNREACHABLE),
    ],
    ids=["503", "empty_token", "number", "deep", "digits", "lost", "proxy", "certificate", "url"],
)
def test_persistent_token_fault_is_a_transient_error(
    response: Any, expected: tuple[str, str], tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.responds("token", response)
    outcome = connector.read(OAUTH_CONFIG, "user_info")
    assert outcome.errors[:-1] == [expected]
    assert (len(tiktok.forms()), waits) == (4, [1, 4, 16])
    assert outcome.configs == []


def test_token_used_up_by_a_lost_response_is_explained(tiktok: TikTok, connector: Connector) -> None:
    lost = {"exc": requests.exceptions.ReadTimeout}
    tiktok.responds("token", lost, {"json": recorded("token_invalid_grant.json"), "status_code": 400})
    outcome = connector.read(OAUTH_CONFIG, "user_info")
    assert outcome.errors[:-1] == [("config_error", ERRORS["invalid_grant"]["message"])]
    assert len(tiktok.forms()) == 2


def test_other_workers_do_not_retry_a_failed_refresh(tiktok: TikTok) -> None:
    """Each would post the refresh token again, one after the other, for minutes."""
    tiktok.responds("token", {"json": recorded("token_invalid_grant.json"), "status_code": 400})
    authenticator = authenticator_of(oauth())
    errors = []
    for _ in range(3):
        with pytest.raises(AirbyteTracedException) as raised:
            authenticator.get_access_token()
        errors.append((raised.value.message, raised.value.failure_type))
    assert errors == [(ERRORS["invalid_grant"]["message"], FailureType.config_error)] * 3
    assert len(tiktok.forms()) == 1


def test_token_request_has_timeouts(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    connector.check(OAUTH_CONFIG)
    assert tiktok.requests("token")[0].timeout == (10, 30)


def test_failed_refresh_reveals_no_secret(tiktok: TikTok, connector: Connector) -> None:
    description = "token rft.first of client-secret is bad"
    tiktok.responds("token", {"json": {"error": "invalid_grant", "error_description": description}})
    outcome = connector.run("read", {"config": OAUTH_CONFIG, "catalog": {"streams": []}}, debug=True)
    printed = json.dumps(outcome.messages) + outcome.stderr
    assert [s for s in ("rft.first", "client-secret") if s in printed] == []
