"""Consents, authorization codes and tokens, with their lifetimes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sandbox.accounts import Account
from sandbox.errors import bad_token_request, data_error, token_error
from sandbox.facts import CLIENT_KEY, CLIENT_SECRET, CODE_LIFETIME
from sandbox.messages import Json
from sandbox.settings import Settings

# Drops a field from a token response.
MISSING: Final = object()


@dataclass(eq=False)
class Grant:
    """A person's consent and its current tokens; each refresh updates it.

    Attributes:
        scopes: the granted scopes.
        expires_at: expiry of the newest access token, in epoch s of the sandbox's clock.
        refresh_expires_at: expiry of the refresh token, likewise.
    """

    account: Account
    scopes: tuple[str, ...]
    access_token: str = ""
    expires_at: float = 0.0
    refresh_token: str = ""
    refresh_expires_at: float = 0.0

    @property
    def config(self) -> Json:
        """A connector config with the refresh token."""
        return {
            "credentials": {
                "auth_type": "oauth2.0",
                "client_key": CLIENT_KEY,
                "client_secret": CLIENT_SECRET,
                "refresh_token": self.refresh_token,
            }
        }


@dataclass(frozen=True)
class Code:
    """The data of an authorization code; `expires_at` is in epoch s."""

    account: Account
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    expires_at: float


class TokenStore:
    """Issues tokens and knows which are valid.

    Attributes:
        overrides: override fields of every token response; MISSING drops one.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._codes: dict[str, Code] = {}
        self._by_access: dict[str, tuple[Grant, float]] = {}
        self._by_refresh: dict[str, Grant] = {}
        self.overrides: Json = {}

    def reset(self) -> None:
        """Remove every code, token and override."""
        self.overrides.clear()
        self._codes.clear()
        self._by_access.clear()
        self._by_refresh.clear()

    def grant(self, account: Account, scopes: tuple[str, ...]) -> Grant:
        """A new consent with its first pair of tokens."""
        grant = Grant(account, scopes)
        grant.refresh_expires_at = self._clock() + self._settings.refresh_token_lifetime
        self._new_refresh_token(grant)
        self._new_access_token(grant)
        return grant

    def grant_fixed(self, account: Account, number: int) -> Grant:
        """A consent to all scopes with the tokens `act.sandbox.<number>` and `rft.sandbox.<number>`."""
        grant = self.grant(account, self._settings.app_scopes)
        self._by_access[f"act.sandbox.{number}"] = self._by_access.pop(grant.access_token)
        self._by_refresh[f"rft.sandbox.{number}"] = self._by_refresh.pop(grant.refresh_token)
        grant.access_token, grant.refresh_token = f"act.sandbox.{number}", f"rft.sandbox.{number}"
        return grant

    def issue_code(self, account: Account, scopes: tuple[str, ...], redirect_uri: str, challenge: str) -> str:
        """A single-use code; it contains characters that clients often decode twice or not at all."""
        code = f"{secrets.token_urlsafe(24)}*0!{secrets.randbelow(9000) + 1000}.va%2A"
        self._codes[code] = Code(account, scopes, redirect_uri, challenge, self._clock() + CODE_LIFETIME)
        return code

    def exchange(self, code: str, redirect_uri: str, verifier: str) -> Grant:
        """Exchange a code for tokens; a failed attempt invalidates it too."""
        stored = self._codes.pop(code, None)
        if stored is None or stored.expires_at <= self._clock():
            raise token_error("invalid_grant", "Authorization code is invalid or expired.")
        if stored.redirect_uri != redirect_uri:
            raise bad_token_request("redirect_uri differs from the one with which the code was requested")
        # Hex, not base64url as in RFC 7636.
        if stored.challenge and hashlib.sha256(verifier.encode()).hexdigest() != stored.challenge.lower():
            raise token_error("invalid_grant", "Code verifier or code challenge is invalid.")
        return self.grant(stored.account, stored.scopes)

    def refresh(self, token: str) -> Grant:
        """New tokens for a refresh token; earlier access tokens stay valid until they expire."""
        grant = self._by_refresh.get(token)
        if grant is None or grant.refresh_expires_at <= self._clock():
            raise token_error("invalid_grant")
        if self._settings.refresh_prolongs:
            grant.refresh_expires_at = self._clock() + self._settings.refresh_token_lifetime
        if self._settings.rotate_refresh_tokens:
            del self._by_refresh[token]
            self._new_refresh_token(grant)
        self._new_access_token(grant)
        return grant

    def bearer(self, token: str) -> Grant:
        """The consent of a valid access token."""
        grant, expires_at = self._by_access.get(token, (None, 0.0))
        if grant is None or expires_at <= self._clock():
            raise data_error("access_token_invalid")
        return grant

    def revoke_access_tokens(self) -> None:
        """Invalidate all access tokens before they expire."""
        self._by_access.clear()

    def expire_refresh_tokens(self) -> None:
        """Invalidate all refresh tokens; access tokens stay valid until they expire."""
        self._by_refresh.clear()

    def response(self, grant: Grant) -> Json:
        """The flat response of the token endpoint; both lifetimes are in s."""
        fields = {**self._usual_response(grant), **self.overrides}
        return {name: value for name, value in fields.items() if value is not MISSING}

    def _usual_response(self, grant: Grant) -> Json:
        now = self._clock()
        return {
            "access_token": grant.access_token,
            "expires_in": round(grant.expires_at - now),
            "open_id": grant.account.open_id,
            "refresh_expires_in": round(grant.refresh_expires_at - now),
            "refresh_token": grant.refresh_token,
            "scope": ",".join(grant.scopes),
            "token_type": "Bearer",
        }

    def _new_access_token(self, grant: Grant) -> None:
        grant.access_token = f"act.{secrets.token_urlsafe(32)}!{secrets.randbelow(9000) + 1000}.va"
        grant.expires_at = self._clock() + self._settings.access_token_lifetime
        self._by_access[grant.access_token] = (grant, grant.expires_at)

    def _new_refresh_token(self, grant: Grant) -> None:
        grant.refresh_token = f"rft.{secrets.token_urlsafe(32)}!{secrets.randbelow(9000) + 1000}.va"
        self._by_refresh[grant.refresh_token] = grant
