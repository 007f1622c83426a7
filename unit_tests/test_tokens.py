"""Token refresh: a refresh token works once, so what comes back must be stored at once, and failures must be named."""

import json
from typing import Any

import pytest
import requests

from source_tiktok_organic.source import load_manifest
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, TOKEN_ANSWER, TikTok, recorded, refused

VALID_TOKEN = {"access_token": "act.stored", "token_expiry_date": "2026-11-02T12:00:01Z"}
EXPIRED_TOKEN = {"access_token": "act.stored", "token_expiry_date": "2026-11-02T11:59:59Z"}
OWN = ("no_valid_answer", "answer_lost", "unknown")
ERRORS = load_manifest()["definitions"]["authenticator"]["authenticators"]["oauth2.0"]["token_errors"]
TIKTOKS = {code: error for code, error in ERRORS.items() if code not in OWN}
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
ANSWER_LOST = (
    "TikTok's answer to a token refresh was lost on its way, and the refresh token, which works only once, may have "
    "been used up by it. If the next sync does not work either, sign in to TikTok again and put the new credentials "
    "into this source."
)
UNAVAILABLE = ("transient_error", "TikTok's sign-in gave no valid answer. Try again later.")


def oauth(**stored: Any) -> dict[str, Any]:
    return {"credentials": {**OAUTH_CONFIG["credentials"], **stored}}


def test_given_a_refresh_token_when_read_then_it_is_exchanged_once_with_the_client_key_in_a_form(
    tiktok: TikTok, connector: Connector
) -> None:
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


