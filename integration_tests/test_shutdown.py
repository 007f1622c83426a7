"""However a process exits, it does so within seconds, with complete lines and without losing a token."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import StartSandbox
from integration_tests.waiting import wait_for
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.command_result import read_outcome
from unit_tests.connector import SCRIPT, Command, InProcess

Commands = Callable[[Sandbox], Command]
SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["sigterm", "ctrl_c"])
MOST_S = 5


def start_read(run: Command, config: Any, stdout: Path, **environment: str) -> "subprocess.Popen[bytes]":
    """A `read` whose output goes to a file."""
    env = {**os.environ, "TIKTOK_API_BASE_URL": run.base_url, **environment}
    with stdout.open("w") as file:
        return subprocess.Popen([SCRIPT, "read", *run.files(config)], env=env, stdout=file, stderr=subprocess.PIPE)


def wait_for_exit(process: "subprocess.Popen[bytes]", seconds: float = MOST_S) -> tuple[int, str]:
    """Exit code and stderr of a process, which must exit in time."""
    try:
        _, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return process.returncode, err.decode()


@SIGNALS
def test_signal_exits_the_process_by_that_signal(
    number: signal.Signals, start_sandbox: StartSandbox, command: Commands, tmp_path: Path
) -> None:
    """PyAirbyte treats -15 as an early stop, and an exit code of 143 as a failure."""
    sandbox = start_sandbox(videos=2000, latency=0.3)
    process = start_read(command(sandbox), sandbox.config(), tmp_path / "out")
    wait_for(lambda: len(sandbox.requests_to(LIST)) > 15)
    process.send_signal(number)
    assert wait_for_exit(process) == (-number, "")
    outcome = read_outcome((tmp_path / "out").read_text(), 0)  # every line is a message
    assert (outcome.errors, len(outcome.records("videos")) > 0) == ([], True)


@SIGNALS
def test_signal_waits_for_a_token_refresh(
    number: signal.Signals, start_sandbox: StartSandbox, command: Commands, tmp_path: Path
) -> None:
    """The old refresh token is no longer valid: a process that exited now would lose the only valid one."""
    sandbox = start_sandbox(videos=2, token_latency=6.0)
    process = start_read(command(sandbox), sandbox.config(), tmp_path / "out")
    wait_for(lambda: sandbox.requests_to(TOKEN))
    time.sleep(0.3)
    process.send_signal(number)
    assert wait_for_exit(process, 10) == (-number, "")
    (config,) = read_outcome((tmp_path / "out").read_text(), 0).configs
    resumed = InProcess(sandbox.base_url).read(
        {**config, "credentials": {**config["credentials"], "access_token": ""}}, "user_info"
    )
    assert (resumed.exit_code, len(resumed.configs)) == (0, 1)


@SIGNALS
def test_signal_exits_the_process_without_a_reader(
    number: signal.Signals, start_sandbox: StartSandbox, command: Commands
) -> None:
    sandbox = start_sandbox(videos=2000)
    run = command(sandbox)
    env = {**os.environ, "TIKTOK_API_BASE_URL": sandbox.base_url}
    with subprocess.Popen([SCRIPT, "read", *run.files(sandbox.config())], env=env, stdout=subprocess.PIPE) as process:
        wait_for(lambda: sandbox.requests_to(LIST))
        time.sleep(2)  # the pipe fills
        process.send_signal(number)
        try:
            assert process.wait(MOST_S) == -number
        finally:
            process.kill()


def test_first_process_of_a_container_exits_with_143() -> None:
    """The kernel drops signals that the first process of a container sends to itself."""
    code = (
        "import os, signal, sys, time\nfrom source_tiktok_organic import shutdown\n"
        "os.kill = lambda *_: None\nsignal.signal(signal.SIGTERM, shutdown.exit_by_signal)\n"
        "signal.raise_signal(signal.SIGTERM)\ntime.sleep(30)"
    )
    process = subprocess.run([sys.executable, "-c", code], timeout=20, check=False)
    assert process.returncode == 143


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 KB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "t", folder], check=False).returncode
    ):
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_full_disk_stops_the_process(small_disk: Path, start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=2000)
    process = start_read(command(sandbox), sandbox.config(), small_disk / "out")
    wait_for(lambda: process.poll() is not None or (small_disk / "out").stat().st_size > 390_000)
    exit_code, stderr = wait_for_exit(process)
    assert (exit_code, "No space left on device" in stderr) == (1, True)
    *complete, _ = (small_disk / "out").read_text(errors="replace").splitlines()  # the last line is cut off
    assert len([json.loads(line) for line in complete]) > 50


def test_any_locale_can_emit_every_caption(start_sandbox: StartSandbox, command: Commands, tmp_path: Path) -> None:
    sandbox = start_sandbox(videos=60)
    config = sandbox.config()
    process = start_read(command(sandbox), config, tmp_path / "out", PYTHONIOENCODING="ascii", LANG="C", LC_ALL="C")
    assert wait_for_exit(process, 30) == (0, "")
    outcome = read_outcome((tmp_path / "out").read_text(encoding="utf-8"), 0)
    assert {v["title"] for v in outcome.records("videos")} == {v["title"] for v in sandbox.account.videos}


def test_error_in_the_main_thread_exits_the_process(
    start_sandbox: StartSandbox, tmp_path: Path, command: Commands
) -> None:
    """Twenty workers wait to put records on the queue when the main thread, which reads it, dies."""
    sandbox = start_sandbox(videos=2000)
    run = command(sandbox)
    code = (
        "from source_tiktok_organic import run\nfrom airbyte_cdk import AirbyteEntrypoint\n"
        "original, seen = AirbyteEntrypoint.handle_record_counts, []\n"
        "def broken(message, counter):\n    seen.append(1)\n    if len(seen) > 150: raise RuntimeError('broken')\n"
        "    return original(message, counter)\n"
        "AirbyteEntrypoint.handle_record_counts = staticmethod(broken)\nrun.run()"
    )
    run.program = (sys.executable, "-c", code)
    process = run.start("read", *run.files(sandbox.config()))
    out, err = process.communicate(timeout=30)
    outcome = read_outcome(out, process.returncode, err)
    assert (outcome.exit_code, outcome.errors[-1][0]) == (1, "system_error")
    assert outcome.stderr == "RuntimeError: broken\n"
