"""The requests of a run, as plain as they can be: paced, counted, with timeouts, and no redirect is followed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from integration_tests.live import Json, LiveError

TIMEOUT_S = (10, 30)
GAP_S = 1.1  # between two requests: real apps met 429 with back-to-back pages, and none at a page a second
WINDOW_S = 61  # after a refusal: a second more than the documented window
BUDGET = 150  # requests
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CODE = re.compile(r"[A-Za-z_]{1,60}")
_LIMIT_HEADER = re.compile(r"retry-after|.*rate-?limit.*", re.IGNORECASE)


class BudgetSpentError(LiveError):
    """No further request may be made."""


class UnreachableError(LiveError):
    """No response came."""


@dataclass(frozen=True)
class Reply:
    """A response of TikTok's.

    Attributes:
        body: the JSON object; empty when there is none.
        limit_headers: names of headers that tell of a limit.
    """

    status: int
    body: Json = field(default_factory=dict)
    limit_headers: frozenset[str] = frozenset()

    @property
    def code(self) -> str:
        """`ok`, or TikTok's code of the error, of either form; empty when there is none that can be read."""
        error = self.body.get("error")
        code = error.get("code") if isinstance(error, dict) else error
        if code is None and self.body.get("access_token"):
            return "ok"
        return code if isinstance(code, str) and _CODE.fullmatch(code) else ""

    @property
    def data(self) -> Json:
        """What a good response holds."""
        data = self.body.get("data")
        return data if isinstance(data, dict) else {}

    def __str__(self) -> str:
        """Status and code, such as "HTTP 400 `invalid_params`"."""
        return f"HTTP {self.status} " + (f"`{self.code}`" if self.code else "without a code")


@dataclass
class Api:
    """Sends requests to TikTok, or to a sandbox.

    Attributes:
        budget: how many requests may be made.
        clock, sleep: in s.
        watch: is told of each response, with the path and the JSON that was sent.
        used: how many requests were made, those of the connector among them.
        refused: how many of them met a limit.
    """

    base_url: str
    budget: int = BUDGET
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    watch: Callable[[str, Any, Reply], None] = lambda path, sent, reply: None
    used: int = 0
    refused: int = 0
    limit_headers: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self._gap = GAP_S
        if urlsplit(self.base_url).hostname in LOOPBACK:
            self._gap, self._session.trust_env = 0.0, False  # no proxy
        self._next = 0.0

    def spend(self, count: int = 1) -> None:
        """Count requests before they are made."""
        if self.used + count > self.budget:
            raise BudgetSpentError(
                f"The run ends here: it has made {self.used} requests, of {self.budget} that it may make."
            )
        self.used += count

    def send(self, method: str, path: str, *, query: str = "", paced: bool = True, **options: Any) -> Reply:
        """Send one request; `query` goes out as it is.

        One that meets a limit is sent again after the documented window, twice at most, unless it is not `paced`.

        Raises:
            UnreachableError: when no response comes.
        """
        reply = self._once(method, path, query, paced, options)
        for _ in range(2 if paced else 0):
            if reply.code != "rate_limit_exceeded":
                break
            self.sleep(WINDOW_S)
            reply = self._once(method, path, query, paced, options)
        return reply

    def _once(self, method: str, path: str, query: str, paced: bool, options: Any) -> Reply:
        self.spend()
        if paced and self._gap:
            self.sleep(max(0.0, self._next - self.clock()))
            self._next = self.clock() + self._gap
        url = f"{self.base_url}{path}?{query}" if query else self.base_url + path
        try:
            response = self._session.request(method, url, timeout=TIMEOUT_S, allow_redirects=False, **options)
            reply = _reply(response)
        except requests.exceptions.RequestException as error:
            raise UnreachableError(f"no response ({type(error).__name__})") from None
        self.refused += reply.code == "rate_limit_exceeded"
        self.limit_headers |= reply.limit_headers
        self.watch(path, options.get("json"), reply)
        return reply


def _reply(response: requests.Response) -> Reply:
    headers = frozenset(name.lower() for name in response.headers if _LIMIT_HEADER.fullmatch(name))
    try:
        body = response.json()
    except (requests.exceptions.JSONDecodeError, RecursionError):
        body = None
    return Reply(response.status_code, body if isinstance(body, dict) else {}, headers)
