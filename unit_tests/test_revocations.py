"""Access tokens that TikTok rejects before they expire: each is refreshed once, and no other."""

from typing import Any

import pytest

from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector
from unit_tests.tiktok import (
    ACCESS_TOKEN_CONFIG,
    OAUTH_CONFIG,
    TOKEN_RESPONSE,
    USER,
    TikTok,
    error_response,
    ok_response,
)
from unit_tests.token_store_helpers import authenticator_of

DEFINITIONS = load_manifest()["definitions"]
VALID_TOKEN = {"access_token": "act.stored", "token_expiry_date": "2026-11-02T13:00:00Z"}


def oauth(**stored: Any) -> dict[str, Any]:
    return {"credentials": {**OAUTH_CONFIG["credentials"], **stored}}


def test_early_revoked_token_is_refreshed_once(tiktok: TikTok, connector: Connector) -> None:
    user = {"json": {"data": {"user": {"open_id": "_000account"}}, "error": {"code": "ok"}}}
    tiktok.with_an_account().responds("user", error_response("access_token_invalid", 401), user)

    outcome = connector.read(oauth(**VALID_TOKEN), "user_info")

    assert (outcome.errors, outcome.records("user_info")) == ([], [{"open_id": "_000account"}])
    assert (tiktok.bearers("user"), len(outcome.configs)) == (["act.stored", "act.fresh"], 1)


@pytest.mark.parametrize("revocations", [2, 3, 6])
def test_consecutive_revocations_lose_no_record(revocations: int, tiktok: TikTok, connector: Connector) -> None:
    """The CDK refreshes the token once per request, so that the second revocation would fail the sync."""
    tokens = [{"json": {**TOKEN_RESPONSE, "access_token": f"act.{n}", "refresh_token": f"rft.{n}"}} for n in range(7)]
    tiktok.with_an_account().responds("token", *tokens)
    tiktok.responds("user", *[error_response("access_token_invalid", 401)] * revocations, ok_response({"user": USER}))

    outcome = connector.read(OAUTH_CONFIG, "user_info")

    assert (outcome.errors, outcome.records("user_info")) == ([], [USER])
    assert tiktok.bearers("user") == [f"act.{n}" for n in range(revocations + 1)]
    assert [form["refresh_token"] for form in tiktok.forms()] == [
        "rft.first",
        *(f"rft.{n}" for n in range(revocations)),
    ]
    assert outcome.configs[-1]["credentials"]["refresh_token"] == f"rft.{revocations}"


def test_persistent_revocation_is_a_config_error(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("user", error_response("access_token_invalid", 401))
    outcome = connector.read(OAUTH_CONFIG, "user_info")
    (rejected,) = (f for f in DEFINITIONS["error_handler"]["response_filters"] if "REFRESH" in f["action"])
    assert outcome.errors[:-1] == [("config_error", rejected["error_message"])]
    assert (len(tiktok.requests("user")), len(tiktok.forms())) == (7, 7)


@pytest.mark.parametrize("older", ["act.older", "act.tokens"])
def test_revoked_old_token_does_not_expire_the_new_one(older: str) -> None:
    """Several requests may have a revoked token: the first that is rejected refreshes it, and the others don't."""
    config = oauth(**VALID_TOKEN)
    authenticator = authenticator_of(config)

    authenticator.expire(f"Bearer {older}")
    assert config["credentials"]["token_expiry_date"] == VALID_TOKEN["token_expiry_date"]
    assert authenticator.get_access_token() == "act.stored"

    authenticator.expire("Bearer act.stored")
    assert config["credentials"]["token_expiry_date"] == "1970-01-01T00:00:00+00:00"


def test_expired_bare_access_token_is_not_retried(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("user", error_response("access_token_invalid", 401))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "user_info")
    assert outcome.errors[:-1] == [("config_error", DEFINITIONS["messages"]["access_token_expired"])]
    assert len(tiktok.requests("user")) == 1
