"""`make sync` as a process, against the sandbox: what lands, and what a failed run leaves alone; `make sync-test`."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from integration_tests.conftest import StartSandbox
from integration_tests.waiting import wait_for
from integration_tests.warehouse import PYTHON, ROOT, Warehouse, duckdb
from sandbox import Sandbox
from sandbox.facts import VIDEO_LIST_PATH as VIDEO_LIST

pytestmark = pytest.mark.sync_tests
DAY = 86_400  # s
LONGEST_RUN = 400  # s
BUILT = "Finished running node model.tiktok_organic.tiktok_organic__readings"  # in dbt's log
# The rows of two days, and what a third one adds, on which a video is gone.
TWO_DAYS = {"tiktok_organic__video_daily": 200, "tiktok_organic__account_daily": 2}
TODAY = {"tiktok_organic__video_daily": 99, "tiktok_organic__account_daily": 1}
FULL = 100_000  # bytes that a file may have on the full disk


@pytest.fixture(autouse=True, scope="module")
def ctrl_c_reaches_every_run() -> None:
    """What a shell starts in the background ignores Ctrl-C, and so would the runs, which inherit it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Sync:
    """The command with a folder of sign-in files and a warehouse of a test."""

    def __init__(self, folder: Path, sandbox: Sandbox, warehouse: Warehouse, **config: Any) -> None:
        self.accounts = folder / "accounts"
        self.warehouse = warehouse
        self.env = {**os.environ, "TIKTOK_API_BASE_URL": sandbox.base_url, "NO_PROXY": "127.0.0.1"}
        self.accounts.mkdir()
        for number, account in enumerate(sandbox.accounts):
            self.path(number).write_text(json.dumps(sandbox.config(account=account, **config)))

    def path(self, number: int) -> Path:
        """The sign-in file of an account."""
        return self.accounts / f"brand-{number}.json"

    def token(self, number: int) -> str:
        """The refresh token that an account's file holds."""
        return str(json.loads(self.path(number).read_text())["credentials"]["refresh_token"])

    def start(self, *, quiet: bool = True, **options: Any) -> subprocess.Popen[str]:
        """Start a run in a process group of its own; a quiet one says only problems."""
        command = [PYTHON, "-m", "examples.sync", "--accounts", self.accounts, "--to", self.warehouse.url]
        command += ["--quiet"] * quiet
        options = {"env": self.env, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(command, cwd=ROOT, text=True, start_new_session=True, **options)

    def run(self, **options: Any) -> tuple[int, str, str]:
        """Run it to its end: exit code, stdout, stderr."""
        process = self.start(**options)
        out, err = process.communicate(timeout=LONGEST_RUN)
        return process.returncode, out, err

    def yesterday(self) -> None:
        """Let everything that has landed be of the day before."""
        schema = self.warehouse.schema
        self.warehouse.run(
            *(
                f"update {schema}.{table} set {column} = {column} - interval '1 day'"
                for table, column in (
                    ("videos", "_airbyte_extracted_at"),
                    ("user_info", "_airbyte_extracted_at"),
                    ("tiktok_syncs", "started_at"),
                    ("tiktok_syncs", "finished_at"),
                )
            )
        )

    def gone(self) -> set[str]:
        """The ids of the videos reported as gone."""
        return {row["video_id"] for row in self.warehouse.rows("tiktok_organic__gone_videos")}

    def tables(self) -> Any:
        """All that a person would look at."""
        daily = self.warehouse.rows("tiktok_organic__video_daily")
        days = self.warehouse.rows("tiktok_organic__account_daily")
        return sorted(map(str, daily)), sorted(map(str, days)), self.gone()


def test_two_runs_on_two_days_leave_both(tmp_path: Path, start_sandbox: StartSandbox, warehouse: Warehouse) -> None:
    """Two accounts in one table; one video is deleted within the lookback, and one before it, which no sync saw."""
    sandbox = start_sandbox(accounts=2, videos=120, years=1)
    sync = Sync(tmp_path, sandbox, warehouse, lookback_window_days=90)
    issued = [sync.token(number) for number in range(2)]
    assert sync.run() == (0, "", "")
    assert len(sync.warehouse.rows("tiktok_organic__video_daily")) == 240
    first = len(sandbox.requests_to(VIDEO_LIST))

    sync.yesterday()
    recent, old = (
        next(video["id"] for video in account.videos if low < (time.time() - video["create_time"]) / DAY < high)
        for account, (low, high) in zip(sandbox.accounts, ((10, 60), (120, 300)), strict=True)
    )
    grown = sandbox.account.videos[1]
    sandbox.account.change(grown["id"], view_count=grown["view_count"] + 77)
    for account, video_id in zip(sandbox.accounts, (recent, old), strict=True):
        account.delete(video_id)
    assert sync.run() == (0, "", "")

    assert len(sandbox.requests_to(VIDEO_LIST)) - first < first
    assert {sync.token(number) for number in range(2)}.isdisjoint(issued)
    assert [sync.path(number).stat().st_mode & 0o777 for number in range(2)] == [0o600] * 2
    days = [row for row in warehouse.rows("tiktok_organic__video_daily") if row["video_id"] == grown["id"]]
    assert sorted((row["view_count"], row["views_gained"]) for row in days if row["views_gained"] is not None) == [
        (grown["view_count"] + 77, 77)
    ]
    assert len(days) == len({row["date_day"] for row in warehouse.rows("tiktok_organic__account_daily")}) == 2
    assert sync.gone() == {recent}

    # An additional full sync, with the state set aside as `additional_full_sync` does on its day, finds the other one.
    sync.yesterday()
    warehouse.run(f"update {warehouse.schema}.tiktok_syncs set state = ''")
    assert sync.run() == (0, "", "")
    assert sync.gone() == {recent, old}


Interruption = Callable[[Sync, Sandbox], "tuple[int, str]"]


def killed(sync: Sync, sandbox: Sandbox) -> tuple[int, str]:
    return stopped_by(lambda process: os.killpg(process.pid, signal.SIGKILL), sync, sandbox)


def ctrl_c(sync: Sync, sandbox: Sandbox) -> tuple[int, str]:
    return stopped_by(lambda process: os.killpg(process.pid, signal.SIGINT), sync, sandbox)


def connector_stopped(sync: Sync, sandbox: Sandbox) -> tuple[int, str]:
    """SIGTERM for the connector alone, which PyAirbyte takes for a success."""
    return stopped_by(lambda process: os.kill(connector_of(process.pid), signal.SIGTERM), sync, sandbox)


def stopped_by(stop: Callable[[Any], None], sync: Sync, sandbox: Sandbox) -> tuple[int, str]:
    """A run that is stopped while its second page is awaited."""
    before = len(sandbox.requests_to(VIDEO_LIST))
    sandbox.fail(VIDEO_LIST, None, "hang")
    process = sync.start()
    wait_for(lambda: len(sandbox.requests_to(VIDEO_LIST)) >= before + 2, LONGEST_RUN)
    stop(process)
    _, err = process.communicate(timeout=LONGEST_RUN)
    return process.returncode, err


def connector_of(parent: int) -> int:
    """The process of the connector's `read` among a run's processes."""
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        words = found.read_bytes().split(b"\0")
        reads = b"read" in words and any(word.endswith(b"source-tiktok-organic") for word in words)
        if reads and os.getpgid(int(found.parent.name)) == parent:
            return int(found.parent.name)
    raise AssertionError("There is no connector.")


def offline(sync: Sync, sandbox: Sandbox) -> tuple[int, str]:
    """Nobody listens at TikTok's address."""
    code, _, err = sync.run(env={**sync.env, "TIKTOK_API_BASE_URL": "http://127.0.0.1:9"})
    return code, err


def full_disk(sync: Sync, sandbox: Sandbox) -> tuple[int, str]:
    code, _, err = sync.run(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, FULL)))
    return code, err


