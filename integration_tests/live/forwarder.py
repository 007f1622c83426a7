"""Forwards the connector's requests to TikTok: counts them, and adds a valid access token."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any

import requests

from integration_tests.live import LiveError
from integration_tests.live.api import Reply
from integration_tests.live.probe import Live, NotSeenError

STOPPED = Reply(400, {"error": {"code": "run_stopped", "message": "", "log_id": ""}})


class Forwarder:
    """A local proxy for TikTok, as a context manager.

    Attributes:
        stopped: the error after which it forwards no more requests, or None.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self.stopped: Exception | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False  # wait for a token refresh in progress
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Forwarder:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forward(self, method: str, path: str, query: str, sent: Any) -> Reply | None:
        """TikTok's response; None if there is none."""
        if self.stopped:
            return STOPPED
        try:
            return self._live.forward(method, path, query=query, **({} if sent is None else {"json": sent}))
        except requests.exceptions.RequestException:
            return None
        except (LiveError, NotSeenError) as error:
            self.stopped = error
            return STOPPED

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        forwarder = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5  # s; a kept-alive connection must not outlive the server

            def forward(self) -> None:
                path, _, query = self.path.partition("?")
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                reply = forwarder.forward(self.command, path, query, json.loads(body) if body else None)
                if reply is None:
                    return
                text = json.dumps(reply.body).encode()
                self.send_response(reply.status)
                for name, value in reply.limit_headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = forward  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
