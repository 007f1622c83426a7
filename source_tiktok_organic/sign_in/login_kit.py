"""Login Kit, TikTok's OAuth 2.0, as a desktop app speaks it [developers.tiktok.com/doc/login-kit-desktop]."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode

import requests

TIMEOUT_S = (10, 30)

# The scopes that are asked for, and what it costs to refuse one; columns as in manifest.yaml, fields_by_scope.
SCOPES = {
    "user.info.basic": "neither stream can be read.",
    "user.info.profile": "in user_info, bio_description, profile_deep_link, username and is_verified stay empty.",
    "user.info.stats": "in user_info, follower_count, following_count, likes_count and video_count stay empty.",
    "video.list": "the stream videos cannot be read.",
}
NAMES_BY_SCOPE = {"user.info.basic": "display_name", "user.info.profile": "username"}

# `error` of TikTok's callback or token response [docs], and what to do.
REFUSALS = {
    "access_denied": "The consent was refused: run the command again and choose Authorize on TikTok's page.",
    "invalid_scope": f"TikTok refuses a permission of this app: add the scopes {', '.join(SCOPES)} to it on TikTok for "
    "Developers, and run the command again.",
    "invalid_client": "TikTok does not accept the client key and client secret: copy both from your app's page on "
    "TikTok for Developers, and run the command again.",
    "unauthorized_client": "TikTok does not let this app sign in: check on TikTok for Developers that Login Kit is "
    "enabled for Desktop and that the app is approved, or use its sandbox's key and secret.",
    "invalid_grant": "TikTok does not accept the code, which works once and only for minutes: run the command again.",
    "server_error": "TikTok's sign-in reports an internal error: try again later.",
    "temporarily_unavailable": "TikTok's sign-in is not available at the moment: try again later.",
}


class SignInError(Exception):
    """A sentence for the person who signs in: what went wrong and what to do."""


@dataclass(frozen=True)
class Consent:
    """What the callback brought: the code, decoded once, and the scopes, separated by commas."""

    code: str = field(repr=False)
    scopes: str


@dataclass(frozen=True)
class Attempt:
    """One try to sign in: what TikTok is asked for, and what proves that its response is ours.

    Attributes:
        state: comes back with the response.
        verifier: of PKCE, 43 to 128 characters of A-Z a-z 0-9 - . _ ~ [docs].
    """

    client_key: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    def consent_url(self, host: str) -> str:
        """The address of TikTok's consent page for this attempt."""
        query = {
            "client_key": self.client_key,
            "response_type": "code",
            "scope": ",".join(SCOPES),
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            # Hexadecimal, where RFC 7636 has base64url [docs].
            "code_challenge": hashlib.sha256(self.verifier.encode()).hexdigest(),
            "code_challenge_method": "S256",
            # Without it TikTok reuses an earlier consent, and nobody is asked again for a scope they once refused.
            "disable_auto_auth": "1",
        }
        return f"{host}/v2/auth/authorize/?{urlencode(query)}"

    def judge(self, query: str) -> Consent:
        """The consent in the query of a callback.

        Raises:
            SignInError: when it is refused, or not the response to this attempt.
        """
        response = dict(parse_qsl(query))
        state = response.get("state")
        if (state or "error" not in response) and not hmac.compare_digest((state or "").encode(), self.state.encode()):
            raise SignInError(
                "The response belongs to another sign-in (its state differs), so it was dropped: run the command again "
                "and use the page that it opens."
            )
        if "error" in response:
            raise self.refusal(response)
        if not response.get("code"):
            raise SignInError("TikTok's response has neither a code nor an error: run the command again.")
        return Consent(response["code"], response.get("scopes", ""))

    def judge_pasted(self, address: str) -> Consent:
        """The consent in an address that a person copied from the browser.

        Raises:
            SignInError: as `judge`, or when this is no such address.
        """
        query = address.strip().partition("?")[2].partition("#")[0]
        if not {"code", "error"} & dict(parse_qsl(query)).keys():
            raise SignInError(
                f"That is not the address TikTok leads to, which starts with {self.redirect_uri}?code= : run the "
                "command again and paste the whole line from the browser."
            )
        return self.judge(query)

    def form(self, consent: Consent) -> dict[str, str]:
        """The form that exchanges the code for tokens."""
        return {
            "client_key": self.client_key,
            "client_secret": self.client_secret,
            "code": consent.code,
            "grant_type": "authorization_code",
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }

    def refusal(self, refused: Mapping[str, Any], code: str = "") -> SignInError:
        """The error for a response with `error`, `error_description` and `log_id`, without any secret it may repeat."""
        sentence = REFUSALS.get(str(refused.get("error")), "TikTok refused the sign-in: check your app, and try again.")
        said = "; ".join(str(refused[name]) for name in ("error", "error_description", "log_id") if refused.get(name))
        for secret in filter(None, (self.client_secret, self.verifier, code)):
            said = said.replace(secret, "****")
        return SignInError(f"{sentence} (TikTok says: {printable(said)})" if said else sentence)


