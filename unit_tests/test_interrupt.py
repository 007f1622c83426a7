"""Ctrl-C in `make sync`."""

import signal
from contextlib import suppress

import pytest

from examples.sync import interrupt


def test_ctrl_c_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a run that continues after PyAirbyte has swallowed a KeyboardInterrupt."""
    monkeypatch.setattr(interrupt, "_received", [])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupt.install_handler()
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert interrupt.was_interrupted()
    finally:
        signal.signal(signal.SIGINT, before)
