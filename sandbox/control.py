"""Control of a sandbox in another process, over HTTP; these requests are not logged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from sandbox.accounts import Account
from sandbox.facts import ALL_SCOPES, CLIENT_KEY, CLIENT_SECRET
from sandbox.faults import check_names
from sandbox.messages import Json, Request, Response, json_response
from sandbox.state import World
from sandbox.tokens import Grant

PREFIX = "/_sandbox/"


def handle(world: World, request: Request) -> Response:
    """Respond to one control request; a wrong one gets a sentence that says why, with status 400."""
    control = _CONTROLS.get((request.method, request.path.removeprefix(PREFIX)))
    if control is None:
        known = ", ".join(f"{method} {PREFIX}{name}" for method, name in _CONTROLS)
        return json_response({"error": f"Unknown control; known: {known}."}, 404)
    try:
        return json_response(control(world, request.body or {}))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return json_response({"error": str(error)}, 400)


def oauth_config(grant: Grant) -> Json:
    """A connector config with a refresh token."""
    return {
        "credentials": {
            "auth_type": "oauth2.0",
            "client_key": CLIENT_KEY,
            "client_secret": CLIENT_SECRET,
            "refresh_token": grant.refresh_token,
        }
    }


def known_scopes(scopes: Any) -> tuple[str, ...]:
    """The scopes as a tuple, in TikTok's order; ValueError for unknown ones."""
    unknown = [scope for scope in scopes if scope not in ALL_SCOPES]
    if unknown or isinstance(scopes, str):
        raise ValueError(f"scopes must be a list of {', '.join(ALL_SCOPES)}, not {scopes!r}.")
    return tuple(scope for scope in ALL_SCOPES if scope in scopes)


def _truth(world: World, body: Json) -> Json:
    accounts = [{"user": account.user, "videos": account.videos} for account in world.accounts]
    return {"accounts": accounts}


def _requests(world: World, body: Json) -> Json:
    return {"requests": [asdict(entry) for entry in world.log]}


def _reset(world: World, body: Json) -> Json:
    """Body: `{}`, as for `revoke` and `expire`."""
    world.reset()
    return {}


def _faults(world: World, body: Json) -> Json:
    """Body: `{"path": "/v2/video/list/", "faults": ["http_500", null]}`."""
    path, names = str(body["path"]), list(body["faults"])
    check_names(path, names)
    world.faults.fail(path, names)
    return {}


def _grant(world: World, body: Json) -> Json:
    """Body, all optional: `{"scopes": [...], "account": "<open_id>"}`."""
    account = _account(world, body.get("account"))
    return oauth_config(world.tokens.grant(account, known_scopes(body.get("scopes", ALL_SCOPES))))


def _revoke(world: World, body: Json) -> Json:
    world.tokens.revoke_access_tokens()
    return {}


def _expire(world: World, body: Json) -> Json:
    world.tokens.expire_refresh_tokens()
    return {}


def _advance(world: World, body: Json) -> Json:
    """Body: `{"seconds": 3600}`."""
    world.clock.advance(float(body["seconds"]))
    return {}


def _rate_limit(world: World, body: Json) -> Json:
    """Body: `{"limit": 30}`, in requests to one endpoint per rate window."""
    world.rate_limits.set_limit(body["limit"])
    return {}


def _post(world: World, body: Json) -> Json:
    """Body, all optional: `{"account": "<open_id>", "create_time": <s>, "title": "…", …}`; responds with the video."""
    account, fields = _account_and_fields(world, body)
    return account.post(fields.pop("create_time", None), **fields)


def _change(world: World, body: Json) -> Json:
    """Body: `{"account": "<open_id>", "id": "…", "like_count": 7, …}`; without an id, fields of the user."""
    account, fields = _account_and_fields(world, body)
    if "id" in fields:
        return account.change(fields.pop("id"), **fields)
    return account.change_user(**fields)


def _delete(world: World, body: Json) -> Json:
    """Body: `{"account": "<open_id>", "id": "…"}`."""
    _account(world, body.get("account")).delete(body["id"])
    return {}


def _account_and_fields(world: World, body: Json) -> tuple[Account, Json]:
    fields = {name: value for name, value in body.items() if name != "account"}
    return _account(world, body.get("account")), fields


def _account(world: World, open_id: str | None) -> Account:
    account = world.accounts[0] if open_id is None else world.account_by_open_id(open_id)
    if account is None:
        raise ValueError(f"No account has the open_id {open_id!r}.")
    return account


_CONTROLS: dict[tuple[str, str], Callable[[World, Json], Json]] = {
    ("GET", "truth"): _truth,
    ("GET", "requests"): _requests,
    ("POST", "reset"): _reset,
    ("POST", "faults"): _faults,
    ("POST", "grant"): _grant,
    ("POST", "revoke"): _revoke,
    ("POST", "expire"): _expire,
    ("POST", "advance"): _advance,
    ("POST", "rate_limit"): _rate_limit,
    ("POST", "post"): _post,
    ("POST", "change"): _change,
    ("POST", "delete"): _delete,
}