def locked(sync: Sync, sandbox: Sandbox) -> tuple[int, str]:
    with (sync.accounts / ".sync.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, _, err = sync.run()
    return code, err


@pytest.mark.parametrize(
    ("interruption", "code"),
    [(killed, -signal.SIGKILL), (ctrl_c, 130), (connector_stopped, 1), (offline, 1), (full_disk, 1), (locked, 3)],
)
def test_failed_run_leaves_yesterday_as_it_was(
    tmp_path: Path, start_sandbox: StartSandbox, interruption: Interruption, code: int
) -> None:
    """And the next run is complete: what was deleted meanwhile is gone, and nothing else."""
    sandbox = start_sandbox(videos=100, years=1, hang_seconds=5.0)
    sync = Sync(tmp_path, sandbox, duckdb(tmp_path), lookback_window_days=400)
    assert sync.run() == (0, "", "")
    sync.yesterday()
    assert sync.run() == (0, "", "")
    before = sync.tables()
    deleted = sandbox.account.videos[60]["id"]
    sandbox.account.delete(deleted)

    ended, said = interruption(sync, sandbox)
    assert ended == code
    assert bool(said) is (code >= 0)
    assert "Traceback" not in said
    assert sync.tables() == before

    sync.yesterday()
    assert sync.run() == (0, "", "")
    assert sync.gone() == {deleted}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_stop_while_models_are_built_loses_no_day(
    tmp_path: Path, start_sandbox: StartSandbox, number: signal.Signals
) -> None:
    """Some tables are yesterday's then and some today's, but none is halved; the next run makes all of them today's."""
    sandbox = start_sandbox(videos=100, years=1)
    sync = Sync(tmp_path, sandbox, duckdb(tmp_path), lookback_window_days=400)
    assert sync.run() == (0, "", "")
    sync.yesterday()
    assert sync.run() == (0, "", "")

    def added() -> dict[str, int]:
        return {table: len(sync.warehouse.rows(table)) - TWO_DAYS[table] for table in TODAY}

    assert added() == dict.fromkeys(TODAY, 0)
    sync.yesterday()
    deleted = sandbox.account.videos[60]["id"]
    sandbox.account.delete(deleted)

    log = sync.accounts / ".sync" / "dbt.log"
    log.unlink()
    process = sync.start()
    wait_for(lambda: process.poll() is not None or (log.exists() and BUILT in log.read_text()), LONGEST_RUN)
    os.killpg(process.pid, number)
    process.communicate(timeout=LONGEST_RUN)

    assert process.returncode == (-signal.SIGKILL if number is signal.SIGKILL else 130)
    assert all(rows in (0, TODAY[table]) for table, rows in added().items())
    assert sync.run() == (0, "", "")
    assert sync.gone() == {deleted}
    assert added() == TODAY


def test_run_draws_its_picture_and_its_line_for_cron_runs(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    sync = Sync(tmp_path, start_sandbox(videos=30, years=1), duckdb(tmp_path))
    out, err = sync.start(quiet=False).communicate(timeout=LONGEST_RUN)
    assert err == ""
    lines = out.splitlines()
    (picture,) = (line.removeprefix("Picture: ") for line in lines if line.startswith("Picture: "))
    assert ElementTree.parse(picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert sum("30 videos read, and appended" in line for line in lines) == 1
    (command,) = (line.removeprefix("10 2 * * *  ") for line in lines if line.startswith("10 2 * * *  "))
    again = subprocess.run(command, shell=True, env=sync.env, capture_output=True, text=True, timeout=LONGEST_RUN)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_one_bad_sign_in_does_not_stop_the_others(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """Catches a folder of accounts of which none is read because one person has removed the app."""
    sandbox = start_sandbox(accounts=2, videos=20, years=1)
    sync = Sync(tmp_path, sandbox, duckdb(tmp_path))
    config = json.loads(sync.path(0).read_text())
    config["credentials"]["refresh_token"] = "rft.used"
    sync.path(0).write_text(json.dumps(config))
    code, out, err = sync.run()
    assert (code, out) == (1, "")
    assert err.startswith("brand-0: ")
    landed = {row["open_id"] for row in sync.warehouse.rows("tiktok_organic__videos")}
    assert landed == {sandbox.accounts[1].open_id}
