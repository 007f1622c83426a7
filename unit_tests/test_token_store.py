"""The token store: with it, a config stays valid although its client does not store each CONNECTOR_CONFIG."""

import json
from pathlib import Path
from typing import Any

import pytest

from unit_tests.command_result import FIELDS
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, TOKEN_RESPONSE, USER, TikTok, error_response, ok_response, recorded
from unit_tests.token_store_helpers import FIRST, VARIABLE, config, file_of, sent_refresh_tokens, with_rotating_tokens


def names(store: Path) -> set[str]:
    return {path.name for path in store.iterdir()}


@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_without_the_variable_nothing_is_stored(
    value: str | None, tiktok: TikTok, connector: Connector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, value) if value is not None else None
    with_rotating_tokens(tiktok)
    for _ in range(2):
        assert connector.check(config()).errors == []
    assert sent_refresh_tokens(tiktok) == [FIRST, FIRST]
    assert names(tmp_path) == set()


def test_one_config_serves_check_and_three_syncs(store: Path, tiktok: TikTok, connector: Connector) -> None:
    with_rotating_tokens(tiktok)

    outcomes = [connector.check(config()), *(connector.read(config()) for _ in range(3))]

    assert [(o.exit_code, o.errors, o.warnings) for o in outcomes] == [(0, [], [])] * 4
    assert sent_refresh_tokens(tiktok) == [FIRST]
    assert {*tiktok.bearers("user"), *tiktok.bearers("videos")} == {"act.1"}
    assert [len(o.configs) for o in outcomes] == [1, 0, 0, 0]


def test_each_refresh_of_one_config_uses_the_newest_token(
    store: Path, tiktok: TikTok, connector: Connector, clock: Any
) -> None:
    with_rotating_tokens(tiktok)
    for _ in range(3):
        assert connector.read(config()).errors == []
        clock.tick(86_400)
    assert sent_refresh_tokens(tiktok) == [FIRST, "rft.1", "rft.2"]


def test_file_is_readable_by_its_owner_only(store: Path, tiktok: TikTok, connector: Connector) -> None:
    with_rotating_tokens(tiktok)
    for _ in range(2):
        connector.check(config())
    file = file_of(store)
    assert json.loads(file.read_text()) == {
        "access_token": "act.1",
        "refresh_token": "rft.1",
        "token_expiry_date": "2026-11-02T13:59:00+00:00",
        "hashes": [file.stem, file_of(store, "rft.1").stem],
    }
    assert names(store) == {file.name, file.with_suffix(".lock").name}
    assert [oct(path.stat().st_mode & 0o777) for path in (file, store)] == ["0o600", "0o700"]


@pytest.mark.parametrize("configured", [FIRST, "rft.1", "rft.2", "rft.3"])
def test_each_earlier_token_leads_to_the_newest(
    configured: str, store: Path, tiktok: TikTok, connector: Connector, clock: Any
) -> None:
    """A client may store some of the configs, and lose others."""
    with_rotating_tokens(tiktok)
    for _ in range(3):
        connector.check(config())
        clock.tick(86_400)

    outcome = connector.check(config(configured))

    assert outcome.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert sent_refresh_tokens(tiktok) == [FIRST, "rft.1", "rft.2", "rft.3"]
    assert names(store) == {file_of(store).name, file_of(store).with_suffix(".lock").name}


def test_store_works_for_clients_that_store_configs(
    store: Path, tiktok: TikTok, connector: Connector, clock: Any
) -> None:
    with_rotating_tokens(tiktok)
    stored_config = config()
    for _ in range(3):
        (stored_config,) = connector.check(stored_config).configs
        clock.tick(86_400)
    assert sent_refresh_tokens(tiktok) == [FIRST, "rft.1", "rft.2"]
    assert [path.name for path in store.glob("*.json")] == [file_of(store).name]


def test_new_authorization_gets_its_own_file(store: Path, tiktok: TikTok, connector: Connector) -> None:
    with_rotating_tokens(tiktok)
    connector.check(config())
    connector.check(config("rft.of_a_new_consent"))
    connector.check(config(client_key="of-another-app"))
    assert sent_refresh_tokens(tiktok) == [FIRST, "rft.of_a_new_consent", FIRST]
    files = [file_of(store), file_of(store, "rft.of_a_new_consent"), file_of(store, client_key="of-another-app")]
    assert {*store.glob("*.json")} == {*files}


