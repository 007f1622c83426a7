"""The sandbox's interface for tests: start it, inspect it, make it fail."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from sandbox.accounts import Account
from sandbox.facts import ALL_SCOPES, CLIENT_KEY, CLIENT_SECRET, DATA_PATHS
from sandbox.faults import check_names
from sandbox.messages import Json
from sandbox.server import Server
from sandbox.settings import Settings
from sandbox.state import LoggedRequest, World
from sandbox.tokens import Grant


class Sandbox:
    """A local TikTok, used as a context manager; every method is thread-safe.

    Args:
        settings: all switches; default: `Settings()`.
        ssl_context: for https; the default is http.
        switches: single switches by name, as a shorthand for `Settings(...)`.
    """

    client_key = CLIENT_KEY
    client_secret = CLIENT_SECRET

    def __init__(
        self, settings: Settings | None = None, *, ssl_context: ssl.SSLContext | None = None, **switches: Any
    ) -> None:
        self.settings = replace(settings or Settings(), **switches)
        self._world = World(self.settings)
        self._server = Server(self._world, ssl_context)

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start serving; returns when the server accepts requests."""
        self._server.start()

    def stop(self) -> None:
        """Stop serving and drop requests in flight."""
        self._server.stop()

    @property
    def base_url(self) -> str:
        """URL of the API, the consent page and the token endpoint; empty before the start."""
        return self._server.base_url

    @property
    def connections(self) -> int:
        """TCP connections accepted since the start or the last reset; connections opened before a reset don't count."""
        with self._world.lock:
            return self._world.connections

    @property
    def accounts(self) -> tuple[Account, ...]:
        """All accounts."""
        return self._world.accounts

    @property
    def account(self) -> Account:
        """The first account."""
        return self._world.accounts[0]

    def grant(self, account: Account | None = None, scopes: Sequence[str] = ALL_SCOPES) -> Grant:
        """A person's consent, with its tokens."""
        with self._world.lock:
            return self._world.tokens.grant(account or self.account, _in_order(scopes))

    def config(self, *, account: Account | None = None, scopes: Sequence[str] = ALL_SCOPES, **top_level: Any) -> Json:
        """A connector config with the refresh token of a new consent."""
        return {**self.grant(account, scopes).config, **top_level}

    def access_token_config(
        self, *, account: Account | None = None, scopes: Sequence[str] = ALL_SCOPES, **top_level: Any
    ) -> Json:
        """A connector config with the access token of a new consent."""
        token = self.grant(account, scopes).access_token
        return {"credentials": {"auth_type": "access_token", "access_token": token}, **top_level}

    @property
    def requests(self) -> list[LoggedRequest]:
        """All requests in the order of arrival."""
        with self._world.lock:
            return list(self._world.log)

    def requests_to(self, path: str) -> list[LoggedRequest]:
        """The requests to one path."""
        return [entry for entry in self.requests if entry.path == path]

    def in_flight_peak(self, path: str) -> int:
        """The largest number of concurrent requests to a path."""
        with self._world.lock:
            return self._world.in_flight_peaks[path]

    @property
    def violations(self) -> list[str]:
        """Requests that violate the documentation, one sentence each."""
        return [entry.violation for entry in self.requests if entry.violation]

    def check(self) -> None:
        """Raise AssertionError if any request violated the documentation."""
        if self.violations:
            raise AssertionError("The client broke rules of TikTok's API:\n" + "\n".join(self.violations))

    def fail(self, path: str, *names: str | None) -> None:
        """Make the next requests to a path fail with these faults, one each; None lets one request succeed."""
        check_names(path, names)
        with self._world.lock:
            self._world.faults.fail(path, names)

    def fail_on(self, path: str, names: Mapping[int, str]) -> None:
        """Make the n-th request to a path fail, counted from 1 since the start or the last reset."""
        check_names(path, names.values())
        with self._world.lock:
            self._world.faults.fail_on(path, names)

    def revoke_access_tokens(self) -> None:
        """Invalidate all access tokens before they expire."""
        with self._world.lock:
            self._world.tokens.revoke_access_tokens()

    def expire_refresh_tokens(self) -> None:
        """Invalidate all refresh tokens."""
        with self._world.lock:
            self._world.tokens.expire_refresh_tokens()

    def token_response(self, **fields: Any) -> None:
        """Override fields in all later token responses; `MISSING` drops one.

        The tokens themselves don't change: another `expires_in` does not change when they expire.
        """
        with self._world.lock:
            self._world.tokens.overrides.update(fields)

    def set_rate_limit(self, limit: int) -> None:
        """Change how many requests one rate window allows, until the next reset; 0: no limit."""
        with self._world.lock:
            self._world.rate_limits.set_limit(limit)

    def reject_between(self, path: str, start: float, end: float) -> None:
        """Reject every request to a data endpoint as rate-limited from `start` to `end`.

        Both are in s of the sandbox's clock since the first request to the endpoint, which may come later. Call it
        again for more periods; a reset removes them all.
        """
        if path not in DATA_PATHS:
            raise ValueError(f"{path} has no rate limit. Paths with one: {', '.join(DATA_PATHS)}.")
        with self._world.lock:
            self._world.rate_limits.reject_between(path, start, end)

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock forward by `seconds`; affects token lifetimes and rate windows."""
        with self._world.lock:
            self._world.clock.advance(seconds)

    def reset(self) -> None:
        """Reset everything but the accounts.

        Clears the log, faults, tokens, consents, rate windows, rejected periods, clock changes and overrides.
        """
        with self._world.lock:
            self._world.reset()


def _in_order(scopes: Sequence[str]) -> tuple[str, ...]:
    """The scopes in TikTok's order; raises ValueError for unknown ones."""
    if unknown := [scope for scope in scopes if scope not in ALL_SCOPES]:
        raise ValueError(f"scopes must be some of {', '.join(ALL_SCOPES)}, not {unknown}.")
    return tuple(scope for scope in ALL_SCOPES if scope in scopes)
