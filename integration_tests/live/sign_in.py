"""The account's tokens, and the file that has to hold the valid ones at any time."""

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


class SignIn:
    """The owner's authorization, by the credentials of a connector's config.

    Args:
        config: changed in place: the tokens and `token_expiry_date`, and nothing else.
        keep: writes the config where it came from.
    """

    def __init__(self, api: Api, config: Json, keep: Callable[[Json], None]) -> None:
        self._api, self._config, self._keep = api, config, keep
        self._secrets: set[str] = set()
        self._remember()
        self.former = self.credentials.get("refresh_token", "")

    @property
    def credentials(self) -> Json:
        """The part of the config with the tokens."""
        credentials: Json = self._config["credentials"]
        return credentials

    @property
    def renews(self) -> bool:
        """Whether there is a refresh token."""
        return "refresh_token" in self.credentials

    @property
    def secrets(self) -> set[str]:
        """Every secret that there was in the config or in a token response."""
        return set(self._secrets)

    def form(self, refresh_token: str, **other: str) -> dict[str, str]:
        """The form of a refresh, with `other` values in place of the usual ones."""
        client = {name: self.credentials.get(name, "") for name in ("client_key", "client_secret")}
        return {**client, "grant_type": "refresh_token", "refresh_token": refresh_token, **other}

    def refresh(self, refresh_token: str) -> Reply:
        """Trade a refresh token for new tokens, which are in the file before anything else happens.

        Raises:
            LiveError: when no answer comes, or the file cannot be written.
        """
        with undisturbed():
            reply = self._post(refresh_token)
            self._take(reply.body)
        return reply

    def _post(self, refresh_token: str) -> Reply:
        """Retried when the response is lost: if the token is used up then, nothing more can be lost."""
        try:
            return self._api.send("POST", TOKEN_PATH, data=self.form(refresh_token))
        except UnansweredError as error:
            raise LiveError(
                f"TikTok does not respond to the token refresh: {error}. Run the command again; if TikTok then rejects "
                "the refresh token, authenticate again, with tiktok-organic-sign-in."
            ) from None

    def _take(self, tokens: Json) -> None:
        if not _is_text(tokens.get("access_token")):
            return
        new = {name: tokens.get(name) for name in ("access_token", "refresh_token")}
        self.credentials.update({name: value for name, value in new.items() if _is_text(value)})
        self.credentials["token_expiry_date"] = _expiry(tokens.get("expires_in"))
        self._keep(self._config)
        self._remember()

    def _remember(self) -> None:
        names = ("client_key", "client_secret", "refresh_token", "access_token")
        self._secrets |= {self.credentials[name] for name in names if _is_text(self.credentials.get(name))}


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let a signal wait until the block is over: the tokens of a response under way would be lost with it."""
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
    """When the connector should renew the token; empty, which means never by itself, for an invalid lifetime (s)."""
    if not isinstance(lifetime, int) or not 0 < lifetime < LONGEST_LIFETIME_S:
        return ""
    return (datetime.now(timezone.utc) + timedelta(seconds=lifetime - min(60, lifetime / 10))).isoformat()
