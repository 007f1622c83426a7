"""The accounts to read: one config file for each."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from examples.sync import SyncError
from source_tiktok_organic.sign_in.config_file import replace_file

Json = dict[str, Any]
CONFIG = Path("secrets/config.json")


@dataclass(frozen=True)
class Account:
    """An account to read.

    Attributes:
        name: display name: the name of its config file.
        config: the connector's config.
        save: stores a config that the connector changed; every new refresh token changes it.
        lag: how far the account's clock is behind this machine's, in s; 0 except for a sandbox.
    """

    name: str
    config: Json
    save: Callable[[Json], None]
    lag: float = 0.0

    def full_read_is_due(self, now: datetime) -> bool:
        """Whether `additional_full_sync` in the config schedules a full read for this day."""
        due = {"weekly": now.isoweekday() == 7, "monthly": now.day == 1}
        return due.get(self.config.get("additional_full_sync", "never"), False)

    def covers_from(self, open_id: str, state: Json) -> int:
        """The time, in epoch s, from which a sync with this state of `videos` reads all videos.

        The connector's cursor knows it. For a full read, which may be scheduled for today, pass an empty state.
        """
        from source_tiktok_organic.source import SourceTiktokOrganic

        # A copy, as the source adds to it. If midnight has passed since the sync, today's schedule isn't the sync's.
        config = {**deepcopy(self.config), "additional_full_sync": "never"}
        _, videos = SourceTiktokOrganic(None, config, None).streams(config)
        cursors = {part["partition"]["open_id"]: part["cursor"] for part in state.get("states", [])}
        return int(videos.cursor.account(open_id, cursors.get(open_id, {})).covers_from)


def config_files(place: Path) -> list[Path]:
    """A config file, or all `*.json` in a folder.

    Raises:
        SyncError: if there is none.
    """
    found = sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not found or not found[0].exists():
        command = _sign_in_command(place)
        raise SyncError(f"There is no config file {_example_path(place)} yet. Authorize the app first: {command}")
    return found


def _example_path(place: Path) -> Path:
    return place if place.suffix == ".json" else place / "<name>.json"


def _sign_in_command(place: Path) -> str:
    """The command installed beside this Python."""
    command = display_path(Path(sys.executable).with_name("tiktok-organic-sign-in"))
    return command if place == CONFIG else f"{command} --output {_example_path(place)}"


def display_path(path: Path) -> str:
    """A path for display: relative if it is below the working directory."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def account_of_file(path: Path) -> Account:
    """The account of a config file.

    Raises:
        SyncError: if the file can't be read, or a new refresh token couldn't be written to it.
    """
    config = _read_config(path)
    if not os.access(path.resolve().parent, os.W_OK):
        raise SyncError(f"{path.parent} is not writable, so TikTok's next refresh token would be lost.")
    return Account(path.stem, config, save=lambda changed: write_config(path, changed))


def _read_config(path: Path) -> Json:
    """A config as the connector's command accepts it: a byte order mark, nulls and any layout are allowed."""
    from airbyte_cdk.utils.traced_exception import AirbyteTracedException

    from source_tiktok_organic.cli_files import read_files

    log = logging.getLogger("airbyte")  # the connector itself warns about the file
    log.disabled = True
    try:
        config: Json = read_files({"config": str(path)})["config"]
    except AirbyteTracedException as error:
        raise SyncError(error.message or "The config file cannot be read.") from None
    finally:
        log.disabled = False
    return config


def write_config(path: Path, config: Json) -> None:
    """Replace the file with a changed config: its refresh token can't be used again, so the next run needs the new one.

    Raises:
        SyncError: when the file can't be written.
    """
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    try:
        replace_file(path.resolve(), text.encode())
    except OSError as error:
        raise SyncError(
            f"TikTok's new refresh token could not be written to {path} ({error.strerror}): "
            "re-authenticate before the next run."
        ) from None
