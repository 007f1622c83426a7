"""Sends responses: completely, in pieces, or only partly."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.messages import Response
from sandbox.settings import Settings

_Sender = Callable[[web.BaseRequest, web.StreamResponse, bytes, Settings], Awaitable[web.StreamResponse]]

# s for the first half to arrive, because a reset discards data in flight.
_FIRST_HALF_DELAY = 0.05
_TRICKLE_PAUSE = 0.05  # s between two pieces, well below any read timeout


async def send(
    fault: str | None, request: web.BaseRequest, response: Response, settings: Settings
) -> web.StreamResponse:
    """Send the response, or the part that the fault lets through."""
    headers = {**response.headers, "Content-Type": f"{response.content_type}; charset=utf-8"}
    sender = _SENDERS.get(fault or "")
    if sender is not None:
        stream = web.StreamResponse(status=response.status or 200, headers=headers)
        return await sender(request, stream, response.body, settings)
    return web.Response(status=response.status, body=response.body, headers=headers)


async def wait_unless_stopped(stopping: asyncio.Event, seconds: float) -> bool:
    """Wait `seconds`; False if the sandbox stops first."""
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except asyncio.TimeoutError:
        return True
    return False


def reset(request: web.BaseRequest) -> web.StreamResponse:
    """Close the connection with a TCP reset."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


async def _reset_middle(
    request: web.BaseRequest, stream: web.StreamResponse, body: bytes, settings: Settings
) -> web.StreamResponse:
    stream.content_length = len(body)
    await stream.prepare(request)
    await stream.write(body[: len(body) // 2])
    await asyncio.sleep(_FIRST_HALF_DELAY)
    reset(request)
    return stream


async def _drop_response(
    request: web.BaseRequest, stream: web.StreamResponse, body: bytes, settings: Settings
) -> web.StreamResponse:
    return reset(request)


async def _trickle(
    request: web.BaseRequest, stream: web.StreamResponse, body: bytes, settings: Settings
) -> web.StreamResponse:
    """Send pieces of equal size over `trickle_seconds`."""
    stream.content_length = len(body)
    await stream.prepare(request)
    size = max(1, int(len(body) * _TRICKLE_PAUSE / settings.trickle_seconds))
    pause = settings.trickle_seconds * size / max(1, len(body))
    for start in range(0, len(body), size):
        await asyncio.sleep(pause)
        await stream.write(body[start : start + size])
    return stream


_SENDERS: dict[str, _Sender] = {"reset_middle": _reset_middle, "token_lost": _drop_response, "trickle": _trickle}
