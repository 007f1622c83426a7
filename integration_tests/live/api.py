"""Sends the requests of a run: paced, counted, with timeouts, and without following redirects."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from integration_tests.live import Json, LiveError
from sandbox.facts import TOKEN_PATH, USER_INFO_PATH, VIDEO_LIST_PATH, VIDEO_QUERY_PATH
from source_tiktok_organic.responses import parse

TIMEOUT_S = (10, 30)
GAP_S = 1.1  # between two requests: real apps got 429 with back-to-back pages, and none at a page a second
WINDOW_S = 61  # wait after a 429: a second more than the documented window
RETRIES_S = (2, 8)  # waits before retries of a request without an answer
WAITS_FOR_LIMIT = 2
CLIENT_ERRORS = range(400, 500)
MINUTE_S = 60
BUDGET = 150  # requests
LOOPBACK = ("localhost", "127.0.0.1", "::1")
TIKTOK, CONSENT_HOST = "https://open.tiktokapis.com", "https://www.tiktok.com"
_CODE = re.compile(r"[A-Za-z_]{1,60}")
_LIMIT_HEADER = re.compile(r"retry-after|.*rate-?limit.*", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9.]{1,12}")


class BudgetSpentError(LiveError):
    """The budget of requests is used up."""


class UnansweredError(LiveError):
    """TikTok gave no answer to the question, even after retries."""


@dataclass(frozen=True)
class Reply:
    """A response from TikTok.

    Attributes:
        body: the JSON object; empty if there is none.
        limit_headers: rate limit headers by name; values that are not numbers are empty.
    """

    status: int
    body: Json = field(default_factory=dict)
    limit_headers: Json = field(default_factory=dict)

    @property
    def code(self) -> str:
        """`ok`, or TikTok's error code, in either format; "" if the response has no valid code."""
        error = self.body.get("error")
        code = error.get("code") if isinstance(error, dict) else error
        if code is None and self.body.get("access_token"):
            return "ok"
        return code if isinstance(code, str) and _CODE.fullmatch(code) else ""

    @property
    def data(self) -> Json:
        """The response's `data`, empty if there is none."""
        data = self.body.get("data")
        return data if isinstance(data, dict) else {}

    @property
    def is_limited(self) -> bool:
        """Whether the request was rate-limited."""
        return self.code == "rate_limit_exceeded" or self.status == requests.codes.too_many_requests

    def __str__(self) -> str:
        """Status and code, such as "HTTP 400 `invalid_params`"."""
        return f"HTTP {self.status} " + (f"`{self.code}`" if self.code else "without a code")


@dataclass
class Limit:
    """A rate limit that a run hit at one endpoint; times in s.

    Attributes:
        accepted: requests of this run that the endpoint accepted before.
        in_a_minute: how many of them in the last minute.
        at: time of the first rejection.
        rejected: number of consecutive rejections.
        after: from the first rejection to the next accepted request, if there was one.
        headers: the rate limit headers.
    """

    path: str
    accepted: int
    in_a_minute: int
    at: float
    headers: Json
    rejected: int = 1
    after: float | None = None

    def __str__(self) -> str:
        """One sentence."""
        counts = f"{self.in_a_minute} in the last minute, {self.accepted} in total"
        then = "accepted none after it" if self.after is None else f"accepted the next {self.after:.0f} s later"
        headers = ", ".join(f"`{name}: {value}`" for name, value in sorted(self.headers.items())) or "none"
        return (
            f"`{self.path}` rejected a request after accepting {counts}; it {then} ({self.rejected} rejected); "
            f"rate limit headers: {headers}"
        )


