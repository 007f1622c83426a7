"""Records Ctrl-C: PyAirbyte may lose the KeyboardInterrupt, because the same signal stops the connector."""

from __future__ import annotations

import signal
from typing import Any

_received: list[int] = []


def install_handler() -> None:
    """Record Ctrl-C from now on; if it is ignored, as in a shell's background job, keep ignoring it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _handle)


def was_interrupted() -> bool:
    """Whether Ctrl-C may have caused a failure."""
    return bool(_received)


def _handle(number: int, _: Any) -> None:
    _received.append(number)
    raise KeyboardInterrupt
