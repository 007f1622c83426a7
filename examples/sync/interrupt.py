"""Ctrl-C, remembered: PyAirbyte may lose the KeyboardInterrupt, as the connector ends by the same signal."""

from __future__ import annotations

import signal
from typing import Any

_noted: list[int] = []


def remember() -> None:
    """From now on, remember Ctrl-C; where it is ignored, as in a shell's background, it stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _note)


def was_pressed() -> bool:
    """Whether a failure may come of Ctrl-C."""
    return bool(_noted)


def _note(number: int, _: Any) -> None:
    _noted.append(number)
    raise KeyboardInterrupt
