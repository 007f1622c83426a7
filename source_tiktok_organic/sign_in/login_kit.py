"""Login Kit, TikTok's OAuth 2.0, for desktop apps [developers.tiktok.com/docs/en/login-kit-desktop]."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode

import requests

from source_tiktok_organic.sign_in.facts import manifest, scopes, token_message

TIMEOUT_S = (10, 30)
TOKENS = ("access_token", "refresh_token")

# `error_type` of TikTok's callback is more specific than `error`; it is not documented [seen live 2026-08].
ERROR_TYPES = {
    "non_sandbox_target": "This TikTok account isn't a target user of your app's sandbox. On TikTok for Developers, "
    "open Sandbox settings, add the account under Target users, wait up to an hour, and run the command again.",
    "scope": "Your app doesn't have all scopes that were requested. Add them to the app on TikTok for Developers, or "
    "request only those it has, for example with --scopes user.info.basic,video.list.",
    "client_key": "TikTok doesn't know the client key. Copy it from your app's page on TikTok for Developers; sandbox "
    "and production have different ones.",
    "redirect_uri": "The redirect URI isn't registered. Add the one that this command prints to Login Kit, Desktop; "
    "sandbox and production have separate lists.",
}
# `error` of the callback or of a token response [docs].
ERRORS = {
    "access_denied": "Access was denied. Run the command again and choose Authorize on TikTok's page.",
    "invalid_scope": ERROR_TYPES["scope"],
    "invalid_grant": "TikTok rejects the code, which works once and only for minutes. Run the command again.",
}
# For these, the connector has the same messages.
SHARED_ERRORS = ("invalid_client", "unauthorized_client", "server_error", "temporarily_unavailable")
ANY_OTHER_ERROR = "TikTok refused the authorization. Check your app on TikTok for Developers, and try again."


class SignInError(Exception):
    """A message for the user: what went wrong and what to do."""


class ForeignResponseError(Exception):
    """A response without this attempt's state, so anybody may have sent it.

    Attributes:
        hint: what TikTok means by its error, if it has no state at all: TikTok may leave it out; otherwise empty.
    """

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


@dataclass(frozen=True)
class Consent:
    """What the callback brought: the code, decoded once, and the scopes, separated by commas."""

    code: str = field(repr=False)
    scopes: str


@dataclass(frozen=True)
class Attempt:
    """One authorization: what TikTok is asked for, and what proves that its response is ours.

    Attributes:
        state: comes back with the response.
        verifier: of PKCE, 43 to 128 characters of A-Z a-z 0-9 - . _ ~ [docs].
    """

    client_key: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    scopes: Sequence[str] = field(default_factory=scopes)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64), repr=False)

    def consent_url(self, host: str | None) -> str:
        """The address of TikTok's consent page for this attempt; `host` replaces TikTok's."""
        query = {
            "client_key": self.client_key,
            "response_type": "code",
            "scope": ",".join(self.scopes),
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            # Hexadecimal, where RFC 7636 has base64url [docs].
            "code_challenge": hashlib.sha256(self.verifier.encode()).hexdigest(),
            "code_challenge_method": "S256",
            # Without it TikTok reuses an earlier consent, and does not ask again for a scope that was refused.
            "disable_auto_auth": "1",
        }
        page = f"{host}/v2/auth/authorize/" if host else _consent_page()
        return f"{page}?{urlencode(query)}"

    def judge(self, query: str) -> Consent:
        """The consent in the query of a callback.

        Raises:
            ForeignResponseError: when it is not the response to this attempt.
            SignInError: when it is, and TikTok or the person refuses.
        """
        response = dict(parse_qsl(query))
        state = response.get("state", "")
        if not hmac.compare_digest(state.encode(), self.state.encode()):
            raise ForeignResponseError("" if state or "error" not in response else message_for(response))
        if "error" in response:
            raise self.refusal(response)
        if not response.get("code"):
            raise SignInError("TikTok's response has neither a code nor an error. Run the command again.")
        return Consent(response["code"], response.get("scopes", ""))

    def judge_pasted(self, address: str) -> Consent | None:
        """The consent in an address that a person copied from the browser; None if this is no such address.

        Raises:
            ForeignResponseError, SignInError: as `judge`.
        """
        query = address.strip().partition("?")[2].partition("#")[0]
        if not {"code", "error"} & dict(parse_qsl(query)).keys():
            return None
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
        """The error for a response with `error`: what to do, and TikTok's words without any secret they may repeat."""
        details = [f"{name}={refused[name]}" for name in ("error", "error_type", "log_id") if refused.get(name)]
        if refused.get("error_description"):
            details.append(f"{refused['error_description']}")
        said = "; ".join(details)
        for secret in filter(None, (self.client_secret, self.verifier, code)):
            said = said.replace(secret, "****")
        sentence = message_for(refused)
        return SignInError(f"{sentence} (TikTok says: {printable(said)})" if said else sentence)


