"""The end of the process: after a token refresh that is under way, with its last words, and soon."""

import os
import signal
import threading
import time
from contextlib import suppress
from typing import Any

from airbyte_cdk.logger import PRINT_BUFFER

from source_tiktok_organic.authenticators import TikTokAuthenticator

END_S, REFRESH_S = 4, 3  # by when a process ends after a signal, and how much of it a token refresh may take


def end_by_signal(number: int, _: Any) -> None:
    """End the process by the signal that it got; a second one ends it at once."""
    signal.signal(number, signal.SIG_DFL)
    # In a thread of its own: the main thread, which this handler interrupts, may hold the lock of a line half written.
    threading.Thread(target=end, args=[128 + number, number], daemon=True).start()


def end(exit_code: int, by_signal: int | None = None) -> None:
    """End the process, whatever its threads still wait for."""
    latest = time.monotonic() + END_S
    TikTokAuthenticator.refreshing.acquire(timeout=REFRESH_S)
    last_words = threading.Thread(target=_flush, daemon=True)
    last_words.start()
    last_words.join(None if by_signal is None else latest - time.monotonic())
    if by_signal is not None:
        os.kill(os.getpid(), by_signal)  # does nothing to the first process of a container
    os._exit(exit_code)


def _flush() -> None:
    with suppress(OSError):
        PRINT_BUFFER.flush()
