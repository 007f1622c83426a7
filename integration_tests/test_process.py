"""The process as the platform sees it: killed, stopped, not read from, run for an hour, given a very large account."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from integration_tests.command import Command, HurriedCommand
from integration_tests.conftest import StartSandbox
from integration_tests.in_process import InProcess, ids_there_are, video_ids
from integration_tests.waiting import wait_for
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.outcome import Outcome

Commands = Callable[[Sandbox], Command]
Process = subprocess.Popen[str]


@contextmanager
def running(process: Process) -> Iterator[Process]:
    """Keep a process from outliving its test."""
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def printed(out: str) -> Outcome:
    """What a process printed; every line must be a whole message."""
    assert out == "" or out.endswith("\n")
    return Outcome([json.loads(line) for line in out.splitlines()])


def rest_of(process: Process) -> str:
    """What is left on stdout."""
    assert process.stdout is not None
    return process.stdout.read()


def terminated(process: Process, when: Callable[[], Any]) -> tuple[Outcome, str]:
    """The output of a process that gets SIGTERM once `when` holds; it is read throughout, so that nothing blocks."""
    with ThreadPoolExecutor() as pool:
        everything = pool.submit(process.communicate)
        wait_for(when)
        process.terminate()
        out, err = everything.result(timeout=5)
    return printed(out), err


def test_terminated_sync_leaves_usable_states(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=1200, latency=0.4)
    run, options = command(sandbox), {"start_date": "2024-01-01", "num_workers": 4, "lookback_window_days": 0}
    with running(run.start("read", *run.files(sandbox.config(**options), ["videos"]))) as process:
        first, err = terminated(process, when=lambda: len(sandbox.requests_to(LIST)) > 40)
    assert (process.returncode, err, first.errors) == (-15, "", [])
    assert 0 < len(first.records("videos")) < 1200
    assert first.states != []

    second = InProcess(sandbox.base_url).read(sandbox.config(**options), "videos", state=first.states[-1])

    assert (second.exit_code, second.errors) == (0, [])
    assert sorted({*video_ids(first), *video_ids(second)}) == ids_there_are(sandbox, since=1_704_067_200)


def test_sigterm_interrupts_workers_that_wait(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=1500)
    sandbox.fail_on(LIST, dict.fromkeys(range(10, 400), "http_503"))
    run = command(sandbox)
    with running(run.start("read", *run.files(sandbox.config()))) as process:
        outcome, err = terminated(process, when=lambda: len(sandbox.requests_to(LIST)) >= 30)
    assert (process.returncode, err, outcome.errors) == (-15, "", [])
    assert outcome.records("user_info") == [sandbox.account.user]


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_terminated_process_emits_whole_messages(
    unbuffered: str, start_sandbox: StartSandbox, command: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal arrives while the process is blocked in the middle of a line, waiting for room in the pipe."""
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    sandbox = start_sandbox(videos=2000)
    run = command(sandbox)
    with running(run.start("read", *run.files(sandbox.config()))) as process:
        wait_for(lambda: len(sandbox.requests_to(LIST)) > 5)
        time.sleep(2)
        process.terminate()
        time.sleep(0.5)
        outcome = printed(rest_of(process))
        assert process.wait(5) == -15
    assert len(video_ids(outcome)) == len(set(video_ids(outcome)))
    assert 0 < len(video_ids(outcome)) < 2000


@pytest.mark.parametrize("lines", [1, 50])
def test_closed_pipe_ends_the_process_quietly(lines: int, start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=2000, latency=0.05)
    run = command(sandbox)
    with running(run.start("read", *run.files(sandbox.config()))) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(lines):
            process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 141
        assert process.stderr.read() == ""


def test_killed_sync_loses_no_video(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=2000, latency=0.05)
    run, options = command(sandbox), {"start_date": "2022-01-01", "lookback_window_days": 0, "num_workers": 8}
    with running(run.start("read", *run.files(sandbox.config(**options), ["videos"]))) as process:
        seen: list[str] = []
        assert isinstance(process.stdout, TextIOWrapper)
        process.stdout.reconfigure(errors="replace")  # the kill can fall within a character
        while sum('"RECORD"' in line for line in seen) < 1000:
            seen.append(process.stdout.readline())
        process.kill()
        seen.append(rest_of(process))
    first = Outcome([json.loads(line) for line in "".join(seen).splitlines() if line.endswith("}")])

    second = InProcess(sandbox.base_url).read(sandbox.config(**options), "videos", state=first.states[-1])

    assert (second.exit_code, second.errors) == (0, [])
    assert sorted({*video_ids(first), *video_ids(second)}) == ids_there_are(sandbox)


def test_hour_of_tokens_and_limits_costs_no_video(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """An hour in 20 s: tokens live 2 s instead of 2 h, and windows of the limit are 2 s instead of 60 s."""
    sandbox = start_sandbox(videos=1500, latency=0.2, access_token_lifetime=2, rate_limit=12, rate_window=2)
    run = HurriedCommand(sandbox, tmp_path)

    outcome = run.read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.stderr) == (0, [], "")
    assert video_ids(outcome) == ids_there_are(sandbox)
    refreshes = sandbox.requests_to(TOKEN)
    assert len(refreshes) > 3
    assert {r.status for r in refreshes} == {200}
    assert len(outcome.configs) == len(refreshes)
    assert "rate_limit_exceeded" in {r.error_code for r in sandbox.requests_to(LIST)}


def test_tokens_ending_mid_sync_cost_one_refresh(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=1500, latency=0.3)
    run = command(sandbox)
    with running(run.start("read", *run.files(sandbox.config()))) as process:
        wait_for(lambda: len(sandbox.requests_to(LIST)) > 8)
        sandbox.revoke_access_tokens()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err, printed(out).errors) == (0, "", [])
    assert video_ids(printed(out)) == ids_there_are(sandbox)
    assert [r.status for r in sandbox.requests_to(TOKEN)] == [200, 200]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's memory there")
def test_memory_hardly_grows_with_ten_times_the_videos(
    start_sandbox: StartSandbox, command: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A video's id is kept; a limit of 2000 leaves room for the allocator in the first seconds."""
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")  # as in the image
    peaks = {n: peak_memory(start_sandbox(videos=n, years=8, rate_limit=0), command) for n in (1000, 10_000)}
    assert (peaks[10_000] - peaks[1000]) / 9000 < 2000


@pytest.mark.nightly
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's memory there")
def test_memory_stays_flat_over_200_000_videos(
    start_sandbox: StartSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")  # as in the image

    def command(sandbox: Sandbox) -> Command:
        return HurriedCommand(sandbox, tmp_path)

    peaks = {n: peak_memory(start_sandbox(videos=n, years=11, rate_limit=0), command) for n in (1000, 200_000)}
    assert peaks[200_000] - peaks[1000] < 45_000_000, peaks


def peak_memory(sandbox: Sandbox, command: Commands) -> int:
    """The peak resident size of a sync (bytes); its output is read and discarded."""
    run, peak, records = command(sandbox), 0, 0
    with running(run.start("read", *run.files(sandbox.config(), ["videos"]))) as process:
        assert process.stdout is not None
        for line in process.stdout:
            records += '"RECORD"' in line
            if not records % 500:
                peak = max(peak, resident_peak(process.pid))
        assert process.wait(10) == 0
    assert records == len(sandbox.account.videos)
    return peak


def resident_peak(pid: int) -> int:
    """In bytes. (The usage reported to a parent includes the parent's own memory up to the child's exec.)"""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return max(
        (int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), default=0
    )  # none at its end
