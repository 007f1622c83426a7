"""The listener to which TikTok redirects the browser, and the page that it shows."""

import html
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import TypeVar
from urllib.parse import urlsplit

from source_tiktok_organic.sign_in.login_kit import ForeignResponseError, SignInError

T = TypeVar("T")

# A desktop app may use plain http on this machine (developers.tiktok.com/docs/en/login-kit-desktop).
SCHEME, HOST = "http", "127.0.0.1"
PATH = "/callback/"
HTTP_PORT = 80  # which browsers leave out of Host

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; --ink: #161823; --soft: #5b5d66; --paper: #fff; --ground: #f1f1f2; --mark: {mark}; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #f5f5f6; --soft: #b4b5bb; --paper: #1d1e26; --ground: #101117; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }}
main {{ width: 100%; max-width: 27rem; padding: 2rem; background: var(--paper); border-radius: 1rem;
  border-top: .375rem solid var(--mark); }}
h1 {{ margin: 0 0 .5rem; font-size: 1.4rem; line-height: 1.25; }}
p {{ margin: 0; color: var(--soft); overflow-wrap: anywhere; }}
</style></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


class Listener:
    """Waits on 127.0.0.1 for the browser; a context manager.

    Args:
        port: to listen on; 0 for a free one.
        judge: turns a callback's query into what the sign-in needs, or raises a SignInError or ForeignResponseError.
        deliver: gets what `judge` returned, or its SignInError, after the browser has got its page.
        hint: gets what a response without a state may mean.

    Raises:
        SignInError: when the port cannot be used.
    """

    def __init__(
        self,
        port: int,
        judge: Callable[[str], T],
        deliver: Callable[[T | SignInError], None],
        hint: Callable[[str], None],
    ) -> None:
        functions = {"judge": staticmethod(judge), "deliver": staticmethod(deliver), "hint": staticmethod(hint)}
        handler = type("Handler", (_Handler,), functions)
        try:
            self._server = _Server((HOST, port), handler)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else type(error).__name__
            raise SignInError(
                f"Port {port} can't be used ({reason}). Name another with --port, or leave it out to use a free one."
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """The port listened on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingTCPServer):
    # A thread for each connection: browsers open some in advance and leave them idle.
    daemon_threads = True
    # On Windows this would allow two programs to listen on one port.
    allow_reuse_address = os.name == "posix"

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet: all that fails here is a connection that a browser opened and dropped."""


class _Handler(BaseHTTPRequestHandler):
    """Responds to the callback; everything else that a browser may request, such as an icon, is not found."""

    judge: Callable[[str], object]
    deliver: Callable[[object], None]
    hint: Callable[[str], None]
    timeout = 10  # s for a request to arrive

    def do_GET(self) -> None:
        """Show the outcome in the browser, then hand it over; what is not this attempt's changes nothing."""
        url = urlsplit(self.path)
        if url.path != PATH or not self._is_a_visit():
            self._show(HTTPStatus.NOT_FOUND, "Nothing here", "Go on in the tab with TikTok's page.")
            return
        try:
            outcome = self.judge(url.query)
        except ForeignResponseError as error:
            self._ignore(error.hint)
            return
        except SignInError as error:
            outcome = error
            page = (HTTPStatus.BAD_REQUEST, "The authorization failed", str(error))
        else:
            page = (HTTPStatus.OK, "TikTok's response has arrived", "Go back to the terminal. You can close this tab.")
        with suppress(OSError):  # a browser that left does not need the page
            self._show(*page)
        self.deliver(outcome)

    def _is_a_visit(self) -> bool:
        """Whether a tab was led to this address: pages can also embed it, or reach it under a host name of their own.

        Browsers have sent Sec-Fetch-* since 2023.
        """
        port = self.server.server_address[1]  # type: ignore[index]
        own_names = (f"{HOST}:{port}", HOST if port == HTTP_PORT else "")
        mode = self.headers.get("Sec-Fetch-Mode", "navigate")
        destination = self.headers.get("Sec-Fetch-Dest", "document")
        return self.headers.get("Host") in own_names and (mode, destination) == ("navigate", "document")

    def _ignore(self, hint: str) -> None:
        text = f"{hint} The command ignores this response, as its state is missing or differs, and goes on waiting."
        self._show(HTTPStatus.BAD_REQUEST, "This response belongs to another attempt", text.strip())
        if hint:
            self.hint(hint)

    def _show(self, status: HTTPStatus, title: str, text: str) -> None:
        mark = "#12805c" if status == HTTPStatus.OK else "#d6123f"
        page = _PAGE.format(title=html.escape(title), text=html.escape(text), mark=mark).encode()
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Length": str(len(page))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet: the address that the base class would log holds the code."""
