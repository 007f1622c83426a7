"""Probes of the token endpoint. Only the first refresh uses the valid refresh token."""

from __future__ import annotations

from typing import Any

from integration_tests.live.api import Reply
from integration_tests.live.authorization import MADE_UP
from integration_tests.live.probe import Finding, Live, NotSeenError, probe
from sandbox import Settings
from sandbox.facts import TOKEN_PATH

DAY_S = 86_400
ABOUT_S = 60  # tolerance, because a response has the remaining lifetimes
FIELDS = {"access_token", "expires_in", "open_id", "refresh_expires_in", "refresh_token", "scope", "token_type"}


@probe("What is in a token response?", "seven fields, flat", rule="token_response")
def token_response(live: Live) -> Finding:
    names = set(live.tokens.body)
    missing, more = sorted(FIELDS - names), sorted(names - FIELDS)
    seen = f"{len(names)} fields; missing: {', '.join(missing) or 'none'}; others: {', '.join(more) or 'none'}"
    return Finding(seen, agrees=not missing and not more)


@probe("When does an access token expire?", "after 2 h since Nov 2026, 24 h before", rule="lifetimes")
def access_token_lifetime(live: Live) -> Finding:
    left = seconds(live.tokens, "expires_in")
    usual = Settings.access_token_lifetime
    lifetime = usual if abs(left - usual) <= ABOUT_S else left
    return Finding(f"{left:,} s ({left / 3600:.1f} h)", {"access_token_lifetime": lifetime})


@probe("When does a refresh token expire?", "after 180 days since Nov 2026, 365 before", rule="lifetimes")
def refresh_token_lifetime(live: Live) -> Finding:
    left = seconds(live.tokens, "refresh_expires_in")
    usual = Settings.refresh_token_lifetime
    # The remaining lifetime is only a lower bound.
    lifetime = usual if left <= usual + ABOUT_S else max(left, 365 * DAY_S)
    return Finding(f"{left / DAY_S:.1f} days remain", {"refresh_token_lifetime": lifetime})


@probe("Does a refresh token rotate?", "yes: each refresh returns a new one", rule="rotation")
def rotation(live: Live) -> Finding:
    returned = live.tokens.body.get("refresh_token")
    if not isinstance(returned, str) or not returned:
        return Finding("the response has no refresh token", agrees=False)
    rotates = returned != live.authorization.first_refresh_token
    seen = "TikTok returned a new one" if rotates else "TikTok returned the same one"
    return Finding(seen, {"rotate_refresh_tokens": rotates})


@probe("How does an invalid refresh token fail?", "`invalid_grant`, no HTTP status named", rule="token_errors")
def token_error(live: Live) -> Finding:
    reply = _post(live, data=live.authorization.form(MADE_UP))
    settings = {} if reply.code == "ok" else {"token_error_status": reply.status}
    return Finding(str(reply), settings, agrees=reply.code == "invalid_grant")


@probe("How does a wrong client secret fail?", "`invalid_client`", rule="wrong_client")
def wrong_client(live: Live) -> Finding:
    reply = _post(live, data=live.authorization.form(MADE_UP, client_secret="made-up"))
    return Finding(str(reply), agrees=reply.code == "invalid_client")


@probe("Does the token endpoint accept JSON?", "no, forms only", rule="token_forms")
def token_json(live: Live) -> Finding:
    reply = _post(live, json=live.authorization.form(MADE_UP))
    return Finding(_accepted(reply), agrees=reply.code != "invalid_grant")


@probe("Does it accept a charset in the form's content type?", rule="token_charset")
def token_charset(live: Live) -> Finding:
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    reply = _post(live, data=live.authorization.form(MADE_UP), headers=headers)
    return Finding(_accepted(reply), agrees=reply.code == "invalid_grant")


def _accepted(reply: Reply) -> str:
    """Whether the endpoint accepted the request's format: it then rejects the invalid token."""
    return f"{'accepted' if reply.code == 'invalid_grant' else 'rejected'}: {reply}"


def _post(live: Live, **options: Any) -> Reply:
    if not live.authorization.has_refresh_token:
        raise NotSeenError("the config has only an access token")
    return live.api.send("POST", TOKEN_PATH, **options)


def seconds(reply: Reply, name: str) -> int:
    """A lifetime in a token response (s)."""
    value = reply.body.get(name)
    if not isinstance(value, int):
        raise NotSeenError(f"`{name}` is not a number")
    return value
