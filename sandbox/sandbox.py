"""The sandbox as a test sees it: start it, look into it, make it fail."""

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
    """A local TikTok, to be used as a context manager; every method may be called from any thread.

    Args:
        settings: all switches; default: `Settings()`.
        ssl_context: serves over https with it; the default is http.
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
        """Serve; returns when requests get a response."""
        self._server.start()

    def stop(self) -> None:
        """Stop serving; requests in flight are dropped."""
        self._server.stop()

    @property
    def base_url(self) -> str:
        """Where the API, the consent page and the token endpoint are; empty before the start."""
        return self._server.base_url

    @property
    def connections(self) -> int:
        """TCP connections accepted since the start or the last reset; those kept open over a reset do not count."""
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
        """A person's consent, with the tokens that it leads to."""
        with self._world.lock:
            return self._world.tokens.grant(account or self.account, _in_order(scopes))

    def config(self, *, account: Account | None = None, scopes: Sequence[str] = ALL_SCOPES, **top_level: Any) -> Json:
        """A connector config with the refresh token of a fresh consent."""
        return {**self.grant(account, scopes).config, **top_level}

    def access_token_config(
        self, *, account: Account | None = None, scopes: Sequence[str] = ALL_SCOPES, **top_level: Any
    ) -> Json:
        """A connector config with the access token of a fresh consent."""
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
        """The largest number of requests to a path that were in flight at one time."""
        with self._world.lock:
            return self._world.in_flight_peaks[path]

    @property
    def violations(self) -> list[str]:
        """What the client did against the documentation."""
        return [entry.violation for entry in self.requests if entry.violation]

    def check(self) -> None:
        """Raise when the client did anything against the documentation."""
        if self.violations:
            raise AssertionError("The client broke rules of TikTok's API:\n" + "\n".join(self.violations))

    def fail(self, path: str, *names: str | None) -> None:
        """Let the next requests to a path meet these faults, one each; None lets one pass."""
        check_names(path, names)
        with self._world.lock:
            self._world.faults.fail(path, names)

    def fail_on(self, path: str, names: Mapping[int, str]) -> None:
        """Let the n-th request to a path, counted from 1 at the start or the last reset, meet a fault."""
        check_names(path, names.values())
        with self._world.lock:
            self._world.faults.fail_on(path, names)

    def revoke_access_tokens(self) -> None:
        """Let all access tokens stop working before their time."""
        with self._world.lock:
            self._world.tokens.revoke_access_tokens()

    def expire_refresh_tokens(self) -> None:
        """Let all refresh tokens stop working."""
        with self._world.lock:
            self._world.tokens.expire_refresh_tokens()

    def token_response(self, **fields: Any) -> None:
        """Put fields into all later token responses, in place of the usual ones; `MISSING` drops one.

        The tokens themselves stay as they are: with another `expires_in` they live as long as before.
        """
        with self._world.lock:
            self._world.tokens.overrides.update(fields)

    def set_rate_limit(self, limit: int) -> None:
        """Change the requests that one rate window allows, from now to the next reset; 0: no limit."""
        with self._world.lock:
            self._world.rate_limits.set_limit(limit)

    def refuse_between(self, path: str, start: float, end: float) -> None:
        """Refuse every request to a data endpoint for the rate limit from `start` to `end`, until the next reset.

        Both are in s of the sandbox's clock since the first request to the endpoint, which may come later. Several
        periods add up.
        """
        if path not in DATA_PATHS:
            raise ValueError(f"{path} has no rate limit; those that have: {', '.join(DATA_PATHS)}.")
        with self._world.lock:
            self._world.rate_limits.refuse_between(path, start, end)

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock forward by `seconds`: lifetimes of tokens and rate windows."""
        with self._world.lock:
            self._world.clock.advance(seconds)

    def reset(self) -> None:
        """Forget all but the accounts.

        Gone are the log, faults, tokens, consents, rate windows, refused periods, moves of the clock and overrides.
        """
        with self._world.lock:
            self._world.reset()


def _in_order(scopes: Sequence[str]) -> tuple[str, ...]:
    """The scopes in TikTok's order; ValueError for unknown ones."""
    if unknown := [scope for scope in scopes if scope not in ALL_SCOPES]:
        raise ValueError(f"scopes must be some of {', '.join(ALL_SCOPES)}, not {unknown}.")
    return tuple(scope for scope in ALL_SCOPES if scope in scopes)
