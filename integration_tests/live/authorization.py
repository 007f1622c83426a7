"""The account's tokens, and the config file, which must always have the valid ones."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from integration_tests.live import Json, LiveError
from integration_tests.live.api import Api, Reply, UnansweredError
from sandbox.facts import TOKEN_PATH

MADE_UP = "rft.0000000000000000000000000000000000000000000!0000.va"
LONGEST_LIFETIME_S = 10 * 365 * 86_400


class Authorization:
    """The owner's authorization, from the credentials of a connector config.

    Args:
        config: changed in place: only the tokens and `token_expiry_date`.
        save: writes the config back to its file.
    """

    def __init__(self, api: Api, config: Json, save: Callable[[Json], None]) -> None:
        self._api = api
        self._config = config
        self._save = save
        self._secrets: set[str] = set()
        self._remember_secrets()
        self.first_refresh_token = self.credentials.get("refresh_token", "")

    @property
    def credentials(self) -> Json:
        """The config's credentials."""
        credentials: Json = self._config["credentials"]
        return credentials

    @property
    def has_refresh_token(self) -> bool:
        """Whether there is a refresh token."""
        return "refresh_token" in self.credentials

    @property
    def secrets(self) -> set[str]:
        """All secrets so far from the config and token responses."""
        return set(self._secrets)

    def form(self, refresh_token: str, **other: str) -> dict[str, str]:
        """The form of a refresh; `other` values override the usual ones."""
        client = {name: self.credentials.get(name, "") for name in ("client_key", "client_secret")}
        return {**client, "grant_type": "refresh_token", "refresh_token": refresh_token, **other}

    def refresh(self, refresh_token: str) -> Reply:
        """Exchange a refresh token for new tokens, and write them to the file before anything else.

        Raises:
            LiveError: if there is no answer, or the file can't be written.
        """
        with signals_deferred():
            reply = self._post(refresh_token)
            self._store(reply.body)
        return reply

    def _post(self, refresh_token: str) -> Reply:
        """Post a refresh; retries a lost response: if the token was used, a retry can't make it worse."""
        try:
            return self._api.send("POST", TOKEN_PATH, data=self.form(refresh_token))
        except UnansweredError as error:
            raise LiveError(
                f"TikTok does not respond to the token refresh: {error}. Run the command again; if TikTok then rejects "
                "the refresh token, re-authenticate with tiktok-organic-sign-in."
            ) from None

    def _store(self, tokens: Json) -> None:
        if not _is_text(tokens.get("access_token")):
            return
        new = {name: tokens.get(name) for name in ("access_token", "refresh_token")}
        self.credentials.update({name: value for name, value in new.items() if _is_text(value)})
        self.credentials["token_expiry_date"] = _expiry(tokens.get("expires_in"))
        self._save(self._config)
        self._remember_secrets()

    def _remember_secrets(self) -> None:
        names = ("client_key", "client_secret", "refresh_token", "access_token")
        self._secrets |= {self.credentials[name] for name in names if _is_text(self.credentials.get(name))}


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Defer signals until the block is done: otherwise, the tokens of a response in flight would be lost."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals go to the main thread, which waits for this one
        return
    waiting: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda arrived, _: waiting.append(arrived)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for arrived in waiting[:1]:
            signal.raise_signal(arrived)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _expiry(lifetime: Any) -> str:
    """When the connector should refresh the token; empty for an invalid lifetime (s): no scheduled refresh then."""
    if not isinstance(lifetime, int) or not 0 < lifetime < LONGEST_LIFETIME_S:
        return ""
    return (datetime.now(timezone.utc) + timedelta(seconds=lifetime - min(60, lifetime / 10))).isoformat()