def test_configured_access_token_is_used_with_an_empty_file(store: Path, tiktok: TikTok, connector: Connector) -> None:
    """The first run failed before it had a token."""
    with_rotating_tokens(tiktok).responds("token", {"json": {"error": "server_error"}})
    assert connector.check(config()).of("CONNECTION_STATUS")[0]["status"] == "FAILED"
    connector.check(config(access_token="act.typed"))
    assert tiktok.bearers("user") == ["act.typed"]


def test_bare_access_token_is_not_stored(store: Path, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    assert connector.read(ACCESS_TOKEN_CONFIG).errors == []
    assert not store.exists()


def test_rejected_token_of_the_store_is_refreshed_once(store: Path, tiktok: TikTok, connector: Connector) -> None:
    """It is still in the store, and not expired by its date."""
    with_rotating_tokens(tiktok)
    connector.check(config())
    tiktok.responds("user", error_response("access_token_invalid", 401), ok_response({"user": USER}))
    assert connector.read(config(), "user_info").errors == []
    assert (sent_refresh_tokens(tiktok), tiktok.bearers("user")[1:]) == ([FIRST, "rft.1"], ["act.1", "act.2"])


def test_token_refreshed_by_another_process_is_used(store: Path, tiktok: TikTok, connector: Connector) -> None:
    """Both had the same token, which was revoked; the other process refreshed it first."""
    with_rotating_tokens(tiktok)
    connector.check(config())
    other = {"access_token": "act.of_another", "refresh_token": "rft.of_another"}

    def user(*_: Any) -> Any:
        stored = json.loads(file_of(store).read_text())
        file_of(store).write_text(json.dumps({**stored, **other}))
        return error_response("access_token_invalid", 401)["json"]

    tiktok.responds("user", {"json": user, "status_code": 401}, ok_response({"user": USER}))
    outcome = connector.read(config(), "user_info")
    assert (outcome.errors, sent_refresh_tokens(tiktok)) == ([], [FIRST])
    assert tiktok.bearers("user")[1:] == ["act.1", "act.of_another"]


def test_file_of_an_earlier_version_is_used(store: Path, tiktok: TikTok, connector: Connector) -> None:
    """It has the scopes too, which are no longer used or stored."""
    with_rotating_tokens(tiktok)
    connector.check(config())
    file = file_of(store)
    stored = json.loads(file.read_text())
    file.write_text(json.dumps({**stored, "scope": "user.info.basic"}))

    outcome = connector.read(config(), "user_info")

    assert (outcome.errors, outcome.warnings, sent_refresh_tokens(tiktok)) == ([], [], [FIRST])
    assert [query["fields"] for query in tiktok.queries("user")] == [FIELDS["user_info"]] * 2
    assert json.loads(file.read_text()) == stored


def test_expired_token_of_the_store_is_a_config_error(
    store: Path, tiktok: TikTok, connector: Connector, clock: Any
) -> None:
    with_rotating_tokens(tiktok)
    connector.check(config())
    clock.tick(86_400)
    expired = {"json": recorded("token_invalid_grant.json"), "status_code": 400}
    tiktok.responds("token", expired)
    assert connector.read(config(), "user_info").errors[0][0] == "config_error"
    tiktok.responds("token", {"json": TOKEN_RESPONSE})
    assert connector.read(config("rft.new"), "user_info").errors == []
    assert sent_refresh_tokens(tiktok) == [FIRST, "rft.1", "rft.new"]


def test_stored_tokens_are_masked(store: Path, tiktok: TikTok, connector: Connector, clock: Any) -> None:
    with_rotating_tokens(tiktok)
    connector.check(config())
    clock.tick(86_400)
    body = {"error": "invalid_grant", "error_description": "not rft.1 nor act.1"}
    tiktok.responds("token", {"json": body})
    outcome = connector.read(config(), "user_info")
    assert "invalid_grant" in outcome.logs + str(outcome.messages)
    assert [secret for secret in ("rft.1", "act.1") if secret in json.dumps(outcome.messages) + outcome.stderr] == []
