"""Token refresh: a refresh token works once, so its successor must be stored at once and failures be explained."""

import json
from typing import Any

import pytest
import requests

from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, TOKEN_RESPONSE, TikTok, recorded

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
ERRORS = load_manifest()["definitions"]["authenticator"]["token_errors"]
NO_VALID_RESPONSE = (
    "transient_error",
    "TikTok's sign-in gave no valid response. Run the sync again later; if it fails because of the refresh token then, "
    "the response with the new one was lost, and only signing in to TikTok again helps.",
)
NOT_REACHED = (
    "transient_error",
    "TikTok could not be reached, though the connector tried several times. Check the network of this machine; "
    "otherwise run the sync again later; it goes on from the last state.",
)


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
                "scope": TOKEN_RESPONSE["scope"],
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
        ({"access_token": "act.stored"}, 0, "act.stored"),
        ({"access_token": "act.stored", "token_expiry_date": ""}, 0, "act.stored"),
        ({"access_token": "", "token_expiry_date": "2026-11-02T13:00:00Z"}, 1, "act.fresh"),
        ({"token_expiry_date": "2026-11-02T13:00:00Z"}, 1, "act.fresh"),
    ],
    ids=["still_valid", "expired", "of_unknown_age", "without_date", "empty", "missing"],
)
def test_stored_access_token_is_used_while_it_lasts(
    stored: Any, refreshes: int, bearer: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account()

    outcome = connector.read(oauth(**stored), "user_info")

    assert outcome.errors == []
    assert (len(tiktok.forms()), tiktok.bearers("user")) == (refreshes, [bearer])


@pytest.mark.parametrize(("lifetime", "kept"), [(7200, "13:59:00"), (25, "12:00:22.500000"), (600, "12:09:00")])
def test_token_is_renewed_shortly_before_its_end(
    lifetime: int, kept: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account().responds("token", {"json": {**TOKEN_RESPONSE, "expires_in": lifetime}})
    (config,) = connector.check(OAUTH_CONFIG).configs
    assert config["credentials"]["token_expiry_date"] == f"2026-11-02T{kept}+00:00"


def test_echoed_refresh_token_is_kept(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("token", {"json": {**TOKEN_RESPONSE, "refresh_token": "rft.first"}})
    (config,) = connector.check(OAUTH_CONFIG).configs
    assert config["credentials"]["refresh_token"] == "rft.first"


def test_refresh_token_is_kept_if_none_comes_back(tiktok: TikTok, connector: Connector) -> None:
    response = {k: v for k, v in TOKEN_RESPONSE.items() if k != "refresh_token"}
    tiktok.with_an_account().responds("token", {"json": response})
    (config,) = connector.check(OAUTH_CONFIG).configs
    assert config["credentials"]["refresh_token"] == "rft.first"


def test_recorded_token_response_is_understood(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("token", {"json": recorded("token_refresh.json")})
    (config,) = connector.check(OAUTH_CONFIG).configs
    assert config["credentials"]["access_token"] == "act.redacted"
    assert config["credentials"]["scope"] == "user.info.basic"


def test_bare_access_token_is_never_refreshed(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()

    outcome = connector.read(ACCESS_TOKEN_CONFIG)

    assert (outcome.errors, outcome.configs) == ([], [])
    assert set(tiktok.bearers("user") + tiktok.bearers("videos")) == {"act.given"}


def test_every_documented_token_error_has_a_sentence() -> None:
    assert {code: error["failure_type"] for code, error in ERRORS.items()} == {**DOCUMENTED, **OWN}
    assert len({error["message"] for error in ERRORS.values()}) == len(ERRORS)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", DOCUMENTED)
def test_token_error_counts_whatever_the_status(code: str, status: int, tiktok: TikTok, connector: Connector) -> None:
    """The CDK takes a 200 for success and would continue with the token `None`."""
    body = {"error": code, "error_description": "What TikTok says.", "log_id": "2026LOG"}
    tiktok.responds("token", {"json": body, "status_code": status})

    outcome = connector.read(OAUTH_CONFIG, "user_info")

    failure = DOCUMENTED[code]
    assert outcome.errors[:-1] == [(failure, ERRORS[code]["message"])]
    assert "2026LOG" in str(outcome.messages)
    assert (tiktok.requests("user"), outcome.configs) == ([], [])
    assert len(tiktok.forms()) == (4 if failure == "transient_error" else 1)


def test_dead_refresh_token_fails_check_with_advice(tiktok: TikTok, connector: Connector) -> None:
    tiktok.responds("token", {"json": recorded("token_invalid_grant.json"), "status_code": 400})
    (status,) = connector.check(OAUTH_CONFIG).of("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    parts = ["does not accept the refresh token", "Sign in to TikTok again", "CONNECTOR_CONFIG", "TIKTOK_TOKEN_STORE"]
    parts += ["https://docs.airbyte.com/integrations/sources/tiktok-organic#keep-the-sign-in-alive"]
    assert [part for part in parts if part not in status["message"]] == []


@pytest.mark.parametrize("status", [200, 499])
def test_undocumented_token_error_is_a_system_error(status: int, tiktok: TikTok, connector: Connector) -> None:
    tiktok.responds("token", {"json": {"error": "brand_new", "error_description": "?"}, "status_code": status})
    outcome = connector.read(OAUTH_CONFIG, "user_info")
    assert outcome.errors[0][0] == "system_error"
    assert "brand_new" in str(outcome.messages)


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
def test_passing_token_fault_is_retried(
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
        ({"exc": requests.exceptions.ReadTimeout}, NOT_REACHED),
    ],
    ids=["503", "empty_token", "number", "deep", "digits", "lost"],
)
def test_lasting_token_fault_is_a_transient_error(
    response: Any, expected: tuple[str, str], tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.responds("token", response)
    outcome = connector.read(OAUTH_CONFIG, "user_info")
    assert outcome.errors[:-1] == [expected]
    assert (len(tiktok.forms()), waits) == (4, [1, 4, 16])
    assert outcome.configs == []


@pytest.mark.parametrize(
    ("exception", "words"),
    [
        (requests.exceptions.ProxyError, "The proxy that this machine is set up to use (HTTPS_PROXY)"),
        (requests.exceptions.SSLError, "The certificate of whoever responds for TikTok cannot be verified."),
        (requests.exceptions.InvalidURL, "TikTok could not be reached"),
    ],
)
def test_unreachable_sign_in_says_why(
    exception: type[Exception], words: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.responds("token", {"exc": exception})
    ((failure, sentence), _) = connector.read(OAUTH_CONFIG, "user_info").errors
    assert (failure, sentence[: len(words)]) == ("transient_error", words)


def test_used_up_token_after_a_lost_response_needs_a_sign_in(tiktok: TikTok, connector: Connector) -> None:
    lost = {"exc": requests.exceptions.ReadTimeout}
    tiktok.responds("token", lost, {"json": recorded("token_invalid_grant.json"), "status_code": 400})
    outcome = connector.read(OAUTH_CONFIG, "user_info")
    assert outcome.errors[:-1] == [("config_error", ERRORS["invalid_grant"]["message"])]
    assert len(tiktok.forms()) == 2


def test_token_request_has_timeouts(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    connector.check(OAUTH_CONFIG)
    assert tiktok.requests("token")[0].timeout == (10, 30)


def test_failed_refresh_reveals_no_secret(tiktok: TikTok, connector: Connector) -> None:
    description = "token rft.first of client-secret is bad"
    tiktok.responds("token", {"json": {"error": "invalid_grant", "error_description": description}})
    outcome = connector.run(
        "read",
        "--debug",
        "--config",
        connector.file("config", OAUTH_CONFIG),
        "--catalog",
        connector.file("catalog", {"streams": []}),
    )
    printed = json.dumps(outcome.messages) + outcome.stderr
    assert [s for s in ("rft.first", "client-secret") if s in printed] == []
