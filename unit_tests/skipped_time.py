"""Skips waits in tests: instead of sleeping, `time.monotonic()` runs ahead, for the connector and a sandbox alike.

Start-up and waits take seconds, which is too long for a property that is tested on hundreds of accounts.
"""

import time

_sleep = time.sleep
_monotonic = time.monotonic
_LONGEST_SLEEP_S = 0.002  # not 0, so that a waiting thread lets others run
_skipped = [0.0]  # s that were not slept


def run_ahead() -> None:
    """Let time.monotonic() skip the waits: before a sandbox starts, and after frozen time, which resets the clock."""
    time.monotonic = _ahead


def skip(seconds: float) -> None:
    """Let the time pass that `time.sleep` would have slept."""
    _skipped[0] += max(0.0, seconds - _LONGEST_SLEEP_S)
    _sleep(min(seconds, _LONGEST_SLEEP_S))


def _ahead() -> float:
    return _monotonic() + _skipped[0]
