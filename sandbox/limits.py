"""The rate limit of each endpoint: a window, periods without any accepted request, and a lock.

The lock doubles for a client that keeps sending.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from sandbox.errors import data_error
from sandbox.settings import Settings

_LONGEST_LOCK = 3_600.0  # s


class RateLimits:
    """Counts the app's requests to each endpoint within a window, sliding or fixed.

    Attributes:
        limit: requests that one window allows; 0 for no limit.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._counted: defaultdict[str, deque[float]] = defaultdict(deque)
        self._locked_until: defaultdict[str, float] = defaultdict(float)
        self._first_at: dict[str, float] = {}
        self._rejected_periods: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        self.limit = settings.rate_limit

    def reset(self) -> None:
        """Forget all requests, locks and periods, and restore the limit of the settings."""
        self._counted.clear()
        self._locked_until.clear()
        self._first_at.clear()
        self._rejected_periods.clear()
        self.limit = self._settings.rate_limit

    def set_limit(self, limit: int) -> None:
        """Change the limit; earlier requests still count."""
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            raise ValueError(f"The limit must be an integer of 0 or more, not {limit!r}.")
        self.limit = limit

    def reject_between(self, path: str, start: float, end: float) -> None:
        """Reject all requests from `start` to `end`, both in s since the first request to the endpoint."""
        if not 0 <= start < end:
            raise ValueError(f"The period must be from 0 s or later to a later time, not from {start} to {end}.")
        self._rejected_periods[path].append((start, end))

    def accept(self, path: str) -> None:
        """Accept and count a request, or raise the rate limit error."""
        now = self._clock()
        rejected = self._in_rejected_period(path, now) or self._over_the_limit(path, now)
        if self.limit and (not rejected or self._settings.count_refused):
            self._counted[path].append(now)
        if rejected:
            self._lock(path, now)
            raise data_error("rate_limit_exceeded")

    def _in_rejected_period(self, path: str, now: float) -> bool:
        since_first = now - self._first_at.setdefault(path, now)
        return any(start <= since_first < end for start, end in self._rejected_periods[path])

    def _over_the_limit(self, path: str, now: float) -> bool:
        if not self.limit:
            return False
        return self._locked_until[path] > now or self._full(path, now)

    def _full(self, path: str, now: float) -> bool:
        counted = self._counted[path]
        while counted and self._left_window(counted[0], now):
            counted.popleft()
        return len(counted) >= self.limit

    def _left_window(self, counted_at: float, now: float) -> bool:
        """Whether a request is too old to count."""
        window = self._settings.rate_window
        if self._settings.rate_fixed_windows:
            return counted_at // window < now // window
        return counted_at <= now - window

    def _lock(self, path: str, now: float) -> None:
        """Lock the endpoint, or double the remaining time of its lock."""
        remaining = self._locked_until[path] - now
        length = 2 * remaining if remaining > 0 else self._settings.rate_lock
        self._locked_until[path] = now + min(length, _LONGEST_LOCK)
