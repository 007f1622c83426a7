"""How a response travels: whole, in pieces, or not to its end."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox.messages import Response
from sandbox.settings import Settings

_Way = Callable[[web.BaseRequest, web.StreamResponse, bytes, Settings], Awaitable[web.StreamResponse]]

# Time for the first half to arrive, in s: a reset discards what is still on its way.
_HALF_ON_ITS_WAY = 0.05
_TRICKLE_PAUSE = 0.05  # s between two pieces, well below any timeout between two bytes


async def send(
    fault: str | None, request: web.BaseRequest, response: Response, settings: Settings
) -> web.StreamResponse:
    """Send the response, or as much of it as the fault lets through."""
    headers = {**response.headers, "Content-Type": f"{response.content_type}; charset=utf-8"}
    way = _WAYS.get(fault or "")
    if way is not None:
        stream = web.StreamResponse(status=response.status or 200, headers=headers)
        return await way(request, stream, response.body, settings)
    return web.Response(status=response.status, body=response.body, headers=headers)


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


async def _reset_middle(
    request: web.BaseRequest, stream: web.StreamResponse, body: bytes, settings: Settings
) -> web.StreamResponse:
    stream.content_length = len(body)
    await stream.prepare(request)
    await stream.write(body[: len(body) // 2])
    await asyncio.sleep(_HALF_ON_ITS_WAY)
    reset(request)
    return stream


async def _lost(
    request: web.BaseRequest, stream: web.StreamResponse, body: bytes, settings: Settings
) -> web.StreamResponse:
    return reset(request)


async def _trickle(
    request: web.BaseRequest, stream: web.StreamResponse, body: bytes, settings: Settings
) -> web.StreamResponse:
    """Send pieces of one size, so that the whole body takes `trickle_seconds`."""
    stream.content_length = len(body)
    await stream.prepare(request)
    size = max(1, int(len(body) * _TRICKLE_PAUSE / settings.trickle_seconds))
    pause = settings.trickle_seconds * size / max(1, len(body))
    for start in range(0, len(body), size):
        await asyncio.sleep(pause)
        await stream.write(body[start : start + size])
    return stream


_WAYS: dict[str, _Way] = {"reset_middle": _reset_middle, "token_lost": _lost, "trickle": _trickle}
