"""Whose account is read: one sign-in file for each."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from examples.sync import SyncError

Json = dict[str, Any]
FIRST_POST = "2014-01-01"
LOOKBACK_DAYS = 30  # the connector's own default


@dataclass(frozen=True)
class Account:
    """An account to read.

    Attributes:
        name: what people call it: the name of its sign-in file.
        config: the connector's config.
        keep: what to do with a config that the connector changed, as it does with every new refresh token.
        lag: how far the account's clock is behind this machine's, in s; 0 but for a sandbox.
    """

    name: str
    config: Json
    keep: Callable[[Json], None]
    lag: float = 0.0

    def full_read_is_due(self, now: datetime) -> bool:
        """Whether the config's `additional_full_sync` falls on this day."""
        due = {"weekly": now.isoweekday() == 7, "monthly": now.day == 1}
        return due.get(self.config.get("additional_full_sync", "never"), False)

    def covers_from(self, open_id: str, state: Json) -> int:
        """From when on a sync that begins with this state of `videos` reads all videos, in epoch s."""
        start = datetime.fromisoformat(self.config.get("start_date") or FIRST_POST).replace(tzinfo=timezone.utc)
        cursors = {part["partition"]["open_id"]: int(part["cursor"]["create_time"]) for part in state.get("states", [])}
        lookback = self.config.get("lookback_window_days", LOOKBACK_DAYS) * 86_400
        return max(int(start.timestamp()), cursors.get(open_id, 0) - lookback)


def accounts_at(place: Path) -> list[Account]:
    """The account of a sign-in file, or those of all `*.json` in a folder.

    Raises:
        SyncError: when there is none, one cannot be read, or could not take a new refresh token.
    """
    paths = sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not paths:
        raise SyncError(f"There is no sign-in file in {place}: tiktok-organic-sign-in --output {place}/<name>.json")
    return [account_of_file(path) for path in paths]


def account_of_file(path: Path) -> Account:
    """The account of a sign-in file.

    Raises:
        SyncError: when the file cannot be read, or could not take a new refresh token.
    """
    config = _read_config(path)
    if not os.access(path.resolve().parent, os.W_OK):
        raise SyncError(f"{path.parent} cannot be written to, so TikTok's next refresh token would be lost.")
    return Account(path.stem, config, keep=lambda changed: write_config(path, changed))


def _read_config(path: Path) -> Json:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SyncError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SyncError(f"{path} is no JSON: it is not text in UTF-8.") from None
    except json.JSONDecodeError as error:
        raise SyncError(f"{path} is no JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from None
    if not isinstance(config, dict):
        raise SyncError(f"{path} must hold a JSON object with the connector's config.")
    return config


def write_config(path: Path, config: Json) -> None:
    """Put a changed config in the file's place, whole or not at all, and readable by its owner only.

    A refresh token works once: without this the next run would be refused.

    Raises:
        SyncError: when the file cannot be written.
    """
    place = path.resolve()  # the file itself, where `path` is a link to it
    try:
        handle, draft = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(config, file, indent=2, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(handle)
        os.replace(draft, place)
    except OSError as error:
        raise SyncError(
            f"TikTok's new refresh token could not be written to {path} ({error.strerror}): "
            "sign in again before the next run."
        ) from None
