"""Control requests of the benchmarks, over HTTP, to a sandbox in another process; they are not logged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from sandbox.facts import ALL_SCOPES
from sandbox.messages import Json, Request, Response, json_response
from sandbox.state import World

PREFIX = "/_sandbox/"


def handle(world: World, request: Request) -> Response:
    """Respond to one control request."""
    control = _CONTROLS.get((request.method, request.path.removeprefix(PREFIX)))
    if control is None:
        return json_response({"error": "Unknown control."}, 404)
    return json_response(control(world))


def _truth(world: World) -> Json:
    return {"accounts": [{"user": account.user, "videos": account.videos} for account in world.accounts]}


def _requests(world: World) -> Json:
    return {"requests": [asdict(entry) for entry in world.log]}


def _reset(world: World) -> Json:
    world.reset()
    return {}


def _grant(world: World) -> Json:
    """A connector config of the first account with all scopes."""
    return world.tokens.grant(world.accounts[0], ALL_SCOPES).config


_CONTROLS: dict[tuple[str, str], Callable[[World], Json]] = {
    ("GET", "truth"): _truth,
    ("GET", "requests"): _requests,
    ("POST", "reset"): _reset,
    ("POST", "grant"): _grant,
}
