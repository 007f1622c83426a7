"""Stores the newest tokens on disk, for clients that drop CONNECTOR_CONFIG messages."""

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import airbyte_cdk as cdk
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets

logger = logging.getLogger("airbyte")
TOKEN_FIELDS = ("access_token", "refresh_token", "token_expiry_date")
LONGEST_LOCK_S, LOCK_INTERVAL_S = 180, 0.5


def hide(secret: str) -> None:
    """Mask a secret in all output, also as it stands in JSON."""
    add_to_secrets(secret)
    add_to_secrets(json.dumps(secret)[1:-1])


@dataclass
class TokenStore:
    """A folder with a file for each authorization, if the environment names one; otherwise the store does nothing.

    Why not YAML: a refresh token can be used only once, and some clients drop every CONNECTOR_CONFIG. Others store some
    and lose some, so every refresh token that an authorization ever had leads to its file.

    A file is named by the hash of the first refresh token it had (mode 0600; dates as in the config):
        {"access_token": "act.…", "refresh_token": "rft.…", "token_expiry_date": "…", "hashes": ["…"]}
    """

    variable: str
    messages: Mapping[str, str]

    def __post_init__(self) -> None:
        self._folder = Path(os.environ.get(self.variable, "")).expanduser()
        self.needs_load = self._is_used = bool(os.environ.get(self.variable))  # nothing was loaded yet
        self._path: Path | None = None

    def locked(self, credentials: dict[str, Any]) -> AbstractContextManager[Any]:
        """Load the newest credentials and lock them; raises a config error if the store is unusable."""
        with ExitStack() as stack:
            if self._is_used and "refresh_token" in credentials:
                try:
                    self._open(credentials, stack)
                except cdk.AirbyteTracedException:
                    raise
                except (OSError, ImportError) as error:  # Windows has no fcntl
                    names = {"variable": self.variable, "folder": self._folder, "reason": error.args[-1]}
                    message = self.messages["token_store_unusable"].format(**names)
                    raise cdk.AirbyteTracedException(str(error), message, cdk.FailureType.config_error) from None
            return stack.pop_all()

    def save(self, credentials: Mapping[str, Any]) -> None:
        """Store refreshed credentials; if that fails, only the CONNECTOR_CONFIG has them."""
        try:
            self._write(credentials)
        except OSError as error:
            logger.warning(self.messages["token_not_stored"].format(folder=self._folder, reason=error.args[-1]))

    def _open(self, credentials: dict[str, Any], stack: ExitStack) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = self._path or self._find(self._hash(credentials))
        self._lock(stack.enter_context(self._path.with_suffix(".lock").open("a")))
        stored = self._read(self._path)
        self._hashes = stored["hashes"]
        newest = stored["access_token"]
        # The same token may have been rejected meanwhile, which only these credentials show.
        if self._hash(credentials) in self._hashes and newest not in ("", credentials["access_token"]):
            credentials.update({name: stored[name] for name in TOKEN_FIELDS})
            hide(newest)
            hide(credentials["refresh_token"])
        self._write(credentials)  # tokens that can't be stored must not be refreshed
        self.needs_load = False

    def _lock(self, file: IO[str]) -> None:
        """Wait for the lock of a file; a transient error if another process does not release it."""
        import fcntl

        end = time.monotonic() + LONGEST_LOCK_S
        is_waiting = False
        while time.monotonic() < end:
            with suppress(BlockingIOError):
                return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not is_waiting:
                logger.info(self.messages["token_store_wait"].format(folder=self._folder))
            is_waiting = True
            time.sleep(LOCK_INTERVAL_S)
        message = self.messages["token_store_locked"].format(folder=self._folder)
        raise cdk.AirbyteTracedException("lock not released", message, cdk.FailureType.transient_error)

    def _find(self, own: str) -> Path:
        path = self._folder / f"{own}.json"
        others = [] if path.exists() else sorted(self._folder.glob("*.json"))
        return next((other for other in others if own in self._read(other)["hashes"]), path)

    def _read(self, path: Path) -> dict[str, Any]:
        nothing: dict[str, Any] = {"hashes": [], **dict.fromkeys(TOKEN_FIELDS, "")}
        try:
            stored = json.loads(path.read_bytes()) if path.exists() else nothing
            return {"hashes": [*stored["hashes"]], **{name: "" + stored[name] for name in TOKEN_FIELDS}}
        except (ValueError, KeyError, TypeError):
            if path != self._path:  # another account's
                return nothing
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            logger.warning(self.messages["token_file_damaged"].format(path=path, aside=aside.name))
            return nothing

    def _write(self, credentials: Mapping[str, Any]) -> None:
        if self._path:
            self._hashes = list(dict.fromkeys([*self._hashes, self._hash(credentials)]))
            draft = self._path.with_suffix(".new")
            with open(draft, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                json.dump({**{name: credentials[name] for name in TOKEN_FIELDS}, "hashes": self._hashes}, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)

    @staticmethod
    def _hash(credentials: Mapping[str, Any]) -> str:
        return hashlib.sha256(f"{credentials.get('client_key')} {credentials['refresh_token']}".encode()).hexdigest()
