"""The end of the process: after a token refresh that is under way, with the state of what was read, and soon."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from airbyte_cdk.logger import PRINT_BUFFER

from source_tiktok_organic.authenticators import TikTokAuthenticator

# After a signal, a process waits for a token refresh under way, and then for its output to be read: together less than
# the 10 s after which Docker kills it.
REFRESH_S, OUTPUT_S, END_S = 8, 4, 9.5
# What to do on a signal before the process ends; each gets the seconds that are left.
on_signal: list[Callable[[float], None]] = []


def end_by_signal(number: int, _: Any) -> None:
    """End the process by the signal that it got; a second one ends it at once."""
    signal.signal(number, signal.SIG_DFL)
    # In a thread of its own: the main thread, which this handler interrupts, may hold the lock of a line half written.
    threading.Thread(target=end, args=[128 + number, number], daemon=True).start()


def end(exit_code: int, by_signal: int | None = None) -> None:
    """End the process, whatever its threads still wait for."""
    killed_at = time.monotonic() + END_S
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
