"""The token store: with it, a config lasts as long as its sign-in, whoever throws the CONNECTOR_CONFIG away."""

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, TOKEN_ANSWER, USER, TikTok, good, recorded, refused

VARIABLE = "TIKTOK_TOKEN_STORE"
FIRST = "rft.first"
MESSAGES = load_manifest()["definitions"]["messages"]
STORED = {"access_token": "act.x", "refresh_token": "rft.x", "token_expiry_date": "", "scope": "", "hashes": []}
# What others wrote there, or a disk cut off.
DAMAGED = {
    "empty": "",
    "cut_off": json.dumps(STORED)[:-9],
    "list": "[]",
    "number": "7",
    "binary": "\udcff",
    "token_as_number": json.dumps({**STORED, "refresh_token": 7}),
    "null_hashes": json.dumps({**STORED, "hashes": None}),
    "without_hashes": json.dumps({name: value for name, value in STORED.items() if name != "hashes"}),
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a token store that nobody has made yet."""
    folder = tmp_path / "of" / "tokens"
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


def config(refresh_token: str = FIRST, **credentials: Any) -> dict[str, Any]:
    return {"credentials": {**OAUTH_CONFIG["credentials"], "refresh_token": refresh_token, **credentials}}


def file_of(store: Path, refresh_token: str = FIRST, client_key: str = "client-key") -> Path:
    return store / f"{hashlib.sha256(f'{client_key} {refresh_token}'.encode()).hexdigest()}.json"


def names(store: Path) -> set[str]:
    return {path.name for path in store.iterdir()}


def with_rotating_tokens(tiktok: TikTok, lifetime: int = 7200) -> TikTok:
    """A sign-in whose nth renewal brings act.n and rft.n."""
    answers = [{**TOKEN_ANSWER, "access_token": f"act.{n}", "refresh_token": f"rft.{n}"} for n in range(1, 9)]
    return tiktok.with_an_account().answers("token", *({"json": {**a, "expires_in": lifetime}} for a in answers))


def spent(tiktok: TikTok) -> list[str]:
    """The refresh tokens posted, in order."""
    return [form["refresh_token"] for form in tiktok.forms()]


@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_without_the_variable_nothing_is_stored(
    value: str | None, tiktok: TikTok, connector: Connector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, value) if value is not None else None
    with_rotating_tokens(tiktok)
    for _ in range(2):
        assert connector.check(config()).errors == []
    assert spent(tiktok) == [FIRST, FIRST]
    assert names(tmp_path) == {"config.json"}


def test_one_config_serves_check_and_three_syncs(store: Path, tiktok: TikTok, connector: Connector) -> None:
    with_rotating_tokens(tiktok)

    outcomes = [connector.check(config()), *(connector.read(config()) for _ in range(3))]

    assert [(o.exit_code, o.errors, o.warnings) for o in outcomes] == [(0, [], [])] * 4
    assert spent(tiktok) == [FIRST]
    assert {*tiktok.bearers("user"), *tiktok.bearers("videos")} == {"act.1"}
    assert [len(o.configs) for o in outcomes] == [1, 0, 0, 0]


def test_renewals_of_one_config_follow_each_other(
    store: Path, tiktok: TikTok, connector: Connector, clock: Any
) -> None:
    with_rotating_tokens(tiktok)
    for _ in range(3):
        assert connector.read(config()).errors == []
        clock.tick(86_400)
    assert spent(tiktok) == [FIRST, "rft.1", "rft.2"]


def test_file_is_whole_and_its_owners_alone(store: Path, tiktok: TikTok, connector: Connector) -> None:
    with_rotating_tokens(tiktok)
    for _ in range(2):
        connector.check(config())
    file = file_of(store)
    assert json.loads(file.read_text()) == {
        "access_token": "act.1",
        "refresh_token": "rft.1",
        "token_expiry_date": "2026-11-02T13:59:00+00:00",
        "scope": TOKEN_ANSWER["scope"],
        "hashes": [file.stem, file_of(store, "rft.1").stem],
    }
    assert names(store) == {file.name, file.with_suffix(".lock").name}
    assert [oct(path.stat().st_mode & 0o777) for path in (file, store)] == ["0o600", "0o700"]


@pytest.mark.parametrize("configured", [FIRST, "rft.1", "rft.2", "rft.3"])
def test_each_token_of_a_sign_in_leads_to_the_newest(
    configured: str, store: Path, tiktok: TikTok, connector: Connector, clock: Any
) -> None:
    """A client may store some of the configs, and lose others."""
    with_rotating_tokens(tiktok)
    for _ in range(3):
        connector.check(config())
        clock.tick(86_400)

    outcome = connector.check(config(configured))

    assert outcome.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert spent(tiktok) == [FIRST, "rft.1", "rft.2", "rft.3"]
    assert names(store) == {file_of(store).name, file_of(store).with_suffix(".lock").name}


def test_client_that_stores_configs_can_use_the_store_too(
    store: Path, tiktok: TikTok, connector: Connector, clock: Any
) -> None:
    with_rotating_tokens(tiktok)
    kept = config()
    for _ in range(3):
        (kept,) = connector.check(kept).configs
        clock.tick(86_400)
    assert spent(tiktok) == [FIRST, "rft.1", "rft.2"]
    assert [path.name for path in store.glob("*.json")] == [file_of(store).name]


def test_new_sign_in_gets_a_file_of_its_own(store: Path, tiktok: TikTok, connector: Connector) -> None:
    with_rotating_tokens(tiktok)
    connector.check(config())
    connector.check(config("rft.of_a_new_consent"))
    connector.check(config(client_key="of-another-app"))
    assert spent(tiktok) == [FIRST, "rft.of_a_new_consent", FIRST]
    files = [file_of(store), file_of(store, "rft.of_a_new_consent"), file_of(store, client_key="of-another-app")]
    assert {*store.glob("*.json")} == {*files}


def test_typed_access_token_outlives_an_empty_file(store: Path, tiktok: TikTok, connector: Connector) -> None:
    """The first run failed before it had one."""
    with_rotating_tokens(tiktok).answers("token", {"json": {"error": "server_error"}})
    assert connector.check(config()).of("CONNECTION_STATUS")[0]["status"] == "FAILED"
    connector.check(config(access_token="act.typed"))
    assert tiktok.bearers("user") == ["act.typed"]


def test_bare_access_token_is_not_stored(store: Path, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    assert connector.read(ACCESS_TOKEN_CONFIG).errors == []
    assert not store.exists()


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_file_counts_as_absent(content: str, store: Path, tiktok: TikTok, connector: Connector) -> None:
    file = file_of(store)
    store.mkdir(parents=True)
    file.write_text(content, errors="surrogateescape")
    with_rotating_tokens(tiktok)

    outcome = connector.read(config())

    assert (outcome.errors, spent(tiktok)) == ([], [FIRST])
    assert outcome.warnings == [MESSAGES["token_file_damaged"].format(path=file)]
    assert json.loads(file.read_text())["refresh_token"] == "rft.1"


def test_damaged_file_of_another_account_harms_nobody(store: Path, tiktok: TikTok, connector: Connector) -> None:
    with_rotating_tokens(tiktok)
    store.mkdir(parents=True)
    (store / "0.json").write_text("{")
    assert [connector.read(config()).errors for _ in range(2)] == [[], []]
    assert (spent(tiktok), (store / "0.json").read_text()) == ([FIRST], "{")


@pytest.mark.parametrize("obstacle", ["folder", "lock", "file"])
def test_unusable_store_is_an_error_before_a_token_is_spent(
    obstacle: str, store: Path, tiktok: TikTok, connector: Connector
) -> None:
    store.parent.mkdir()
    if obstacle == "folder":
        store.write_text("a file stands here")
    else:
        file_of(store).with_suffix({"lock": ".lock", "file": ".json"}[obstacle]).mkdir(parents=True)
    with_rotating_tokens(tiktok)

    ((failure, message), *_) = connector.read(config(), "user_info").errors

    assert failure == "config_error"
    assert message.startswith(
        f"The environment variable {VARIABLE} names the token store {store}, which cannot be used"
    )
    assert (tiktok.forms(), tiktok.requests("user")) == ([], [])


def test_unusable_store_fails_check(store: Path, tiktok: TikTok, connector: Connector) -> None:
    store.parent.write_text("a file stands here")
    (status,) = connector.check(config()).of("CONNECTION_STATUS")
    assert (status["status"], VARIABLE in status["message"], tiktok.forms()) == ("FAILED", True, [])


def test_full_disk_fails_before_a_token_is_spent(
    store: Path, tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_the_disk(monkeypatch, writes=(1,))
    ((failure, message), *_) = connector.read(config(), "user_info").errors
    assert (failure, "No space left" in message, tiktok.forms()) == ("config_error", True, [])


def test_disk_that_fills_meanwhile_costs_no_token(
    store: Path, tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look into the store writes it, and so does each renewal: the first of two fails, and the second works."""
    with_rotating_tokens(tiktok)
    connector.check(config())
    fill_the_disk(monkeypatch, writes=(3,))
    tiktok.answers("user", *[refused("access_token_invalid", 401)] * 2, good({"user": USER}))

    outcome = connector.read(config(), "user_info")

    assert (outcome.exit_code, outcome.errors, outcome.records("user_info")) == (0, [], [USER])
    reason = os.strerror(errno.ENOSPC)
    assert outcome.warnings == [MESSAGES["token_not_stored"].format(folder=store, reason=reason)]
    assert [c["credentials"]["refresh_token"] for c in outcome.configs] == ["rft.2", "rft.3"]
    connector.read(config(), "user_info")
    assert (spent(tiktok), tiktok.bearers("user")[-1]) == ([FIRST, "rft.1", "rft.2"], "act.3")


def test_store_is_looked_into_once_by_each_requester(
    store: Path, tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of user_info, of videos and of its parent; the fourth write is the renewal's."""
    with_rotating_tokens(tiktok).with_videos(*range(1_700_000_000, 1_700_000_100))
    writes = fill_the_disk(monkeypatch, writes=())
    assert len(connector.read(config()).records("videos")) == 100
    assert (writes, len(tiktok.requests("videos")) > 4) == ([4], True)


def fill_the_disk(monkeypatch: pytest.MonkeyPatch, writes: tuple[int, ...]) -> list[int]:
    """Let the nth writes to the disk fail; returns how many there were, in a list."""
    done, sync = [0], os.fsync

    def fsync(file: int) -> None:
        done[0] += 1
        if done[0] in writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    monkeypatch.setattr(os, "fsync", fsync)
    return done


def test_refused_token_of_the_store_is_renewed_once(store: Path, tiktok: TikTok, connector: Connector) -> None:
    """It is in the store still, and as good as new by its date."""
    with_rotating_tokens(tiktok)
    connector.check(config())
    tiktok.answers("user", refused("access_token_invalid", 401), good({"user": USER}))
    assert connector.read(config(), "user_info").errors == []
    assert (spent(tiktok), tiktok.bearers("user")[1:]) == ([FIRST, "rft.1"], ["act.1", "act.2"])


def test_token_renewed_by_another_process_is_taken(store: Path, tiktok: TikTok, connector: Connector) -> None:
    """Both had the same one, which was revoked; the other process was first."""
    with_rotating_tokens(tiktok)
    connector.check(config())
    other = {"access_token": "act.of_another", "refresh_token": "rft.of_another"}

    def user(*_: Any) -> Any:
        stored = json.loads(file_of(store).read_text())
        file_of(store).write_text(json.dumps({**stored, **other}))
        return refused("access_token_invalid", 401)["json"]

    tiktok.answers("user", {"json": user, "status_code": 401}, good({"user": USER}))
    outcome = connector.read(config(), "user_info")
    assert (outcome.errors, spent(tiktok)) == ([], [FIRST])
    assert tiktok.bearers("user")[1:] == ["act.1", "act.of_another"]


def test_scopes_come_from_the_store_too(store: Path, tiktok: TikTok, connector: Connector) -> None:
    with_rotating_tokens(tiktok)
    connector.check(config())
    stored = json.loads(file_of(store).read_text())
    file_of(store).write_text(json.dumps({**stored, "scope": "user.info.basic,video.list"}))
    connector.read(config(), "user_info")
    assert "follower_count" not in tiktok.queries("user")[-1]["fields"]


def test_dead_token_of_the_store_needs_a_sign_in(store: Path, tiktok: TikTok, connector: Connector, clock: Any) -> None:
    with_rotating_tokens(tiktok)
    connector.check(config())
    clock.tick(86_400)
    dead = {"json": recorded("token_invalid_grant.json"), "status_code": 400}
    tiktok.answers("token", dead)
    assert connector.read(config(), "user_info").errors[0][0] == "config_error"
    tiktok.answers("token", {"json": TOKEN_ANSWER})
    assert connector.read(config("rft.new"), "user_info").errors == []
    assert spent(tiktok) == [FIRST, "rft.1", "rft.new"]


def test_stored_tokens_are_secrets(store: Path, tiktok: TikTok, connector: Connector, clock: Any) -> None:
    with_rotating_tokens(tiktok)
    connector.check(config())
    clock.tick(86_400)
    said = {"error": "invalid_grant", "error_description": "not rft.1 nor act.1"}
    tiktok.answers("token", {"json": said})
    outcome = connector.read(config(), "user_info")
    assert "invalid_grant" in outcome.logs + str(outcome.messages)
    assert [secret for secret in ("rft.1", "act.1") if secret in json.dumps(outcome.messages) + outcome.stderr] == []
