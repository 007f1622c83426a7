"""The process as the platform runs it: killed, stopped, without a reader, for an hour, on a very large account."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import StartSandbox
from integration_tests.truth import expected_ids, video_ids
from integration_tests.waiting import wait_for
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import USER_INFO_PATH as USER
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.command_result import Outcome
from unit_tests.connector import Command, InProcess, with_short_rate_windows

Commands = Callable[[Sandbox], Command]
Process = subprocess.Popen[str]


@contextmanager
def running(process: Process) -> Iterator[Process]:
    """Kill a process at the end of its test."""
    with process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def parse_output(out: str) -> Outcome:
    """What a process printed; every line must be a complete message."""
    assert out == "" or out.endswith("\n")
    return Outcome([json.loads(line) for line in out.splitlines()])


def remaining_output(process: Process) -> str:
    """What is left on stdout."""
    assert process.stdout is not None
    return process.stdout.read()


def stop_process(
    process: Process, when: Callable[[], Any], by: signal.Signals = signal.SIGTERM, pause: float = 0
) -> tuple[Outcome, str]:
    """Send a signal once `when` holds; returns the output, which is read throughout, with a pause (s) per line."""
    assert process.stdout is not None
    assert process.stderr is not None
    lines: list[str] = []

    def read() -> None:
        for line in process.stdout or ():
            lines.append(line)
            time.sleep(pause)

    with ThreadPoolExecutor() as pool:
        everything = pool.submit(read)
        wait_for(when)
        process.send_signal(by)
        everything.result(timeout=6)
    return parse_output("".join(lines)), process.stderr.read()


def last_message(outcome: Outcome) -> str:
    """The type of the last message except logs, which each thread prints by itself."""
    return [message["type"] for message in outcome.messages if message["type"] != "LOG"][-1]


def claimed(outcome: Outcome, sandbox: Sandbox) -> set[str]:
    """The ids of the videos that the last state claims as read."""
    ((account,),) = [state["states"] for state in outcome.states[-1:]]
    slices = [(int(part["start"]), int(part["end"])) for part in account["cursor"].get("slices", ())]
    return {
        str(video["id"])
        for video in sandbox.account.videos
        if any(start <= video["create_time"] <= end for start, end in slices)
    }


def in_printed_pages(outcome: Outcome, sandbox: Sandbox) -> set[str]:
    """The ids in completely printed pages, without each page's last second: the next page may have more of it."""
    seen = set(video_ids(outcome))
    posted = {str(video["id"]): video["create_time"] for video in sandbox.account.videos}
    pages = [r.videos for r in sandbox.requests_to(LIST) if r.videos and seen.issuperset(r.videos)]
    return {video for page in pages for video in page if posted[video] > posted[page[-1]]}


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT], ids=["sigterm", "ctrl_c"])
@pytest.mark.parametrize(("videos", "workers"), [(700, 2), (2000, 4)], ids=["one_window", "split"])
def test_stopped_sync_prints_its_state_and_continues(
    videos: int, workers: int, by: signal.Signals, start_sandbox: StartSandbox, command: Commands
) -> None:
    """All workers wait for a response when the signal arrives, so what they have printed is known."""
    sandbox = start_sandbox(videos=videos, latency=0.4)
    run, options = command(sandbox), {"num_workers": workers, "lookback_window_days": 0}
    with running(run.start("read", *run.files(sandbox.config(**options), ["videos"]))) as process:
        first, err = stop_process(process, when=lambda: len(sandbox.requests_to(LIST)) > 8 * workers, by=by)

    second = InProcess(sandbox.base_url).read(sandbox.config(**options), "videos", state=first.states[-1])

    assert (process.returncode, err, first.errors) == (-by, "", [])
    assert last_message(first) == "STATE"
    assert in_printed_pages(first, sandbox) <= claimed(first, sandbox) <= set(video_ids(first))
    assert 0 < len(video_ids(first)) < videos
    assert (second.exit_code, second.errors) == (0, [])
    assert sorted({*video_ids(first), *video_ids(second)}) == expected_ids(sandbox)
    assert set(video_ids(second)).isdisjoint(claimed(first, sandbox))
    assert second.states[-1]["states"][0]["cursor"].keys() == {"create_time"}


