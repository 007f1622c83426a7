"""The sandbox's mutable state: clock, log, planned faults."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.accounts import Account, make_accounts
from sandbox.limits import RateLimits
from sandbox.messages import Request, Response
from sandbox.settings import Settings
from sandbox.tokens import TokenStore


@dataclass
class LoggedRequest:
    """One request in the order of arrival.

    Attributes:
        at: arrival, in epoch s of the sandbox's clock.
        body: parsed JSON, a dict of form fields, or text; None when empty.
        status: HTTP status of the response; 0 if none was sent.
        fault: name of the applied fault, None for none.
        error_code: TikTok's error code, None for a successful response.
        videos: ids of the videos that the client could read from the response.
        violation: what the client did wrong, None for nothing.
        log_id: the log id in the response.
    """

    at: float
    method: str
    path: str
    query: dict[str, str]
    body: Any
    fault: str | None
    log_id: str
    status: int = 0
    error_code: str | None = None
    videos: tuple[str, ...] = ()
    violation: str | None = None


class Clock:
    """The sandbox's time in epoch s: runs like a real clock; a test can move it forward."""

    def __init__(self, start: int | None) -> None:
        self.start = int(time.time()) if start is None else start
        self._started = time.monotonic()
        self._jumped = 0.0

    def __call__(self) -> float:
        """Now, in epoch s."""
        return self.start + time.monotonic() - self._started + self._jumped

    def advance(self, seconds: float) -> None:
        """Jump forward by `seconds`."""
        self._jumped += seconds

    def reset(self) -> None:
        """Undo all jumps."""
        self._jumped = 0.0


class FaultPlan:
    """The planned faults, by path and request."""

    def __init__(self) -> None:
        self._next: defaultdict[str, deque[str | None]] = defaultdict(deque)
        self._by_ordinal: defaultdict[str, dict[int, str]] = defaultdict(dict)

    def reset(self) -> None:
        """Remove all planned faults."""
        self._next.clear()
        self._by_ordinal.clear()

    def fail(self, path: str, names: Iterable[str | None]) -> None:
        """Plan a fault for each of the next requests; None lets one request succeed."""
        self._next[path].extend(names)

    def fail_on(self, path: str, names: Mapping[int, str]) -> None:
        """Plan faults by the ordinal of the request to the path, counted from 1 since the start or the last reset."""
        self._by_ordinal[path].update(names)

    def take(self, path: str, ordinal: int) -> str | None:
        """The fault of this request; a fault planned by ordinal takes precedence over the queue."""
        planned = self._by_ordinal[path].pop(ordinal, None)
        if planned is not None or not self._next[path]:
            return planned
        return self._next[path].popleft()


class World:
    """All state of one sandbox. Threads other than the server's must hold `lock` to read or change it."""

    def __init__(self, settings: Settings) -> None:
        self.lock = threading.RLock()
        self.settings = settings
        self.clock = Clock(settings.now)
        self.accounts: tuple[Account, ...] = make_accounts(settings, self.clock.start, self.clock)
        self.tokens = TokenStore(settings, self.clock)
        self.rate_limits = RateLimits(settings, self.clock)
        self.faults = FaultPlan()
        self.log: list[LoggedRequest] = []
        self.in_flight_peaks: Counter[str] = Counter()
        self.connections = 0  # TCP connections accepted
        self._ordinals: Counter[str] = Counter()
        self._in_flight: Counter[str] = Counter()
        self._log_ids = 0
        self._grant_fixed()

    def reset(self) -> None:
        """Reset everything but the accounts and the requests in flight."""
        for component in (self.clock, self.tokens, self.rate_limits, self.faults):
            component.reset()
        self.log.clear()
        self._ordinals.clear()
        self.in_flight_peaks.clear()
        self.connections = 0
        self._grant_fixed()

    def _grant_fixed(self) -> None:
        if self.settings.fixed_tokens:
            for number, account in enumerate(self.accounts):
                self.tokens.grant_fixed(account, number)

    def account_by_open_id(self, open_id: str) -> Account | None:
        """The account with this open_id, or None."""
        return next((account for account in self.accounts if account.open_id == open_id), None)

    def arrive(self, request: Request) -> LoggedRequest:
        """Log a request on arrival and select its fault."""
        self._ordinals[request.path] += 1
        self._in_flight[request.path] += 1
        self.in_flight_peaks[request.path] = max(self.in_flight_peaks[request.path], self._in_flight[request.path])
        fault = self.faults.take(request.path, self._ordinals[request.path])
        entry = LoggedRequest(
            self.clock(), request.method, request.path, request.query, request.body, fault, self._new_log_id()
        )
        self.log.append(entry)
        return entry

    def leave(self, entry: LoggedRequest) -> None:
        """Remove a request from those in flight."""
        self._in_flight[entry.path] -= 1

    @staticmethod
    def record(entry: LoggedRequest, response: Response) -> None:
        """Complete the log entry before the client can see the response."""
        entry.status = response.status
        entry.error_code = response.error_code
        entry.videos = response.videos
        entry.violation = response.violation and f"{entry.method} {entry.path}: {response.violation}"

    def _new_log_id(self) -> str:
        """A unique id of 34 characters in TikTok's form: 14 digits of UTC time and 20 hexadecimal digits."""
        self._log_ids += 1
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(self.clock()))
        return f"{stamp}{self._log_ids * 0x9E3779B97F4A7C15F39C % 16**20:020X}"