@dataclass
class Api:
    """Sends requests to TikTok, or to a sandbox.

    Attributes:
        budget: maximum number of requests.
        clock, sleep: in s.
        watch: called with each response, its path and the JSON that was sent.
        used: number of requests so far, including the connector's.
        limits: each rate limit that the run hit.
        transient: responses that did not answer the question, such as internal errors, and were retried.
    """

    base_url: str
    budget: int = BUDGET
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    watch: Callable[[str, Any, Reply], None] = lambda path, sent, reply: None
    used: int = 0
    limits: list[Limit] = field(default_factory=list)
    limit_headers: set[str] = field(default_factory=set)
    transient: list[Reply] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self._gap = GAP_S
        if urlsplit(self.base_url).hostname in LOOPBACK:
            self._gap = 0.0
            self._session.trust_env = False  # no proxy
        self._next = 0.0
        self._lock = threading.Lock()
        self._accepted: defaultdict[str, list[float]] = defaultdict(list)
        self._open: dict[str, Limit] = {}

    @property
    def rejected(self) -> int:
        """Number of rate-limited requests."""
        return sum(limit.rejected for limit in self.limits)

    def send(self, method: str, path: str, *, query: str = "", paced: bool = True, **options: Any) -> Reply:
        """Send a request until TikTok answers the question; `query` is sent unchanged.

        Retries a request if its response does not answer the question. Retries a rate-limited request after the
        documented window, unless it is not `paced`.

        Raises:
            UnansweredError: if there is no answer after the last retry.
        """
        waits = list(RETRIES_S)
        waits_for_limit = WAITS_FOR_LIMIT
        while True:
            try:
                reply = self.once(method, path, query, paced, **options)
                reason = str(reply)
            except requests.exceptions.RequestException as error:
                reply = None
                reason = f"no response ({type(error).__name__})"
            if reply and reply.is_limited:
                if not paced:
                    return reply
                if not waits_for_limit:
                    raise UnansweredError("TikTok's rate limit was still exceeded")
                waits_for_limit -= 1
                self.sleep(WINDOW_S)
                continue
            if reply and is_answer(path, query, reply):
                return reply
            if reply:
                self.transient.append(reply)
            if not waits and reply and reply.status in CLIENT_ERRORS:
                return reply  # TikTok may respond to an unknown request with an HTML page
            if not waits:
                raise UnansweredError(f"{reason}, {len(RETRIES_S) + 1} times")
            self.sleep(waits.pop(0))

    def once(self, method: str, path: str, query: str = "", paced: bool = True, **options: Any) -> Reply:
        """Send a request once; raises the exceptions of `requests`."""
        url = f"{self.base_url}{path}" + (f"?{query}" if query else "")
        response = self._request(method, url, paced, hooks={"response": _without_location}, **options)
        return self.record(path, options.get("json"), _reply(response))

    def record(self, path: str, sent: Any, reply: Reply) -> Reply:
        """Record a response to a counted request."""
        with self._lock:
            self._record_limit(path, reply)
            self.limit_headers |= set(reply.limit_headers)
            self.watch(path, sent, reply)
        return reply

    def count(self) -> None:
        """Count a request before sending it."""
        with self._lock:
            if self.used >= self.budget:
                raise BudgetSpentError(f"The run stopped: it used the budget of {self.budget} requests.")
            self.used += 1

    def consent_page(self, **query: str) -> str:
        """The consent page's response to an invalid request: its address and its text."""
        host = CONSENT_HOST if self.base_url == TIKTOK else self.base_url
        try:
            response = self._request("GET", f"{host}/v2/auth/authorize/", True, params=query)
        except requests.exceptions.RequestException as error:
            raise UnansweredError(f"no response ({type(error).__name__})") from None
        return f"{response.headers.get('Location', '')}\n{response.text}"

    def _request(self, method: str, url: str, paced: bool, **options: Any) -> requests.Response:
        self.count()
        if paced and self._gap:
            self.sleep(max(0.0, self._next - self.clock()))
            self._next = self.clock() + self._gap
        return self._session.request(method, url, timeout=TIMEOUT_S, allow_redirects=False, **options)

    def _record_limit(self, path: str, reply: Reply) -> None:
        now = self.clock()
        limit = self._open.get(path)
        if not reply.is_limited:
            self._accepted[path].append(now)
            if limit:
                limit.after = now - limit.at
                del self._open[path]
        elif limit:
            limit.rejected += 1
            limit.headers.update(reply.limit_headers)
        else:
            times = self._accepted[path]
            in_a_minute = sum(time > now - MINUTE_S for time in times)
            self._open[path] = Limit(path, len(times), in_a_minute, now, dict(reply.limit_headers))
            self.limits.append(self._open[path])


def is_answer(path: str, query: str, reply: Reply) -> bool:
    """Whether a response answers the question, instead of showing a gateway error or another transient one."""
    if path == TOKEN_PATH:
        return reply.status < 500 and reply.code not in ("", "server_error", "temporarily_unavailable")
    if reply.status >= 500 or reply.code == "internal_error":
        return False
    if reply.code == "ok":
        return reply.status < 300 and _is_complete(path, re.split("[=,&]", query), reply)
    return bool(reply.code)


def _is_complete(path: str, query: list[str], reply: Reply) -> bool:
    """Whether a successful response has the required fields of its endpoint."""
    data = reply.data
    if path == USER_INFO_PATH:
        user = data.get("user")
        return isinstance(user, dict) and ("open_id" not in query or "open_id" in user)
    videos = data.get("videos")
    if path in (VIDEO_LIST_PATH, VIDEO_QUERY_PATH) and isinstance(videos, list):
        has_ids = "id" not in query or all(isinstance(video, dict) and "id" in video for video in videos)
        return has_ids and (path == VIDEO_QUERY_PATH or isinstance(data.get("has_more"), bool))
    return path == VIDEO_LIST_PATH and not videos and data.get("has_more") is False


def _without_location(response: requests.Response, **_: Any) -> requests.Response:
    """Remove the redirect target: some make `requests` fail, even if it does not follow them."""
    response.headers.pop("Location", None)
    return response


def _reply(response: requests.Response) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items() if _LIMIT_HEADER.fullmatch(name)}
    numbers = {name: value if _NUMBER.fullmatch(value) else "" for name, value in headers.items()}
    return Reply(response.status_code, parse(response.content), numbers)