@pytest.mark.parametrize("pause", [0, 0.002], ids=["fast_reader", "slow_reader"])
def test_no_record_follows_the_state_of_a_stopped_sync(
    pause: float, start_sandbox: StartSandbox, command: Commands
) -> None:
    """Many workers emit records when the signal arrives, and the queue is full."""
    sandbox = start_sandbox(videos=4000)
    run = command(sandbox)
    with running(run.start("read", *run.files(sandbox.config(), ["videos"]))) as process:
        outcome, err = stop_process(process, when=lambda: len(sandbox.requests_to(LIST)) > 60, pause=pause)
    assert (process.returncode, err, outcome.errors) == (-15, "", [])
    assert last_message(outcome) == "STATE"
    assert claimed(outcome, sandbox) <= set(video_ids(outcome))
    assert 0 < len(video_ids(outcome)) < 4000


def test_stopped_sync_emits_no_state_of_unselected_streams(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=5)
    sandbox.fail(USER, *["http_503"] * 9)
    run = command(sandbox)
    with running(run.start("read", *run.files(sandbox.config(), ["user_info"]))) as process:
        outcome, err = stop_process(process, when=lambda: len(sandbox.requests_to(USER)) > 1)
    assert (process.returncode, err, outcome.errors, outcome.states) == (-15, "", [], [])


