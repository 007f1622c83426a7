"""Token responses: the tokens are emitted first, and no invalid value in a response loses them."""

import io
import json
import sys
from typing import Any

import pytest

from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector
from unit_tests.tiktok import OAUTH_CONFIG, TOKEN_RESPONSE, USER, TikTok, ok_response
from unit_tests.token_store_helpers import authenticator_of

MESSAGES = load_manifest()["definitions"]["messages"]
LIFETIMES: dict[str, tuple[Any, str]] = {
    "text_of_a_number": ("7200", "2026-11-02T13:59:00+00:00"),
    "text": ("two hours", ""),
    "fraction": (7200.9, "2026-11-02T13:59:00+00:00"),
    "zero": (0, ""),
    "negative": (-1, ""),
    "longest": (1_000_000_000, "2058-07-11T13:45:40+00:00"),
    "longer": (1_000_000_001, ""),
    "more_than_a_float": (10**400, ""),
    "list": ([7200], ""),
    "object": ({"seconds": 7200}, ""),
    "null": (None, ""),
}


@pytest.mark.parametrize("name", ["expires_in", "refresh_expires_in"])
@pytest.mark.parametrize(("lifetime", "date"), LIFETIMES.values(), ids=LIFETIMES)
def test_invalid_lifetime_never_loses_the_tokens(
    lifetime: Any, date: str, name: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account().responds("token", {"json": {**TOKEN_RESPONSE, name: lifetime}})

    outcome = connector.read(OAUTH_CONFIG)

    assert (outcome.exit_code, outcome.errors, len(tiktok.forms())) == (0, [], 1)
    (stored,) = [config["credentials"] for config in outcome.configs]
    assert (stored["access_token"], stored["refresh_token"]) == ("act.fresh", "rft.second")
    assert stored["token_expiry_date"] == (date if name == "expires_in" else "2026-11-02T13:59:00+00:00")


@pytest.mark.parametrize("name", ["expires_in", "refresh_expires_in", "scope", "open_id", "token_type"])
def test_missing_field_never_loses_the_tokens(name: str, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("token", {"json": {k: v for k, v in TOKEN_RESPONSE.items() if k != name}})
    outcome = connector.read(OAUTH_CONFIG)
    assert outcome.errors == []
    (stored,) = [config["credentials"] for config in outcome.configs]
    assert (stored["access_token"], stored["refresh_token"]) == ("act.fresh", "rft.second")
    assert stored["token_expiry_date"] == ("" if name == "expires_in" else "2026-11-02T13:59:00+00:00")


def test_token_of_unknown_lifetime_is_used(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("token", {"json": {**TOKEN_RESPONSE, "expires_in": "soon"}})
    (stored,) = connector.check(OAUTH_CONFIG).configs
    assert connector.check(stored).of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert len(tiktok.forms()) == 1


@pytest.mark.parametrize("missing", [None, "", 7, [], {"token": "rft.x"}])
def test_invalid_new_refresh_token_keeps_the_old_one(missing: Any, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("token", {"json": {**TOKEN_RESPONSE, "refresh_token": missing}})
    outcome = connector.read(OAUTH_CONFIG)
    assert outcome.errors == []
    (stored,) = [config["credentials"] for config in outcome.configs]
    assert (stored["access_token"], stored["refresh_token"]) == ("act.fresh", "rft.first")


def test_only_written_properties_change(tiktok: TikTok, connector: Connector) -> None:
    """A stored open_id, scope or date of earlier credentials would outlive them."""
    tiktok.with_an_account()
    credentials = {**OAUTH_CONFIG["credentials"], "kept": "as it is"}
    config = {"credentials": credentials, "num_workers": 3, "more": {"a": 1}}
    (stored,) = connector.check(config).configs
    assert {k: v for k, v in stored.items() if k != "credentials"} == {"num_workers": 3, "more": {"a": 1}}
    assert stored["credentials"] == {
        **credentials,
        "access_token": "act.fresh",
        "refresh_token": "rft.second",
        "token_expiry_date": "2026-11-02T13:59:00+00:00",
    }


def test_refresh_adds_no_key_to_the_config(tiktok: TikTok) -> None:
    """Other threads iterate over it meanwhile, and would fail if its size changed."""
    tiktok.with_an_account()
    config = {"credentials": {**OAUTH_CONFIG["credentials"]}}
    authenticator = authenticator_of(config)
    before = [*config["credentials"]]

    assert authenticator.get_access_token() == "act.fresh"
    assert [*config["credentials"]] == before


def test_tokens_are_emitted_before_the_next_request(tiktok: TikTok, connector: Connector) -> None:
    """The process may die at any time, and the old refresh token is no longer valid."""
    printed: list[str] = []

    def user(*_: Any) -> Any:
        assert isinstance(sys.__stdout__, io.StringIO)
        printed.append(sys.__stdout__.getvalue())
        return ok_response({"user": USER})["json"]

    tiktok.with_an_account().responds("user", {"json": user})
    connector.read(OAUTH_CONFIG, "user_info")
    ((control,), *_) = [[json.loads(x) for x in out.splitlines() if '"CONTROL"' in x] for out in printed]
    assert control["control"]["connectorConfig"]["config"]["credentials"]["refresh_token"] == "rft.second"


@pytest.mark.parametrize("command", ["check", "read"])
@pytest.mark.parametrize(
    ("left", "day"),
    [
        (14 * 86_400 - 1, "2026-11-16"),
        (14 * 86_400, None),
        (3600, "2026-11-02"),
        ("86400", "2026-11-03"),
        (0, "2026-11-02"),
    ],
)
def test_expiring_refresh_token_causes_a_warning(
    left: Any, day: str | None, command: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account().responds("token", {"json": {**TOKEN_RESPONSE, "refresh_expires_in": left}})
    outcome = connector.check(OAUTH_CONFIG) if command == "check" else connector.read(OAUTH_CONFIG, "user_info")
    assert outcome.warnings == ([MESSAGES["refresh_token_expires"].format(day=day)] if day else [])
    assert f"The refresh token expires in {int(left) // 86_400} days." in outcome.logs.splitlines()


def test_expiry_date_in_an_old_config_causes_no_warning(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    stored = {"access_token": "act.stored", "refresh_token_expiry_date": "2026-11-03T00:00:00+00:00"}
    outcome = connector.read({"credentials": {**OAUTH_CONFIG["credentials"], **stored}}, "user_info")
    assert (outcome.errors, outcome.warnings) == ([], [])
