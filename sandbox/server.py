"""The HTTP server: routes requests to the endpoints and applies faults, in its own thread."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable

from aiohttp import web

from sandbox import control, faults, oauth, transport
from sandbox.api import ENDPOINTS, Endpoint
from sandbox.corrupt import as_received
from sandbox.errors import SandboxError, bad_params
from sandbox.facts import AUTHORIZE_PATH, TOKEN_PATH
from sandbox.messages import Request, Response, json_response
from sandbox.state import LoggedRequest, World

_ROUTES: dict[str, Endpoint] = {
    AUTHORIZE_PATH: oauth.authorize,
    TOKEN_PATH: oauth.token,
    **ENDPOINTS,
    faults.ELSEWHERE_PATH: lambda world, request, log_id: json_response({"data": {}, "error": {"code": "ok"}}),
}
_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_HOST = "127.0.0.1"
_BACKLOG = 128  # connections waiting to be accepted
_ACCEPT_ITERATIONS = 4  # of the event loop, from an accepted connection to its protocol
_START_TIMEOUT = 10.0  # s
_SHUTDOWN_TIMEOUT = 0.2  # s for requests in flight when the server stops


class Server:
    """Serves a world on 127.0.0.1 from a daemon thread.

    Attributes:
        base_url: empty before the start.
    """

    def __init__(self, world: World, ssl_context: ssl.SSLContext | None = None) -> None:
        self._world = world
        self._ssl_context = ssl_context
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="sandbox", daemon=True)
        self._stop: Callable[[], None] = lambda: None
        self.base_url = ""

    def start(self) -> None:
        """Return when the server accepts requests."""
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT):
            raise TimeoutError("The sandbox did not start.")

    def stop(self) -> None:
        """Drop requests in flight and return when the port is free."""
        self._stop()
        self._thread.join()

    async def _serve(self) -> None:
        loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        # The low-level server: no router and no middleware between a request and its endpoint.
        server = _CountingServer(self._world, self._respond)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_TIMEOUT)
        await runner.setup()
        try:
            listening = socket.create_server((_HOST, 0), backlog=_BACKLOG)
            await web.SockSite(runner, listening, ssl_context=self._ssl_context, backlog=_BACKLOG).start()
            scheme = "https" if self._ssl_context else "http"
            self.base_url = f"{scheme}://{_HOST}:{runner.addresses[0][1]}"
            self._stop = lambda: _call_in(loop, self._stopping.set)
            self._ready.set()
            await self._stopping.wait()
            await _stop_accepting(loop, listening)
        finally:
            await runner.cleanup()

    async def _respond(self, web_request: web.BaseRequest) -> web.StreamResponse:
        try:
            request = await _read(web_request)
        except ConnectionResetError:  # the client was killed while sending its request
            return transport.reset(web_request)
        if request.path == "/favicon.ico":
            return web.Response(status=204)
        if request.path.startswith(control.PREFIX):
            with self._world.lock:
                response = control.handle(self._world, request)
            return await transport.send(None, web_request, response, self._world.settings)
        with self._world.lock:
            entry = self._world.arrive(request)
        try:
            return await self._process(web_request, request, entry)
        finally:
            with self._world.lock:
                self._world.leave(entry)

    async def _process(
        self, web_request: web.BaseRequest, request: Request, entry: LoggedRequest
    ) -> web.StreamResponse:
        settings, fault = self._world.settings, entry.fault
        if settings.latency and request.path != AUTHORIZE_PATH:
            await asyncio.sleep(settings.latency)
        hung = fault == "hang"
        if fault == "reset_before" or (
            hung and not await transport.wait_unless_stopped(self._stopping, settings.hang_seconds)
        ):
            return transport.reset(web_request)
        with self._world.lock:
            response = as_received(fault, _response(self._world, request, entry))
            self._world.record(entry, response)
        if settings.token_latency and request.path == TOKEN_PATH:
            await asyncio.sleep(settings.token_latency)
        return await transport.send(fault, web_request, response, settings)


class _CountingServer(web.Server):
    """A server that counts its accepted connections."""

    def __init__(self, world: World, handler: _Handler) -> None:
        super().__init__(handler, access_log=None)
        self._world = world

    def __call__(self) -> web.RequestHandler:
        """Create the protocol of a newly accepted connection."""
        with self._world.lock:
            self._world.connections += 1
        return super().__call__()


async def _read(request: web.BaseRequest) -> Request:
    """Read a request with its complete body."""
    raw_query = request.raw_path.partition("?")[2]
    query = tuple(request.rel_url.query.items())
    return Request(request.method, request.path, query, request.headers, await request.read(), raw_query)


def _response(world: World, request: Request, entry: LoggedRequest) -> Response:
    try:
        endpoint = _ROUTES.get(request.path)
        if endpoint is None:
            raise bad_params("the path is unknown", status=404)
        other = faults.replacement(entry.fault, request.path, entry.log_id)
        return other or endpoint(world, request, entry.log_id)
    except SandboxError as error:
        return error.response(world.settings, entry.log_id)


async def _stop_accepting(loop: asyncio.AbstractEventLoop, listening: socket.socket) -> None:
    """Stop accepting and finish accepted connections; otherwise, closing the server would leak sockets."""
    loop.remove_reader(listening)
    for _ in range(_ACCEPT_ITERATIONS):
        await asyncio.sleep(0)


def _call_in(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(action)