def exchange(attempt: Attempt, consent: Consent, host: str) -> dict[str, Any]:
    """The token response: access_token, expires_in (s), refresh_token, refresh_expires_in (s), open_id, scope.

    Raises:
        SignInError: when there is no access token in the response, whatever its status.
    """
    try:
        form = attempt.form(consent)
        response = requests.post(f"{host}/v2/oauth/token/", data=form, timeout=TIMEOUT_S, allow_redirects=False)
        tokens = response.json()
    except requests.exceptions.JSONDecodeError:
        raise SignInError(f"TikTok gave no valid response (HTTP {response.status_code}): try again later.") from None
    except requests.exceptions.RequestException as error:
        raise SignInError(
            f"TikTok could not be reached ({type(error).__name__}): check the network, and run the command again."
        ) from None
    if isinstance(tokens, dict) and tokens.get("access_token") and tokens.get("refresh_token"):
        return tokens
    raise attempt.refusal(tokens if isinstance(tokens, dict) else {}, consent.code)


def credentials(attempt: Attempt, tokens: Mapping[str, Any], scope: str) -> dict[str, str]:
    """What stands under `credentials` in the connector's config; dates in UTC, with their offset."""
    content = {
        "auth_type": "oauth2.0",
        "client_key": attempt.client_key,
        "client_secret": attempt.client_secret,
        "refresh_token": tokens["refresh_token"],
        "access_token": tokens["access_token"],
        "token_expiry_date": _renewal(tokens.get("expires_in")),
        "scope": scope,
    }
    return {name: value for name, value in content.items() if value}


def _renewal(lifetime: Any) -> str | None:
    """When the connector should renew the token, a little before its end; None for an invalid lifetime (s)."""
    try:
        seconds = int(lifetime)
        end = datetime.now(timezone.utc) + timedelta(seconds=seconds - min(60, seconds / 10))
    except (TypeError, ValueError, OverflowError):
        return None
    return end.isoformat() if seconds > 0 else None


def account(host: str, token: str, granted: Sequence[str]) -> str:
    """The account's name, as far as the scopes allow; empty if TikTok does not send it."""
    fields = [name for scope, name in NAMES_BY_SCOPE.items() if scope in granted]
    if not fields:
        return ""
    url, headers = f"{host}/v2/user/info/?fields={','.join(fields)}", {"Authorization": f"Bearer {token}"}
    try:
        user = requests.get(url, headers=headers, timeout=TIMEOUT_S).json()["data"]["user"]
        names = [user.get("display_name"), f"@{user['username']}" if user.get("username") else None]
    except (requests.exceptions.RequestException, KeyError, TypeError, AttributeError):
        return ""
    return printable(" ".join(name for name in names if name))


def printable(text: str) -> str:
    """`text` without what could steer a terminal, 300 characters at most."""
    return "".join(c for c in text if c.isprintable())[:300]
