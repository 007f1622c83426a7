"""The rate limit of each endpoint: a window, periods in which all is refused, and a lock for a client that goes on."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from sandbox.errors import data_error
from sandbox.settings import Settings

_LONGEST_LOCK = 3_600.0  # s


class RateLimits:
    """Requests of the app to each endpoint within a window, sliding or fixed.

    Attributes:
        limit: requests that one window allows; 0 for no limit.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._counted: defaultdict[str, deque[float]] = defaultdict(deque)
        self._locked_until: defaultdict[str, float] = defaultdict(float)
        self._first_at: dict[str, float] = {}
        self._refused_between: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        self.limit = settings.rate_limit

    def reset(self) -> None:
        """Forget all requests, locks and periods, and go back to the limit of the settings."""
        self._counted.clear()
        self._locked_until.clear()
        self._first_at.clear()
        self._refused_between.clear()
        self.limit = self._settings.rate_limit

    def set_limit(self, limit: int) -> None:
        """Change the limit; requests made so far go on counting."""
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            raise ValueError(f"The limit must be an integer of 0 or more, not {limit!r}.")
        self.limit = limit

    def refuse_between(self, path: str, start: float, end: float) -> None:
        """Refuse all requests from `start` to `end`, both in s since the first request to the endpoint."""
        if not 0 <= start < end:
            raise ValueError(f"The period must be from 0 s or later to a later time, not from {start} to {end}.")
        self._refused_between[path].append((start, end))

    def admit(self, path: str) -> None:
        """Count a request or refuse it."""
        now = self._clock()
        refused = self._in_a_refused_period(path, now) or self._over_the_limit(path, now)
        if self.limit and (not refused or self._settings.count_refused):
            self._counted[path].append(now)
        if refused:
            self._lock(path, now)
            raise data_error("rate_limit_exceeded")

    def _in_a_refused_period(self, path: str, now: float) -> bool:
        since_first = now - self._first_at.setdefault(path, now)
        return any(start <= since_first < end for start, end in self._refused_between[path])

    def _over_the_limit(self, path: str, now: float) -> bool:
        if not self.limit:
            return False
        return self._locked_until[path] > now or self._full(path, now)

    def _full(self, path: str, now: float) -> bool:
        counted = self._counted[path]
        while counted and self._has_left(counted[0], now):
            counted.popleft()
        return len(counted) >= self.limit

    def _has_left(self, counted_at: float, now: float) -> bool:
        """Whether a request counts no longer."""
        window = self._settings.rate_window
        if self._settings.rate_fixed_windows:
            return counted_at // window < now // window
        return counted_at <= now - window

    def _lock(self, path: str, now: float) -> None:
        """Lock the endpoint, or double the rest of its lock."""
        rest = self._locked_until[path] - now
        length = 2 * rest if rest > 0 else self._settings.rate_lock
        self._locked_until[path] = now + min(length, _LONGEST_LOCK)
