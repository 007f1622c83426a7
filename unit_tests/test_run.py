"""How the command exits: with its exit code, on a signal, and when its reader goes away.

integration_tests/test_process.py does the same with real processes, whose exit coverage cannot measure.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import airbyte_cdk
import pytest
from airbyte_cdk.logger import PRINT_BUFFER

from source_tiktok_organic import run, shutdown
from source_tiktok_organic.authenticators import TikTokAuthenticator
from unit_tests.connector import Connector
from unit_tests.tiktok import OAUTH_CONFIG, TikTok


class Exited(BaseException):
    """The process would have exited; nothing in between may handle it as a failure."""


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What happens at the exit, in order; the process itself continues."""
    found: list[str] = []

    def exit_process(code: int) -> None:
        found.append(f"exit {code}")
        raise Exited(code)

    def flush() -> None:
        with PRINT_BUFFER.lock:
            found.append("flush")

    for name in ("stdout", "__stdout__", "excepthook"):  # run() replaces them
        monkeypatch.setattr(sys, name, getattr(sys, name))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(shutdown, "on_signal", [])
    monkeypatch.setattr(os, "_exit", exit_process)
    monkeypatch.setattr(os, "kill", lambda pid, number: found.append(f"kill {number} {pid == os.getpid()}"))
    monkeypatch.setattr(PRINT_BUFFER, "flush", flush)
    yield found
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for lock in (TikTokAuthenticator.refreshing, PRINT_BUFFER.lock):  # the process would have exited with them
        while lock._is_owned():
            lock.release()


def run_command(monkeypatch: pytest.MonkeyPatch, *argv: str) -> None:
    """Run the command until it exits."""
    monkeypatch.setattr(sys, "argv", ["source-tiktok-organic", *argv])
    with pytest.raises(Exited):
        run.run()


def test_successful_command_exits_with_0(events: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "execute", lambda argv: len(argv) - 1)
    run_command(monkeypatch, "spec")
    assert events == ["flush", "exit 0"]


@pytest.mark.parametrize(
    ("error", "code", "reported"),
    [(BrokenPipeError(), 141, []), (ValueError("x"), 1, ["ValueError"]), (MemoryError(), 1, ["MemoryError"])],
)
def test_error_is_reported_before_the_exit(
    error: Exception, code: int, reported: list[str], events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Any) -> int:
        raise error

    monkeypatch.setattr(run, "execute", broken)
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: events.append(kind.__name__))
    run_command(monkeypatch, "spec")
    assert events == [*reported, "flush", f"exit {code}"]


