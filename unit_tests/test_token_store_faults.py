"""A token store that is damaged, full or not a folder."""

import errno
import json
import os
from pathlib import Path

import pytest

from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector
from unit_tests.tiktok import USER, TikTok, error_response, ok_response
from unit_tests.token_store_helpers import FIRST, VARIABLE, config, file_of, sent_refresh_tokens, with_rotating_tokens

MESSAGES = load_manifest()["definitions"]["messages"]
STORED = {"access_token": "act.x", "refresh_token": "rft.x", "token_expiry_date": "", "hashes": []}
# Files of other programs, or cut off by a full disk.
DAMAGED = {
    "empty": "",
    "cut_off": json.dumps(STORED)[:-9],
    "list": "[]",
    "number": "7",
    "binary": "\udcff",
    "token_as_number": json.dumps({**STORED, "refresh_token": 7}),
    "null_hashes": json.dumps({**STORED, "hashes": None}),
    "without_date": json.dumps({name: value for name, value in STORED.items() if name != "token_expiry_date"}),
    "without_hashes": json.dumps({name: value for name, value in STORED.items() if name != "hashes"}),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_file_counts_as_absent(content: str, store: Path, tiktok: TikTok, connector: Connector) -> None:
    file = file_of(store)
    store.mkdir(parents=True)
    file.write_text(content, errors="surrogateescape")
    with_rotating_tokens(tiktok)

    outcome = connector.read(config())

    assert (outcome.errors, sent_refresh_tokens(tiktok)) == ([], [FIRST])
    assert outcome.warnings == [MESSAGES["token_file_damaged"].format(path=file, aside=f"{file.stem}.damaged")]
    assert json.loads(file.read_text())["refresh_token"] == "rft.1"


def test_damaged_file_of_another_account_is_ignored(store: Path, tiktok: TikTok, connector: Connector) -> None:
    with_rotating_tokens(tiktok)
    store.mkdir(parents=True)
    (store / "0.json").write_text("{")
    assert [connector.read(config()).errors for _ in range(2)] == [[], []]
    assert (sent_refresh_tokens(tiktok), (store / "0.json").read_text()) == ([FIRST], "{")


@pytest.mark.parametrize("obstacle", ["folder", "lock", "file"])
def test_unusable_store_fails_before_a_token_is_used(
    obstacle: str, store: Path, tiktok: TikTok, connector: Connector
) -> None:
    store.parent.mkdir()
    if obstacle == "folder":
        store.write_text("a file is here")
    else:
        file_of(store).with_suffix({"lock": ".lock", "file": ".json"}[obstacle]).mkdir(parents=True)
    with_rotating_tokens(tiktok)

    outcome = connector.read(config(), "user_info")

    reason = os.strerror({"folder": errno.EEXIST, "lock": errno.EISDIR, "file": errno.EISDIR}[obstacle])
    assert outcome.errors[:-1] == [("config_error", unusable(store, reason))]
    assert (tiktok.forms(), tiktok.requests("user")) == ([], [])


def test_unusable_store_fails_check(store: Path, tiktok: TikTok, connector: Connector) -> None:
    store.parent.write_text("a file is here")
    outcome = connector.check(config())
    message = unusable(store, os.strerror(errno.ENOTDIR))
    assert outcome.of("CONNECTION_STATUS") == [{"status": "FAILED", "message": message}]
    assert tiktok.forms() == []


def test_full_disk_fails_before_a_token_is_used(
    store: Path, tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_the_disk(monkeypatch, writes=(1,))
    outcome = connector.read(config(), "user_info")
    assert outcome.errors[:-1] == [("config_error", unusable(store, os.strerror(errno.ENOSPC)))]
    assert tiktok.forms() == []


def test_disk_that_fills_later_loses_no_token(
    store: Path, tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each load of the store writes it, and so does each refresh: the first of two fails, and the second succeeds."""
    with_rotating_tokens(tiktok)
    connector.check(config())
    fill_the_disk(monkeypatch, writes=(3,))
    tiktok.responds("user", *[error_response("access_token_invalid", 401)] * 2, ok_response({"user": USER}))

    outcome = connector.read(config(), "user_info")

    assert (outcome.exit_code, outcome.errors, outcome.records("user_info")) == (0, [], [USER])
    reason = os.strerror(errno.ENOSPC)
    assert outcome.warnings == [MESSAGES["token_not_stored"].format(folder=store, reason=reason)]
    assert [c["credentials"]["refresh_token"] for c in outcome.configs] == ["rft.2", "rft.3"]
    connector.read(config(), "user_info")
    assert (sent_refresh_tokens(tiktok), tiktok.bearers("user")[-1]) == ([FIRST, "rft.1", "rft.2"], "act.3")


def test_file_keeps_its_tokens_if_a_write_fails(
    store: Path, tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writes of a run have the tokens of the file; the third, which fails, has those of the refresh."""
    with_rotating_tokens(tiktok)
    connector.check(config())
    fill_the_disk(monkeypatch, writes=(3,))
    tiktok.responds("user", error_response("access_token_invalid", 401), ok_response({"user": USER}))

    outcome = connector.read(config(), "user_info")

    assert (outcome.errors, sent_refresh_tokens(tiktok)) == ([], [FIRST, "rft.1"])
    assert [c["credentials"]["refresh_token"] for c in outcome.configs] == ["rft.2"]
    stored = json.loads(file_of(store).read_text())
    assert (stored["access_token"], stored["refresh_token"]) == ("act.1", "rft.1")


def test_store_is_read_once_by_each_requester(
    store: Path, tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of user_info, of videos and of its parent; the fourth write is that of the refresh."""
    with_rotating_tokens(tiktok).with_videos(*range(1_700_000_000, 1_700_000_100))
    writes = fill_the_disk(monkeypatch, writes=())
    assert len(connector.read(config()).records("videos")) == 100
    assert (writes, len(tiktok.requests("videos")) > 4) == ([4], True)


def unusable(store: Path, reason: str) -> str:
    return str(MESSAGES["token_store_unusable"].format(variable=VARIABLE, folder=store, reason=reason))


def fill_the_disk(monkeypatch: pytest.MonkeyPatch, writes: tuple[int, ...]) -> list[int]:
    """Let the nth writes to the disk fail; returns how many there were, in a list."""
    done = [0]
    sync = os.fsync

    def fsync(file: int) -> None:
        done[0] += 1
        if done[0] in writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    monkeypatch.setattr(os, "fsync", fsync)
    return done
