"""How the command ends: by SIGTERM, by a reader that goes away, and on machines with another C library.

integration_tests/test_process.py does the same to real processes, whose end no coverage can see.
"""

import os
import signal
import threading
from typing import Any

import pytest
from airbyte_cdk.logger import PRINT_BUFFER

from source_tiktok_organic import run
from unit_tests.connector import Connector
from unit_tests.tiktok import OAUTH_CONFIG, TikTok


class Ended(BaseException):
    """The process would have ended with this exit code; nothing on the way may take it for a failure."""


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens at the end, in order; the process goes on."""
    events: list[str] = []

    def end(code: int) -> None:
        events.append(f"exit {code}")
        raise Ended(code)

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(PRINT_BUFFER, "flush", lambda: events.append("flush"))
    monkeypatch.setattr(threading.Timer, "start", lambda timer: events.append(f"{timer.interval} s at most"))
    return events


def test_given_a_reader_that_goes_away_when_run_then_what_is_ready_is_printed_and_the_exit_code_is_that_of_a_pipe(
    flushed: list[str], monkeypatch: pytest.MonkeyPatch, connector: Connector
) -> None:
    def broken(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(run, "launch", broken)
    with pytest.raises(Ended):
        run.run(["discover", "--config", connector.file("config", OAUTH_CONFIG)])
    assert flushed == ["4 s at most", "flush", "exit 141"]


def test_given_a_pipe_that_breaks_at_the_last_words_when_ended_then_it_ends_all_the_same(
    flushed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        flushed.append("no flush")
        raise BrokenPipeError

    monkeypatch.setattr(PRINT_BUFFER, "flush", broken)
    with pytest.raises(Ended):
        run._end(143)
    assert flushed == ["4 s at most", "no flush", "exit 143"]


def test_given_sigterm_when_it_comes_then_a_thread_that_waited_for_it_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(run, "_end", ended.append)
    monkeypatch.setattr(signal, "sigwait", lambda signals: signals[0])
    started = threading.Event()
    monkeypatch.setattr(threading.Thread, "start", lambda thread: (thread.run(), started.set()))
    run._watch_for_sigterm.__wrapped__()
    assert (ended, started.is_set()) == ([143], True)


def test_given_a_run_when_it_has_ended_then_sigterm_is_as_it_was_before(tiktok: TikTok, connector: Connector) -> None:
    """Programs that are started later would inherit a blocked signal, and could not be ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    connector.spec()
    connector.check({})
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


@pytest.mark.parametrize("platform", ["darwin", "linux"])
def test_given_another_c_library_when_run_then_its_memory_is_left_alone(
    platform: str, monkeypatch: pytest.MonkeyPatch, connector: Connector
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert connector.spec().exit_code == 0