def message_for(refused: Mapping[str, Any]) -> str:
    """What to do about a response with an `error`, by its codes alone."""
    error_type = str(refused.get("error_type"))
    error = str(refused.get("error"))
    if error_type in ERROR_TYPES:
        return ERROR_TYPES[error_type]
    if error in SHARED_ERRORS:
        return token_message(error)
    return ERRORS.get(error, ANY_OTHER_ERROR)


def post_token_form(host: str, form: Mapping[str, str]) -> Any:
    """The body of a response of the token endpoint.

    Raises:
        SignInError: when there is no JSON object.
    """
    try:
        # Without an `auth`, requests would send a password from ~/.netrc.
        response = requests.post(
            f"{host}/v2/oauth/token/", data=form, timeout=TIMEOUT_S, allow_redirects=False, auth=lambda request: request
        )
    except requests.exceptions.RequestException as error:
        text = f"TikTok can't be reached ({type(error).__name__}). Check the network, and run the command again."
        raise SignInError(text) from None
    try:
        body = response.json()
    except (ValueError, RecursionError):  # numbers of thousands of digits, deep nesting
        text = f"TikTok returned no valid response (HTTP {response.status_code}). Try again later."
        raise SignInError(text) from None
    return body if isinstance(body, dict) else {}


def exchange(attempt: Attempt, consent: Consent, host: str) -> dict[str, Any]:
    """The token response: access_token, expires_in (s), refresh_token, refresh_expires_in (s), open_id, scope.

    Raises:
        SignInError: when it does not have both tokens, whatever its status.
    """
    response: dict[str, Any] = post_token_form(host, attempt.form(consent))
    if has_tokens(response):
        return response
    raise attempt.refusal(response, consent.code)


def has_tokens(response: Mapping[str, Any]) -> bool:
    """Whether a token response is a success: it has both tokens, as non-empty text."""
    tokens = [response.get(name) for name in TOKENS]
    return all(isinstance(token, str) and token for token in tokens)


def credentials(attempt: Attempt, tokens: Mapping[str, Any]) -> dict[str, str]:
    """What stands under `credentials` in the connector's config; dates in UTC, with their offset."""
    content = {
        "auth_type": "oauth2.0",
        "client_key": attempt.client_key,
        "client_secret": attempt.client_secret,
        "refresh_token": tokens["refresh_token"],
        "access_token": tokens["access_token"],
        "token_expiry_date": renewal_date(tokens.get("expires_in")),
        # The connector has no use for it; --check has.
        "refresh_token_expiry_date": expiry_date(tokens.get("refresh_expires_in")),
    }
    return {name: value for name, value in content.items() if value}


def renewal_date(lifetime: Any) -> str | None:
    """When the connector should refresh the token, a little before it expires; None for an invalid lifetime (s)."""
    seconds = _seconds(lifetime)
    return expiry_date(seconds - min(60, seconds / 10)) if seconds else None


def expiry_date(lifetime: Any) -> str | None:
    """When a lifetime (s) that starts now is over; None for an invalid one."""
    seconds = _seconds(lifetime)
    if not seconds:
        return None
    try:
        return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return None


def _seconds(lifetime: Any) -> float:
    try:
        return max(0.0, float(lifetime))
    except (TypeError, ValueError, OverflowError):
        return 0.0


def account_name(user: Any) -> str:
    """The name of an account, as far as a response of `user/info` has it: `Some Body @somebody`."""
    names = [user.get("display_name"), user.get("username")] if isinstance(user, dict) else []
    display_name, username = (name if isinstance(name, str) else "" for name in names or ("", ""))
    return printable(" ".join(filter(None, (display_name, username and f"@{username}"))))


def printable(text: str) -> str:
    """`text` without what could steer a terminal, 300 characters at most."""
    return "".join(c for c in text if c.isprintable())[:300]


def _consent_page() -> str:
    flow = manifest()["spec"]["advanced_auth"]["oauth_config_specification"]["oauth_connector_input_specification"]
    return str(flow["consent_url"]).partition("?")[0]
