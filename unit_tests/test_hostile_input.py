"""Configs, catalogs, states and environments from real users: accepted, or rejected in one sentence."""

import copy
import fcntl
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from source_tiktok_organic.config import load_manifest, strip_nulls
from source_tiktok_organic.sign_in import api, login_kit
from unit_tests.command_result import catalog
from unit_tests.connector import Connector, write_files
from unit_tests.tiktok import BASE_URL, OAUTH_CONFIG, TOKEN_RESPONSE, USER, TikTok, error_response, ok_response
from unit_tests.video_factory import NOW_S, config, times

MESSAGES = load_manifest()["definitions"]["messages"]
CREDENTIALS = OAUTH_CONFIG["credentials"]
ONE_WORD = "must be one word of visible ASCII characters, without spaces or line breaks."


def with_credential(name: str, value: str) -> dict[str, Any]:
    return {"credentials": {**CREDENTIALS, name: value}}


@pytest.mark.parametrize("name", ["client_key", "client_secret", "refresh_token", "access_token"])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("rft.a\u200bb", ONE_WORD),
        ("\ufeffrft.ab", ONE_WORD),
        ("rft.€", ONE_WORD),
        ("rft.a\nb", ONE_WORD),
        ("rft.a b", ONE_WORD),
        ("rft.a\x7f", ONE_WORD),
        ("**********", "is a mask of asterisks, as Airbyte shows a secret: enter the value itself."),
        ("${TIKTOK_SECRET}", "is a placeholder for a variable that was not substituted."),
        ("$TIKTOK_SECRET", "is a placeholder for a variable that was not substituted."),
    ],
)
def test_invalid_credential_fails_the_check(name: str, value: str, problem: str, connector: Connector) -> None:
    outcome = connector.check(with_credential(name, value))
    (status,) = outcome.of("CONNECTION_STATUS")
    message = f"The configuration of this source is not valid: `credentials.{name}` {problem}"
    assert (outcome.exit_code, status) == (0, {"status": "FAILED", "message": message})


@pytest.mark.parametrize("absent", ["", None])
def test_empty_start_date_counts_as_absent(absent: Any, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S)
    outcome = connector.read({**OAUTH_CONFIG, "start_date": absent}, "videos")
    assert (outcome.errors, outcome.warnings, times(outcome)) == ([], [], [NOW_S])


@pytest.mark.parametrize("content", ["", "\n", "\ufeff"])
def test_empty_state_file_reads_everything(content: str, tiktok: TikTok, connector: Connector, tmp_path: Path) -> None:
    tiktok.with_videos(NOW_S)
    arguments = write_files(tmp_path, {"config": config(), "state": content})
    outcome = connector.execute(["read", *arguments])
    assert (outcome.errors, times(outcome)) == ([], [NOW_S])
    assert outcome.warnings == [f"The state file {arguments[-1]} is empty: everything is read."]


def test_state_from_dev_null_reads_everything(tiktok: TikTok, connector: Connector, tmp_path: Path) -> None:
    tiktok.with_videos(NOW_S)
    outcome = connector.execute(["read", *write_files(tmp_path, {"config": config()}), "--state", "/dev/null"])
    assert (outcome.errors, times(outcome)) == ([], [NOW_S])


def test_unknown_destination_sync_mode_is_named(connector: Connector) -> None:
    given = catalog("videos")
    given["streams"][0]["destination_sync_mode"] = "overwrite_dedup"
    outcome = connector.run("read", {"config": config(), "catalog": given})
    assert outcome.exit_code == 1
    assert "The catalog has the unknown destination_sync_mode overwrite_dedup. Use append, " in outcome.stderr