@pytest.mark.parametrize("fault", ["http_503", "rate_limited"])
def test_sigterm_interrupts_waiting_workers(fault: str, start_sandbox: StartSandbox, command: Commands) -> None:
    """Whether they wait before a retry or for TikTok's rate limit."""
    sandbox = start_sandbox(videos=1500)
    sandbox.fail_on(LIST, dict.fromkeys(range(10, 400), fault))
    run = command(sandbox)
    with running(run.start("read", *run.files(sandbox.config()))) as process:
        outcome, err = stop_process(process, when=lambda: sum(r.fault == fault for r in sandbox.requests_to(LIST)) >= 3)
    assert (process.returncode, err, outcome.errors) == (-15, "", [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert last_message(outcome) == "STATE"
    assert in_printed_pages(outcome, sandbox) <= claimed(outcome, sandbox) <= set(video_ids(outcome))


def test_state_is_printed_before_a_rate_limit_wait(start_sandbox: StartSandbox, command: Commands) -> None:
    """A process that waits for minutes may be killed meanwhile."""
    sandbox = start_sandbox(videos=2000, latency=0.01)
    sandbox.fail_on(LIST, dict.fromkeys(range(30, 400), "rate_limited"))
    run = command(sandbox)

    def has_waited() -> bool:
        if not any(r.fault for r in sandbox.requests_to(LIST)):
            return False
        time.sleep(3)
        return True

    with running(run.start("read", *run.files(sandbox.config(), ["videos"]))) as process:
        outcome, _ = stop_process(process, when=has_waited, by=signal.SIGKILL)

    assert process.returncode == -9
    assert in_printed_pages(outcome, sandbox) <= claimed(outcome, sandbox) <= set(video_ids(outcome))
    assert len(video_ids(outcome)) > 400


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_terminated_process_emits_complete_messages(
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
        outcome = parse_output(remaining_output(process))
        assert process.wait(5) == -15
    assert last_message(outcome) == "STATE"
    assert len(video_ids(outcome)) == len(set(video_ids(outcome)))
    assert 0 < len(video_ids(outcome)) < 2000


@pytest.mark.parametrize("lines", [1, 50])
def test_closed_pipe_exits_quietly_with_141(lines: int, start_sandbox: StartSandbox, command: Commands) -> None:
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
    run, options = command(sandbox), {"lookback_window_days": 0, "num_workers": 8}
    with running(run.start("read", *run.files(sandbox.config(**options), ["videos"]))) as process:
        seen: list[str] = []
        assert isinstance(process.stdout, TextIOWrapper)
        process.stdout.reconfigure(errors="replace")  # the kill can cut a character
        while sum('"RECORD"' in line for line in seen) < 1000:
            seen.append(process.stdout.readline())
        process.kill()
        seen.append(remaining_output(process))
    first = Outcome([json.loads(line) for line in "".join(seen).splitlines() if line.endswith("}")])

    second = InProcess(sandbox.base_url).read(sandbox.config(**options), "videos", state=first.states[-1])

    assert (second.exit_code, second.errors) == (0, [])
    assert sorted({*video_ids(first), *video_ids(second)}) == expected_ids(sandbox)
    # A state comes at least every 10 pages; in 8 windows, the next page may have come in part.
    assert len(set(video_ids(first)) & set(video_ids(second))) < (10 + 8) * 20


def test_hour_of_expired_tokens_and_429s_loses_no_video(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """An hour in 20 s: tokens live 2 s instead of 2 h, and rate windows are 2 s instead of 60 s."""
    sandbox = start_sandbox(videos=1500, latency=0.2, access_token_lifetime=2, rate_limit=12, rate_window=2)
    run = Command(sandbox.base_url, tmp_path, with_short_rate_windows())

    outcome = run.read(sandbox.config())

    assert (outcome.exit_code, outcome.errors, outcome.stderr) == (0, [], "")
    assert video_ids(outcome) == expected_ids(sandbox)
    refreshes = sandbox.requests_to(TOKEN)
    assert len(refreshes) > 3
    assert {r.status for r in refreshes} == {200}
    assert len(outcome.configs) == len(refreshes)
    assert "rate_limit_exceeded" in {r.error_code for r in sandbox.requests_to(LIST)}


NEEDS_PROC = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux reports a process's memory there"
)


@pytest.fixture
def peak_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Sandbox], int]:
    """The peak resident size of a sync (bytes); its output is read and discarded."""
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")  # as in the image

    def measured(sandbox: Sandbox) -> int:
        run = Command(sandbox.base_url, tmp_path, with_short_rate_windows())
        peak = 0
        records = 0
        with running(run.start("read", *run.files(sandbox.config(), ["videos"]))) as process:
            assert process.stdout is not None
            for line in process.stdout:
                records += '"RECORD"' in line
                if not records % 500:
                    peak = max(peak, resident_peak(process.pid))
            assert process.wait(10) == 0
        assert records == len(sandbox.account.videos)
        return peak

    return measured


@NEEDS_PROC
def test_four_times_the_videos_need_little_more_memory(
    start_sandbox: StartSandbox, peak_memory: Callable[[Sandbox], int]
) -> None:
    """Only ids stay in memory; a limit of 2000 bytes per video leaves room for the allocator in the first seconds."""
    # Both are read by all workers.
    peaks = {n: peak_memory(start_sandbox(videos=n, years=8, rate_limit=0)) for n in (4000, 16_000)}
    assert (peaks[16_000] - peaks[4000]) / 12_000 < 2000, peaks


@pytest.mark.nightly
@NEEDS_PROC
def test_memory_stays_flat_over_200_000_videos(
    start_sandbox: StartSandbox, peak_memory: Callable[[Sandbox], int]
) -> None:
    """Only the ids of videos stay in memory."""
    peaks = {n: peak_memory(start_sandbox(videos=n, years=11, rate_limit=0)) for n in (4000, 200_000)}
    assert peaks[200_000] - peaks[4000] < 45_000_000, peaks


def resident_peak(pid: int) -> int:
    """In bytes. (The usage reported to a parent includes the parent's own memory up to the child's exec.)"""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return max(
        (int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), default=0
    )  # none at its end
