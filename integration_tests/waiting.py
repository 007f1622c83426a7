"""Waits with a timeout, for tests that need a process at a certain moment."""

import time
from collections.abc import Callable
from typing import Any

_clock = time.monotonic  # skipped_time.py may put another one in its place, which runs ahead


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until a condition holds; the test fails if it does not within this time."""
    end = _clock() + seconds
    while not condition():
        assert _clock() < end, f"not within {seconds} s"
        time.sleep(0.02)