def test_injected_code_is_dropped(tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    """With AIRBYTE_ENABLE_UNSAFE_CODE the CDK would run it."""
    monkeypatch.setenv("AIRBYTE_ENABLE_UNSAFE_CODE", "true")
    tiktok.with_videos(NOW_S)
    code = "raise SystemExit('injected code was run')"
    injected = {"__injected_components_py": code, "__injected_declarative_manifest": {"streams": []}}
    outcome = connector.read(config(**injected), "videos")
    assert (outcome.errors, times(outcome)) == ([], [NOW_S])
    assert not [name for name in outcome.configs[-1] if name.startswith("__injected")]


def test_config_is_cleaned_in_place() -> None:
    """Python callers look for refreshed tokens in it."""
    given: dict[str, Any] = {"credentials": {"access_token": " act.a\n", "scope": None}, "num_workers": None}
    credentials = given["credentials"]
    assert strip_nulls(given) is given
    assert given == {"credentials": {"access_token": "act.a"}}
    assert given["credentials"] is credentials


def test_password_in_the_base_url_is_rejected(connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_API_BASE_URL", "https://me:hunter2@proxy.example")
    outcome = connector.check(OAUTH_CONFIG)
    assert "must not contain a user name or a password" in json.dumps(outcome.messages)
    assert "hunter2" not in json.dumps(outcome.messages) + outcome.stderr


@pytest.mark.parametrize("token", ['act."quoted"', "act.back\\slash", "act.ünïcode"])
def test_debug_masks_any_refreshed_token(token: str, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S).responds("token", {"json": {**TOKEN_RESPONSE, "access_token": token}})
    outcome = connector.read(config(), "videos", debug=True)
    others = [message for message in outcome.messages if message["type"] != "CONTROL"]
    assert outcome.errors == []
    assert token not in json.dumps(others, ensure_ascii=False)
    assert json.dumps(token)[1:-1] not in json.dumps(others)


def test_token_request_ignores_netrc(
    tiktok: TikTok, connector: Connector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine open.tiktokapis.com login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    tiktok.with_videos(NOW_S)
    assert connector.read(config(), "videos").errors == []
    assert [request.headers.get("Authorization") for request in tiktok.requests("token")] == [None]
    assert {request.headers["Authorization"][:7] for request in tiktok.requests("videos")} == {"Bearer "}


def test_sign_in_requests_ignore_netrc(tiktok: TikTok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine open.tiktokapis.com login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    tiktok.with_videos(NOW_S)
    login_kit.post_token_form(BASE_URL, {"grant_type": "authorization_code"})
    api.user_info(BASE_URL, "act.mine", ["open_id"])
    sent = [request.headers.get("Authorization") for name in ("token", "user") for request in tiktok.requests(name)]
    assert sent == [None, "Bearer act.mine"]


def test_locked_token_store_is_a_transient_error(
    store: Path, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_videos(NOW_S)
    first = connector.read(config(), "videos")
    assert first.errors == []
    (lock,) = store.glob("*.lock")
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        outcome = connector.read(config(), "videos")
    message = MESSAGES["token_store_locked"].format(folder=store)
    assert outcome.errors[0] == ("transient_error", message)
    assert outcome.logs.count(MESSAGES["token_store_wait"].format(folder=store)) == 1
    assert sum(waits) >= 180


def test_token_store_waits_for_its_lock(store: Path, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S)
    assert connector.read(config(), "videos").errors == []
    (lock,) = store.glob("*.lock")
    held = lock.open("a")
    fcntl.flock(held, fcntl.LOCK_EX)
    threading.Timer(0.2, held.close).start()
    outcome = connector.read(config(), "videos")
    assert (outcome.errors == [], times(outcome)) in [(True, [NOW_S]), (False, [])]


def test_damaged_token_file_is_set_aside(store: Path, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S)
    given = config()
    assert connector.read(copy.deepcopy(given), "videos").errors == []
    (path,) = store.glob("*.json")
    path.write_text('{"access_token": "act.')
    outcome = connector.read(copy.deepcopy(given), "videos")
    aside = path.with_suffix(".damaged")
    assert aside.read_text() == '{"access_token": "act.'
    assert MESSAGES["token_file_damaged"].format(path=path, aside=aside.name) in outcome.warnings


def test_sync_logs_its_account_first(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S)
    both = connector.read(config())
    assert "Authenticated as Some Body (open_id _000account)." in both.logs
    alone = connector.read(config(), "videos")
    assert "Authenticated as _000account (open_id _000account)." in alone.logs


def test_failed_check_logs_tiktoks_error(tiktok: TikTok, connector: Connector) -> None:
    """In Airbyte it is visible only in the log."""
    error = {"error": "invalid_client", "error_description": "Client key is wrong.", "log_id": "2026LOG"}
    tiktok.with_videos(NOW_S).responds("token", {"json": error})
    outcome = connector.check(OAUTH_CONFIG)
    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "FAILED"
    for text in ("invalid_client", "Client key is wrong.", "2026LOG"):
        assert text in outcome.logs


def test_rate_limit_keeps_the_order_of_statuses(tiktok: TikTok, connector: Connector) -> None:
    """The CDK emits RUNNING with RATE_LIMITED at once, even after the stream has ended."""
    tiktok.with_videos(NOW_S)
    limited = {"json": error_response("rate_limit_exceeded", 429)["json"], "status_code": 429}
    tiktok.responds("user", limited, limited, ok_response({"user": USER}))
    outcome = connector.read(config())
    assert outcome.errors == []
    for stream in ("user_info", "videos"):
        assert outcome.statuses(stream) == ["STARTED", "RUNNING", "COMPLETE"]
