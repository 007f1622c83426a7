"""Failures that a test asks for by name."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial

from aiohttp import web

from sandbox.errors import DATA_ERRORS, TOKEN_ERRORS, SandboxError, data_error, token_error
from sandbox.facts import DATA_PATHS, OAUTH_PATHS, PATHS, TOKEN_PATH, VIDEO_LIST_PATH
from sandbox.messages import HTML_TYPE, Answer, html_answer

_GATEWAY_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"

# What each fault does. Those of the first three groups also go to any path.
DESCRIPTIONS = {
    # Another answer; the request is not carried out.
    "http_503": "HTTP 503 with a gateway's HTML page",
    "html_502": "HTTP 502 with a gateway's HTML page",
    "html_200": "HTTP 200 with an HTML page",
    "empty_200": "HTTP 200 with no body",
    # The right answer, spoiled on its way; the request is carried out.
    "cut_off_json": "the right answer cut in half, with the Content-Length of that half",
    "wrong_content_type": "the right answer labelled text/html",
    "reset_middle": "the right answer's headers and half of its body, then a reset connection",
    # No answer.
    "reset_before": "a reset connection before any answer; the request is not carried out",
    "hang": "no answer for Settings.hang_seconds or until the sandbox stops, then the right one",
    # Data endpoints.
    "rate_limited": "rate_limit_exceeded with HTTP 429",
    "http_500": "internal_error with HTTP 500",
    "error_in_200": "internal_error with HTTP 200",
    "token_expired": "access_token_invalid with HTTP 401, although the token goes on working",
    "unknown_503": "an error code that is documented nowhere, with HTTP 503",
    "without_id": "the right page of videos, but for the first one's id",
    # Data, token and revoke endpoints.
    "unknown_code": "an error code that is documented nowhere, with HTTP 400",
    # Token and revoke endpoint.
    "token_500": "server_error with HTTP 500",
    "token_lost": "the refresh is done and the old token used up, but the connection is reset before the answer",
}

# The faults of a data endpoint that a repeated request gets past.
PASSING = (
    "rate_limited",
    "http_500",
    "error_in_200",
    "http_503",
    "html_502",
    "html_200",
    "empty_200",
    "cut_off_json",
    "wrong_content_type",
    "reset_before",
    "reset_middle",
)

UNKNOWN = "something_new"
_DATA_FAULTS: dict[str, Callable[[], SandboxError]] = {
    "rate_limited": partial(data_error, "rate_limit_exceeded", status=429),
    "http_500": partial(data_error, "internal_error", status=500),
    "error_in_200": partial(data_error, "internal_error", status=200),
    "token_expired": partial(data_error, "access_token_invalid", status=401),
    "unknown_code": partial(SandboxError, UNKNOWN, "Nobody knows.", "data", 400),
    "unknown_503": partial(SandboxError, UNKNOWN, "Nobody knows.", "data", 503),
    **{code: partial(data_error, code) for code in DATA_ERRORS},
}
_OAUTH_FAULTS: dict[str, Callable[[], SandboxError]] = {
    "token_500": partial(token_error, "server_error", status=500),
    "unknown_code": partial(SandboxError, UNKNOWN, "Nobody knows.", "token", 400),
    **{code: partial(token_error, code) for code in TOKEN_ERRORS},
}
_OTHER_ANSWERS: dict[str, Answer] = {
    "http_503": html_answer(_GATEWAY_PAGE.format("503 Service Temporarily Unavailable"), 503),
    "html_502": html_answer(_GATEWAY_PAGE.format("502 Bad Gateway"), 502),
    "html_200": html_answer("<!doctype html><html><body>Please wait...</body></html>"),
    "empty_200": Answer(200, b""),
}
_ANYWHERE = ("reset_before", "reset_middle", "hang", "cut_off_json", "wrong_content_type", *_OTHER_ANSWERS)

# Time for the first half to arrive, in s: a reset discards what is still on its way.
_HALF_ON_ITS_WAY = 0.05


def names_for(path: str) -> tuple[str, ...]:
    """Names of the faults that a path can meet."""
    if path in DATA_PATHS:
        return (*_ANYWHERE, *_DATA_FAULTS, *(("without_id",) if path == VIDEO_LIST_PATH else ()))
    if path == TOKEN_PATH:
        return (*_ANYWHERE, *_OAUTH_FAULTS, "token_lost")
    return (*_ANYWHERE, *_OAUTH_FAULTS) if path in OAUTH_PATHS else _ANYWHERE


def check_names(path: str, names: Iterable[str | None]) -> None:
    """Refuse faults that would never be played."""
    if path not in PATHS:
        raise ValueError(f"Unknown path {path!r}; known: {', '.join(PATHS)}.")
    known = names_for(path)
    unknown = [name for name in names if name is not None and name not in known]
    if unknown:
        raise ValueError(f"{path} has no fault {', '.join(map(repr, unknown))}; known: {', '.join(sorted(known))}.")


def instead(name: str | None, path: str) -> Answer | None:
    """The answer that a fault gives instead of the right one, or a raised error; None leaves the request alone."""
    if name in _OTHER_ANSWERS:
        return _OTHER_ANSWERS[name]
    errors = _DATA_FAULTS if path in DATA_PATHS else _OAUTH_FAULTS
    if name in errors:
        raise errors[name]()
    return None


def as_read(name: str | None, answer: Answer) -> Answer:
    """The answer as the client gets to read it, which is also what the log keeps."""
    if name == "wrong_content_type":
        return replace(answer, content_type=HTML_TYPE)
    if name == "cut_off_json":
        return replace(answer, body=answer.body[: len(answer.body) // 2], videos=())
    if name == "without_id":
        return replace(answer, body=_without_id(answer.body))
    if name == "reset_middle":
        return replace(answer, videos=())
    return replace(answer, status=0, videos=()) if name == "token_lost" else answer


def _without_id(body: bytes) -> bytes:
    page = json.loads(body)
    for video in page["data"]["videos"][:1]:
        del video["id"]
    return json.dumps(page).encode()


async def send(name: str | None, request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Send the answer, or as much of it as the fault lets through."""
    headers = {**answer.headers, "Content-Type": f"{answer.content_type}; charset=utf-8"}
    way = _WAYS.get(name or "")
    if way is not None:
        return await way(request, web.StreamResponse(status=answer.status or 200, headers=headers), answer.body)
    return web.Response(status=answer.status, body=answer.body, headers=headers)


async def wait_out(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait `seconds`; False when the sandbox stops before."""
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except asyncio.TimeoutError:
        return True
    return False


def reset(request: web.BaseRequest) -> web.StreamResponse:
    """Drop the connection with a TCP reset."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


async def _reset_middle(request: web.BaseRequest, response: web.StreamResponse, body: bytes) -> web.StreamResponse:
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    await asyncio.sleep(_HALF_ON_ITS_WAY)
    reset(request)
    return response


async def _lost(request: web.BaseRequest, response: web.StreamResponse, body: bytes) -> web.StreamResponse:
    return reset(request)


_WAYS: dict[str, Callable[[web.BaseRequest, web.StreamResponse, bytes], Awaitable[web.StreamResponse]]] = {
    "reset_middle": _reset_middle,
    "token_lost": _lost,
}
