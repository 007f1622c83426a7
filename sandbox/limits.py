"""The rate limit of each endpoint: a sliding window, and a lock for a client that goes on asking."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from sandbox.errors import data_error
from sandbox.settings import Settings

_LONGEST_LOCK = 3_600.0  # s


class RateLimits:
    """Requests of the app to each endpoint within a sliding window.

    Attributes:
        limit: requests that one window allows; 0 for no limit.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._counted: defaultdict[str, deque[float]] = defaultdict(deque)
        self._locked_until: defaultdict[str, float] = defaultdict(float)
        self.limit = settings.rate_limit

    def reset(self) -> None:
        """Forget all requests and locks, and go back to the limit of the settings."""
        self._counted.clear()
        self._locked_until.clear()
        self.limit = self._settings.rate_limit

    def set_limit(self, limit: int) -> None:
        """Change the limit; requests made so far go on counting."""
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            raise ValueError(f"The limit must be an integer of 0 or more, not {limit!r}.")
        self.limit = limit

    def admit(self, path: str) -> None:
        """Count a request or refuse it."""
        if not self.limit:
            return
        now = self._clock()
        refused = self._locked_until[path] > now or self._full(path, now)
        if not refused or self._settings.count_refused:
            self._counted[path].append(now)
        if refused:
            self._lock(path, now)
            raise data_error("rate_limit_exceeded")

    def _full(self, path: str, now: float) -> bool:
        counted = self._counted[path]
        while counted and counted[0] <= now - self._settings.rate_window:
            counted.popleft()
        return len(counted) >= self.limit

    def _lock(self, path: str, now: float) -> None:
        """Lock the endpoint, or double the rest of its lock."""
        rest = self._locked_until[path] - now
        length = 2 * rest if rest > 0 else self._settings.rate_lock
        self._locked_until[path] = now + min(length, _LONGEST_LOCK)
