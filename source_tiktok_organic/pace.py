"""The rate that TikTok admits, found out while reading. Named in manifest.yaml under `api_budget`."""

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import airbyte_cdk as cdk

logger = logging.getLogger("airbyte")
LONGEST_SLEEP_S, LONGEST_PAUSE_S, SIGN_OF_LIFE_S, PROBE_LOST_S = 1, 120, 30, 130


@dataclass
class LearningAPIBudget(cdk.AbstractAPIBudget):
    """Lets requests to one endpoint pass at the rate that TikTok admits, whichever that is.

    Why not YAML: the documented 600 a minute are not what every app gets (429 after some dozens of pages, seen live in
    2026), and the CDK's policies do not learn. Here a refusal blocks all requests. After a pause, which
    doubles with each refusal, a single request, the probe, is sent. If the first one is admitted, the refusal was a
    stray one, unless another came within a window before. Otherwise the limit is what was admitted in the window before
    the refusal, and probes wait for room. It grows in doubling steps after two full windows without refusal.
    """

    requests_per_window: int  # the limit at the start, and the highest it can become
    window_in_seconds: float  # sliding; a little longer than TikTok's, as a request needs time to arrive
    patience_in_seconds: float  # how long to go on while nothing at all is admitted

    def __post_init__(self) -> None:
        self._limit = self._said = self.requests_per_window
        self._sent, self._admitted = deque[float](), deque[float]()
        self._refused, self._probe = set[Any](), None
        # Times of time.monotonic() in s; 0: never, or not now.
        self._closed_until = self._refused_since = self._steady_since = self._last_sign = self._probe_lost_at = 0.0
        self._pause, self._step, self._lock = 1, 1, threading.Lock()
        self._probed = threading.Condition(self._lock)
        self.is_over = False  # the stream has failed: nobody needs to wait any more
        self._limit_if_stray: int | None = None  # the limit to restore if the refusal turns out to be a stray one

    def get_matching_policy(self, request: Any) -> None:
        """There are no policies."""

    def update_from_response(self, request: Any, response: Any) -> None:
        """Does nothing: only the code that reads the response knows, see `learn`."""

    def acquire_call(self, request: Any, block: bool = True, timeout: float | None = None) -> None:
        """Return when the request may be sent; raises AirbyteTracedException once the stream has failed."""
        while (wait := self._take(request, time.monotonic())) > 0:
            if self.is_over:
                raise cdk.AirbyteTracedException("not sent, as the stream has failed")
            if self._probe is None:
                time.sleep(min(wait, LONGEST_SLEEP_S))
            else:
                with self._probed:
                    self._probed.wait(LONGEST_SLEEP_S)

    def learn(self, request: Any, refused: bool) -> None:
        """Take note whether a request that got a response was refused for the limit."""
        with self._lock:
            now, tried = time.monotonic(), request is self._probe
            if tried:
                self._probe = None
                self._probed.notify_all()
            if refused:
                self._refused.add(request)
                self._close(now) if tried or not self._closed_until else None
                return
            self._admitted.append(now)
            if tried:
                self._open(now)
            elif self._closed_until:  # sent before the refusal
                self._limit = min(len(self._admitted), self.requests_per_window)

    def is_refused(self, request: Any) -> bool:
        """Whether a request was refused for the limit when it was last sent."""
        return request in self._refused

    def has_stalled(self) -> bool:
        """Whether everything has been refused for longer than the patience."""
        return 0 < self._refused_since < time.monotonic() - self.patience_in_seconds

    def _take(self, request: Any, now: float) -> float:
        """Count a request as sent and return 0, or return how long to wait (s)."""
        with self._lock:
            wait = max(0 if self._limit_if_stray else self._room_in(now), self._closed_until - now)
            if wait <= 0 and self._closed_until and self._probe not in (None, request) and now < self._probe_lost_at:
                wait = LONGEST_SLEEP_S
            if wait <= 0:
                self._sent.append(now)
                self._refused.discard(request)
                self._probe = request if self._closed_until else None
                self._probe_lost_at = now + PROBE_LOST_S
            elif now - self._last_sign > SIGN_OF_LIFE_S:
                self._last_sign = now
                logger.info(f"Waiting for TikTok's request limit; the next request follows in about {wait:.0f} s.")
            return wait

    def _room_in(self, now: float) -> float:
        self._forget(now)
        is_full, calm_since = len(self._sent) >= self._limit, now - 2 * self.window_in_seconds
        if is_full and not self._closed_until and 0 < self._steady_since < calm_since:
            self._limit = min(self._limit + self._step, self.requests_per_window)
            self._step, self._steady_since = self._step * 2, now
        return self._sent[-self._limit] + self.window_in_seconds - now if len(self._sent) >= self._limit else 0

    def _forget(self, now: float) -> None:
        for times in (self._sent, self._admitted):
            while times and times[0] <= now - self.window_in_seconds:
                times.popleft()

    def _close(self, now: float) -> None:
        self._forget(now)
        if self._closed_until:
            self._limit_if_stray = None
        else:
            self._limit_if_stray = self._limit if self._steady_since <= now - self.window_in_seconds else None
            self._refused_since, self._pause, self._step = now, 1, 1
        self._limit = max(1, min(self._limit, len(self._admitted)))
        self._closed_until, self._pause = now + self._pause, min(self._pause * 2, LONGEST_PAUSE_S)

    def _open(self, now: float) -> None:
        self._closed_until, self._refused_since, self._steady_since = 0, 0, now
        self._limit, self._limit_if_stray = self._limit_if_stray or self._limit, None
        if self._limit < 0.8 * self._said:
            self._said, rate = self._limit, round(self._limit * 60 / self.window_in_seconds)
            logger.info(f"TikTok admits about {rate} requests a minute of this app; the sync is paced to it.")
