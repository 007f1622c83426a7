"""The end of the process: after a token refresh that is under way, with its last words, and soon."""

import os
import signal
import threading
from contextlib import suppress
from typing import Any

from airbyte_cdk.logger import PRINT_BUFFER

from source_tiktok_organic.authenticators import TikTokAuthenticator

REFRESH_S, LAST_WORDS_S = 3.5, 1  # how long to wait for a token refresh, and, after a signal, for a slow reader


def end_by_signal(number: int, _: Any) -> None:
    """End the process by the signal that it got; a second one ends it at once."""
    signal.signal(number, signal.SIG_DFL)
    # In a thread of its own: the main thread, which this handler interrupts, may hold the lock of a line half written.
    threading.Thread(target=end, args=[128 + number, number], daemon=True).start()


def end(exit_code: int, by_signal: int | None = None) -> None:
    """End the process, whatever its threads still wait for."""
    TikTokAuthenticator.refreshing.acquire(timeout=REFRESH_S)
    last_words = threading.Thread(target=_flush, daemon=True)
    last_words.start()
    last_words.join(None if by_signal is None else LAST_WORDS_S)
    if by_signal is not None:
        os.kill(os.getpid(), by_signal)  # does nothing to the first process of a container
    os._exit(exit_code)


def _flush() -> None:
    with suppress(OSError):
        PRINT_BUFFER.flush()