def test_process_exits_on_a_full_disk(events: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the report nor the last lines can be written."""

    def broken(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(run, "execute", broken)
    monkeypatch.setattr(sys, "excepthook", broken)
    monkeypatch.setattr(PRINT_BUFFER, "flush", broken)
    run_command(monkeypatch, "spec")
    assert events == ["exit 1"]


def test_closed_pipe_exits_with_141(events: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(airbyte_cdk, "launch", broken)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(OAUTH_CONFIG))
    run_command(monkeypatch, "discover", "--config", str(config))
    assert events == ["flush", "exit 141"]


@pytest.mark.parametrize("argv", [["--help"], [], ["nonsense"]], ids=["help", "nothing", "nonsense"])
def test_help_exits_with_0_and_invalid_options_with_2(
    argv: list[str], events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_flush_output", lambda is_over: None)  # after a SystemExit nothing else would exit here
    monkeypatch.setattr(sys, "argv", ["source-tiktok-organic", *argv])
    with pytest.raises((SystemExit, Exited)) as raised:
        run.run()
    code = raised.value.code if isinstance(raised.value, SystemExit) else raised.value.args[0]
    assert (code or 0) == (2 if argv == ["nonsense"] else 0)


def test_both_signals_are_handled(events: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "execute", lambda _: 0)
    run_command(monkeypatch, "spec")
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == [shutdown.exit_by_signal] * 2


def test_stdout_is_utf8_whatever_the_locale(events: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Some locales cannot encode every caption."""
    monkeypatch.setattr(run, "execute", lambda _: sys.stdout.write("🐕") * 0)
    with open(os.dup(sys.stdout.fileno()), "w", encoding="ascii") as narrow:
        monkeypatch.setattr(sys, "stdout", narrow)
        run_command(monkeypatch, "spec")
        assert sys.stdout.encoding == sys.__stdout__.encoding == "utf-8"
        sys.stdout.flush()  # while its descriptor is open: Python 3.13 reports later errors
    assert events == ["flush", "exit 0"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_exits_the_process_from_a_thread(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """The main thread, which the handler interrupts, may hold the lock of a line half written."""
    found: list[Any] = []
    others = threading.enumerate()
    before = signal.signal(number, shutdown.exit_by_signal)
    monkeypatch.setattr(shutdown, "exit_process", lambda *a: found.append((threading.current_thread().name, a)))
    try:
        signal.raise_signal(number)
        for thread in threading.enumerate():
            if thread not in others:
                thread.join(timeout=10)
        assert signal.getsignal(number) is signal.SIG_DFL  # a second signal exits at once
    finally:
        signal.signal(number, before)
    ((name, arguments),) = found
    assert name != threading.main_thread().name
    assert arguments == (128 + number, number)


def test_process_exits_by_the_received_signal(events: list[str]) -> None:
    """The first process of a container survives a signal sent to itself; then the exit code shows it."""
    with pytest.raises(Exited):
        shutdown.exit_process(143, signal.SIGTERM)
    assert events == ["flush", f"kill {signal.SIGTERM} True", "exit 143"]


def held_in_another_thread(lock: Any, events: list[str]) -> tuple[threading.Event, threading.Thread]:
    """Hold a lock in another thread until the event is set."""
    release, held = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            release.wait(10)
            events.append("released")

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert held.wait(10)
    return release, thread


def exit_while_held(lock: Any, events: list[str], exit_code: int) -> None:
    """Exit while another thread holds the lock for 0.2 s more."""
    release, thread = held_in_another_thread(lock, events)
    threading.Timer(0.2, release.set).start()
    with pytest.raises(Exited):
        shutdown.exit_process(exit_code)
    thread.join()


def test_exit_waits_for_a_token_refresh(events: list[str]) -> None:
    """Killed between TikTok's response and the CONTROL message, the only valid refresh token would be lost."""
    exit_while_held(TikTokAuthenticator.refreshing, events, 143)
    assert events == ["released", "flush", "exit 143"]


def test_exit_does_not_wait_forever(events: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """For a refresh that hangs, or a reader that has stopped reading."""
    monkeypatch.setattr(shutdown, "REFRESH_S", 0.01)
    monkeypatch.setattr(shutdown, "EXIT_S", 0.01)
    first, _ = held_in_another_thread(TikTokAuthenticator.refreshing, events)
    second, _ = held_in_another_thread(PRINT_BUFFER.lock, events)
    try:
        with pytest.raises(Exited):
            shutdown.exit_process(143, signal.SIGTERM)
        assert events == [f"kill {signal.SIGTERM} True", "exit 143"]
    finally:
        first.set()
        second.set()


def test_exit_comes_before_docker_kills_the_process() -> None:
    """Ten seconds after SIGTERM."""
    assert 0 < shutdown.OUTPUT_S < shutdown.REFRESH_S < shutdown.EXIT_S < 10


def test_signal_emits_the_state_before_the_exit(events: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the remaining time."""
    monkeypatch.setattr(shutdown, "time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setattr(shutdown, "on_signal", [lambda seconds: events.append(f"state within {seconds:g} s")])
    with pytest.raises(Exited):
        shutdown.exit_process(143, signal.SIGTERM)
    assert events == [f"state within {shutdown.OUTPUT_S} s", "flush", f"kill {signal.SIGTERM} True", "exit 143"]


def test_exit_without_a_signal_emits_no_state(events: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream has emitted its last one."""
    monkeypatch.setattr(shutdown, "on_signal", [lambda _: events.append("state")])
    with pytest.raises(Exited):
        shutdown.exit_process(0)
    assert events == ["flush", "exit 0"]


def test_unwritable_state_does_not_hang_the_exit(events: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """When the reader of stdout has stopped reading."""
    read = threading.Event()
    monkeypatch.setattr(shutdown, "EXIT_S", 0.1)
    monkeypatch.setattr(shutdown, "on_signal", [lambda _: read.wait(10)])
    with pytest.raises(Exited):
        shutdown.exit_process(143, signal.SIGTERM)
    assert events == [f"kill {signal.SIGTERM} True", "exit 143"]
    read.set()


def test_command_registers_the_state_for_signals(connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    launched: list[Any] = []
    monkeypatch.setattr(airbyte_cdk, "launch", lambda source, _: launched.append(source))
    connector.read(OAUTH_CONFIG)
    assert shutdown.on_signal == [launched[0].emit_state]


def test_exit_without_a_signal_waits_for_a_slow_reader(events: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As every program does: the output of a finished sync is not cut off."""
    monkeypatch.setattr(shutdown, "EXIT_S", 0.01)
    exit_while_held(PRINT_BUFFER.lock, events, 0)
    assert events == ["released", "flush", "exit 0"]


def test_token_refresh_holds_the_lock_until_it_is_stored(tiktok: TikTok, connector: Connector) -> None:
    """The lock that the exit waits for."""
    held: list[bool] = []

    def token(*_: Any) -> Any:
        def try_it() -> None:
            taken = TikTokAuthenticator.refreshing.acquire(blocking=False)
            held.append(not taken)
            if taken:
                TikTokAuthenticator.refreshing.release()

        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
        return {"access_token": "act.fresh", "refresh_token": "rft.second", "expires_in": 7200}

    tiktok.with_an_account().responds("token", {"json": token})
    assert connector.check(OAUTH_CONFIG).of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert held == [True]


def test_check_reports_a_config_error_as_its_result(connector: Connector) -> None:
    outcome = connector.check({})
    (status,) = outcome.of("CONNECTION_STATUS")
    assert (outcome.exit_code, status["status"], outcome.of("TRACE")) == (0, "FAILED", [])
