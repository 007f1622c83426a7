"""Exits the process: soon, but not during a token refresh, and with the state of what was read."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from airbyte_cdk.logger import PRINT_BUFFER

from source_tiktok_organic.authenticators import TikTokAuthenticator

# How long a signalled process waits for a running token refresh, and then for its output to be read. Docker kills it
# 10 s after SIGTERM, so both together must take less.
REFRESH_S, OUTPUT_S, EXIT_S = 8, 4, 9.5
# Called on a signal, before the process exits; each gets the seconds that are left.
on_signal: list[Callable[[float], None]] = []


def exit_by_signal(number: int, _: Any) -> None:
    """Exit by the signal that the process got; a second signal stops it at once."""
    signal.signal(number, signal.SIG_DFL)
    # In a new thread: this handler interrupts the main thread, which may hold the lock of a half-written line.
    threading.Thread(target=exit_process, args=[128 + number, number], daemon=True).start()


def exit_process(exit_code: int, by_signal: int | None = None) -> None:
    """Exit, whatever the other threads are waiting for."""
    killed_at = time.monotonic() + EXIT_S
    TikTokAuthenticator.refreshing.acquire(timeout=REFRESH_S)
    latest = min(killed_at, time.monotonic() + OUTPUT_S)
    actions = on_signal if by_signal is not None else []
    output = threading.Thread(target=_finish_output, args=[actions, latest], daemon=True)
    output.start()
    output.join(None if by_signal is None else latest - time.monotonic())
    if by_signal is not None:
        os.kill(os.getpid(), by_signal)  # does nothing to the first process of a container
    os._exit(exit_code)


def _finish_output(actions: list[Callable[[float], None]], latest: float) -> None:
    for action in actions:
        action(latest - time.monotonic())
    with suppress(OSError):
        PRINT_BUFFER.flush()
