"""The HTTP server: routes requests to the endpoints and plays the faults, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from aiohttp import web

from sandbox import control, faults, oauth
from sandbox.api import ENDPOINTS, Endpoint
from sandbox.errors import SandboxError, bad_params
from sandbox.facts import AUTHORIZE_PATH, REVOKE_PATH, TOKEN_PATH
from sandbox.messages import Answer, Call
from sandbox.state import LoggedRequest, World

_ROUTES: dict[str, Endpoint] = {
    AUTHORIZE_PATH: oauth.authorize,
    TOKEN_PATH: oauth.token,
    REVOKE_PATH: oauth.revoke,
    **ENDPOINTS,
}
_SCHEME, _HOST = "http", "127.0.0.1"
_START_TIMEOUT = 10.0  # s
_SHUTDOWN_TIMEOUT = 0.2  # s that requests in flight get when the server stops


class Server:
    """Serves a world on 127.0.0.1 from a daemon thread."""

    def __init__(self, world: World, port: int = 0) -> None:
        self._world = world
        self._port = port
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._stop: Callable[[], None] = lambda: None
        self.base_url = ""

    def start(self) -> None:
        """Return when requests are answered; OSError when the port is taken."""
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT):
            raise TimeoutError("The sandbox did not start.")
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Drop what is in flight and return when the port is free."""
        self._stop()
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        # The low-level server: no router and no middleware between a request and its endpoint.
        runner = web.ServerRunner(web.Server(self._respond, access_log=None), shutdown_timeout=_SHUTDOWN_TIMEOUT)
        await runner.setup()
        try:
            await web.TCPSite(runner, _HOST, self._port).start()
            self.base_url = f"{_SCHEME}://{_HOST}:{runner.addresses[0][1]}"
            self._stop = lambda: _call_in(loop, self._stopping.set)
            self._ready.set()
            await self._stopping.wait()
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()
            await runner.cleanup()

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        query = tuple(request.rel_url.query.items())
        call = Call(request.method, request.path, query, request.headers, await request.read())
        if call.path == "/favicon.ico":
            return web.Response(status=204)
        if call.path.startswith(control.PREFIX):
            with self._world.lock:
                return await faults.send(None, request, control.handle(self._world, call))
        with self._world.lock:
            entry = self._world.arrive(call)
        try:
            return await self._play(request, call, entry)
        finally:
            with self._world.lock:
                self._world.leave(entry)

    async def _play(self, request: web.BaseRequest, call: Call, entry: LoggedRequest) -> web.StreamResponse:
        settings = self._world.settings
        if settings.latency and call.path != AUTHORIZE_PATH:
            await asyncio.sleep(settings.latency)
        hung = entry.fault == "hang"
        if entry.fault == "reset_before" or (hung and not await faults.wait_out(self._stopping, settings.hang_seconds)):
            return faults.reset(request)
        with self._world.lock:
            answer = faults.as_read(entry.fault, _answer(self._world, call, entry))
            self._world.record(entry, answer)
        return await faults.send(entry.fault, request, answer)


def _answer(world: World, call: Call, entry: LoggedRequest) -> Answer:
    try:
        endpoint = _ROUTES.get(call.path)
        if endpoint is None:
            raise bad_params("the path is unknown", status=404)
        return faults.instead(entry.fault, call.path) or endpoint(world, call, entry.log_id)
    except SandboxError as error:
        return error.answer(world.settings, entry.log_id)


def _call_in(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(action)