def test_given_a_refresh_when_answered_then_the_new_config_is_printed_before_any_other_request_is_made(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account()

    outcome = connector.check(OAUTH_CONFIG)

    assert outcome.configs == [
        {
            "credentials": {
                **OAUTH_CONFIG["credentials"],
                "refresh_token": "rft.second",
                "access_token": "act.fresh",
                "token_expiry_date": "2026-11-02T13:59:00+00:00",
                "refresh_token_expiry_date": "2027-05-01T12:00:00+00:00",
                "scope": TOKEN_ANSWER["scope"],
                "open_id": "_000account",
            }
        }
    ]
    assert [m["type"] for m in outcome.messages if m["type"] != "LOG"] == ["CONTROL", "CONNECTION_STATUS"]


def test_given_a_stored_config_when_used_by_the_next_sync_then_it_fits_the_spec_and_needs_no_refresh(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account()
    (stored,) = connector.check(OAUTH_CONFIG).configs

    outcome = connector.check(stored)

    assert outcome.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert (outcome.configs, len(tiktok.forms())) == ([], 1)


@pytest.mark.parametrize(
    ("stored", "refreshes", "bearer"),
    [(VALID_TOKEN, 0, "act.stored"), (EXPIRED_TOKEN, 1, "act.fresh"), ({"access_token": "act.stored"}, 1, "act.fresh")],
    ids=["still_valid", "expired", "of_unknown_age"],
)
def test_given_a_stored_access_token_when_read_then_it_is_used_as_long_as_it_lasts(
    stored: Any, refreshes: int, bearer: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account()

    outcome = connector.read(oauth(**stored), "user_info")

    assert outcome.errors == []
    assert (len(tiktok.forms()), tiktok.bearers("user")) == (refreshes, [bearer])


@pytest.mark.parametrize(("lifetime", "kept"), [(7200, "13:59:00"), (20, "12:00:18"), (600, "12:09:00")])
def test_given_a_lifetime_when_stored_then_the_token_is_renewed_a_little_before_its_end(
    lifetime: int, kept: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account().answers("token", {"json": {**TOKEN_ANSWER, "expires_in": lifetime}})
    (config,) = connector.check(OAUTH_CONFIG).configs
    assert config["credentials"]["token_expiry_date"] == f"2026-11-02T{kept}+00:00"


def test_given_the_same_refresh_token_echoed_when_read_then_it_is_kept(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().answers("token", {"json": {**TOKEN_ANSWER, "refresh_token": "rft.first"}})
    (config,) = connector.check(OAUTH_CONFIG).configs
    assert config["credentials"]["refresh_token"] == "rft.first"


def test_given_no_refresh_token_in_the_answer_when_read_then_the_old_one_is_kept(
    tiktok: TikTok, connector: Connector
) -> None:
    answer = {k: v for k, v in TOKEN_ANSWER.items() if k != "refresh_token"}
    tiktok.with_an_account().answers("token", {"json": answer})
    (config,) = connector.check(OAUTH_CONFIG).configs
    assert config["credentials"]["refresh_token"] == "rft.first"


def test_given_the_recorded_token_answer_when_refreshed_then_it_is_understood(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account().answers("token", {"json": recorded("token_refresh.json")})
    (config,) = connector.check(OAUTH_CONFIG).configs
    assert config["credentials"]["access_token"] == "act.redacted"
    assert config["credentials"]["scope"] == "user.info.basic"


def test_given_an_access_token_alone_when_read_then_it_is_used_and_nothing_is_refreshed(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account()

    outcome = connector.read(ACCESS_TOKEN_CONFIG)

    assert (outcome.errors, outcome.configs) == ([], [])
    assert set(tiktok.bearers("user") + tiktok.bearers("videos")) == {"act.given"}


def test_given_the_token_errors_when_listed_then_every_documented_one_has_a_failure_type_and_its_own_sentence() -> None:
    assert {code: error["failure_type"] for code, error in TIKTOKS.items()} == DOCUMENTED
    assert len({error["message"] for error in ERRORS.values()}) == len(ERRORS)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", DOCUMENTED)
def test_given_a_token_error_when_it_comes_with_any_status_then_it_is_the_error_it_names(
    code: str, status: int, tiktok: TikTok, connector: Connector
) -> None:
    """The CDK takes a 200 for success and would go on with the token `None`."""
    body = {"error": code, "error_description": "What TikTok says.", "log_id": "2026LOG"}
    tiktok.answers("token", {"json": body, "status_code": status})

    outcome = connector.read(OAUTH_CONFIG, "user_info")

    failure = DOCUMENTED[code]
    assert outcome.errors[0] == (failure, TIKTOKS[code]["message"])
    assert "2026LOG" in str(outcome.messages)
    assert (tiktok.requests("user"), outcome.configs) == ([], [])
    assert len(tiktok.forms()) == (4 if failure == "transient_error" else 1)


def test_given_the_recorded_dead_refresh_token_when_checked_then_failed_with_what_to_do(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.answers("token", {"json": recorded("token_invalid_grant.json"), "status_code": 400})
    (status,) = connector.check(OAUTH_CONFIG).of("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert "TikTok does not accept the refresh token" in status["message"]
    assert "Sign in to TikTok again" in status["message"]


def test_given_an_error_tiktok_never_documented_when_refreshed_then_a_system_error(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.answers("token", {"json": {"error": "brand_new", "error_description": "?"}, "status_code": 200})
    outcome = connector.read(OAUTH_CONFIG, "user_info")
    assert outcome.errors[0][0] == "system_error"
    assert "brand_new" in str(outcome.messages)


@pytest.mark.parametrize(
    "answer",
    [
        {"status_code": 500, "text": "<html>"},
        {"status_code": 200, "text": "<html>"},
        {"status_code": 200, "json": {}},
        {"status_code": 200, "json": []},
        {"status_code": 503, "json": {"error": "brand_new"}},
        {"exc": requests.exceptions.ConnectTimeout},
        {"exc": requests.exceptions.ReadTimeout},
        {"exc": requests.exceptions.ConnectionError("reset")},
    ],
    ids=["500", "html_200", "empty_object", "list", "503_unknown", "no_connection", "no_answer", "reset"],
)
def test_given_a_passing_trouble_at_the_token_endpoint_when_refreshed_then_it_is_tried_again(
    answer: Any, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_an_account().answers("token", answer, {"json": TOKEN_ANSWER})

    outcome = connector.read(OAUTH_CONFIG, "user_info")

    assert (outcome.errors, len(outcome.records("user_info"))) == ([], 1)
    assert (len(tiktok.forms()), waits) == (2, [1])


def test_given_a_lasting_trouble_at_the_token_endpoint_when_refreshed_then_a_transient_error(
    tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.answers("token", {"status_code": 503, "text": ""})
    outcome = connector.read(OAUTH_CONFIG, "user_info")
    assert outcome.errors[0] == UNAVAILABLE
    assert (len(tiktok.forms()), waits) == (4, [1, 4, 16])


def test_given_the_answer_to_a_refresh_lost_and_the_token_used_up_when_tried_again_then_the_error_says_so(
    tiktok: TikTok, connector: Connector
) -> None:
    lost = {"exc": requests.exceptions.ReadTimeout}
    tiktok.answers("token", lost, {"json": recorded("token_invalid_grant.json"), "status_code": 400})
    outcome = connector.read(OAUTH_CONFIG, "user_info")
    assert outcome.errors[0] == ("config_error", ANSWER_LOST)
    assert len(tiktok.forms()) == 2


def test_given_every_answer_lost_when_refreshed_then_a_transient_error_that_says_what_may_have_happened(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.answers("token", {"exc": requests.exceptions.ReadTimeout})
    assert connector.read(OAUTH_CONFIG, "user_info").errors[0] == ("transient_error", ANSWER_LOST)


def test_given_token_requests_when_made_then_they_have_timeouts(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    connector.check(OAUTH_CONFIG)
    assert tiktok.requests("token")[0].timeout == (10, 30)


def test_given_an_access_token_revoked_early_when_read_then_it_is_refreshed_once_and_nothing_is_lost(
    tiktok: TikTok, connector: Connector
) -> None:
    user = {"json": {"data": {"user": {"open_id": "_000account"}}, "error": {"code": "ok"}}}
    tiktok.with_an_account().answers("user", refused("access_token_invalid", 401), user)

    outcome = connector.read(oauth(**{**VALID_TOKEN, "token_expiry_date": "2026-11-02T13:00:00Z"}), "user_info")

    assert (outcome.errors, outcome.records("user_info")) == ([], [{"open_id": "_000account"}])
    assert (tiktok.bearers("user"), len(outcome.configs)) == (["act.stored", "act.fresh"], 1)


def test_given_a_second_refusal_after_a_refresh_when_read_then_a_config_error(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account().answers("user", refused("access_token_invalid", 401))
    outcome = connector.read(OAUTH_CONFIG, "user_info")
    assert outcome.errors[0][0] == "config_error"
    assert (len(tiktok.requests("user")), len(tiktok.forms())) == (2, 2)


def test_given_an_access_token_alone_that_has_ended_when_read_then_a_config_error_without_retries(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account().answers("user", refused("access_token_invalid", 401))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "user_info")
    assert outcome.errors[0] == (
        "config_error",
        "TikTok does not accept the access token: it has expired (after two hours) or was revoked. Get a new one, or "
        "sign in with OAuth 2.0, which renews itself.",
    )
    assert len(tiktok.requests("user")) == 1


def test_given_a_failed_refresh_when_reported_then_no_secret_is_printed(tiktok: TikTok, connector: Connector) -> None:
    description = "token rft.first of client-secret is bad"
    tiktok.answers("token", {"json": {"error": "invalid_grant", "error_description": description}})
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
