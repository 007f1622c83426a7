"""Which account is read: one of a local TikTok, or the one in secrets/config.json."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.demo import DemoError

Json = dict[str, Any]
BASE_URL_VARIABLE = "TIKTOK_API_BASE_URL"
VIDEOS, YEARS = 1_500, 3
LATENCY_S = 0.03  # makes the sandbox answer about as late as a server in the same country


@dataclass(frozen=True)
class Truth:
    """What must be in the database afterwards, column by column."""

    user_info: list[Json]
    videos: list[Json]


@dataclass(frozen=True)
class Account:
    """An account to read.

    Attributes:
        origin: where it is read from, for people.
        config: the connector's config.
        keep: what to do with a config that the connector changed, as it does with every new refresh token.
        truth: what the account holds; None when only TikTok knows.
    """

    origin: str
    config: Json
    keep: Callable[[Json], None]
    truth: Truth | None = None


def account_of_file(path: Path) -> Account:
    """The account of a config file, on TikTok unless the person has set TIKTOK_API_BASE_URL.

    Raises:
        DemoError: when the file cannot be read, or could not take a new refresh token.
    """
    config = _read_config(path)
    if not os.access(path.resolve().parent, os.W_OK):
        raise DemoError(f"{path.parent} cannot be written to, so TikTok's next refresh token would be lost.")
    place = os.environ.get(BASE_URL_VARIABLE, "TikTok")
    return Account(f"the account of {path}, on {place}", config, keep=lambda changed: write_config(path, changed))


def _read_config(path: Path) -> Json:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DemoError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DemoError(f"{path} is no JSON: it is not text in UTF-8.") from None
    except json.JSONDecodeError as error:
        raise DemoError(f"{path} is no JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from None
    if not isinstance(config, dict):
        raise DemoError(f"{path} must hold a JSON object with the connector's config.")
    return config


def write_config(path: Path, config: Json) -> None:
    """Put a changed config in the file's place, whole or not at all, and readable by its owner only.

    A refresh token works once: without this the next run would be refused.

    Raises:
        DemoError: when the file cannot be written.
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
        raise DemoError(
            f"TikTok's new refresh token could not be written to {path} ({error.strerror}): "
            "sign in again before the next run."
        ) from None


@contextmanager
def account_of_sandbox() -> Iterator[Account]:
    """An account of a local TikTok, which serves it inside the `with` block."""
    # Imported here, because an account of a file needs no sandbox.
    from sandbox import Sandbox, Settings

    with Sandbox(Settings(videos=VIDEOS, years=YEARS, latency=LATENCY_S)) as sandbox, _api_at(sandbox.base_url):
        user = sandbox.account.user
        videos = [{**video, "open_id": user["open_id"]} for video in sandbox.account.videos]
        origin = f"a local TikTok with {len(videos):,} videos of {YEARS} years"
        yield Account(origin, sandbox.config(), keep=lambda changed: None, truth=Truth([user], videos))


@contextmanager
def _api_at(base_url: str) -> Iterator[None]:
    """Lead the connector, which inherits these variables, to `base_url`, past any proxy."""
    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY", os.environ.get("no_proxy")), "127.0.0.1"]))
    ours = {BASE_URL_VARIABLE: base_url, "NO_PROXY": no_proxy, "no_proxy": no_proxy}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
