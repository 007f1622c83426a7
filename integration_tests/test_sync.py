"""`make sync` as a process, against the sandbox: the rows written, and what a failed run changes; `make sync-test`."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from integration_tests import postgres as scram
from integration_tests.conftest import StartSandbox
from integration_tests.waiting import wait_for
from integration_tests.warehouse import PYTHON, ROOT, Warehouse, duckdb, postgres
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
    """Background jobs of a shell ignore Ctrl-C, and so would the runs, which inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def without_sandbox_warning(err: str) -> str:
    """A run's stderr, without the warning that it reads from a sandbox."""
    return "".join(line for line in err.splitlines(keepends=True) if "TIKTOK_API_BASE_URL is set" not in line)


class Sync:
    """The command with a test's folder of config files and its warehouse."""

    def __init__(self, folder: Path, sandbox: Sandbox, warehouse: Warehouse, **config: Any) -> None:
        self.folder = folder
        self.accounts = folder / "accounts"
        self.warehouse = warehouse
        api = {"TIKTOK_API_BASE_URL": sandbox.base_url, "NO_PROXY": "127.0.0.1"}
        self.env = {**os.environ, **api, "PYTHONPATH": str(ROOT)}
        self.accounts.mkdir()
        for number, account in enumerate(sandbox.accounts):
            self.path(number).write_text(json.dumps(sandbox.config(account=account, **config)))

    def path(self, number: int) -> Path:
        """The config file of an account."""
        return self.accounts / f"brand-{number}.json"

    def replace_credentials(self, sandbox: Sandbox) -> None:
        """Give each account new credentials, as after `sandbox.reset()`."""
        for number, account in enumerate(sandbox.accounts):
            config = json.loads(self.path(number).read_text())
            config["credentials"] = sandbox.config(account=account)["credentials"]
            self.path(number).write_text(json.dumps(config))

    def token(self, number: int) -> str:
        """The refresh token in an account's file."""
        return str(json.loads(self.path(number).read_text())["credentials"]["refresh_token"])

    def start(self, *, quiet: bool = True, **options: Any) -> subprocess.Popen[str]:
        """Start a run in its own process group; a quiet one prints only problems."""
        command = [PYTHON, "-m", "examples.sync", "--accounts", self.accounts, "--to", self.warehouse.url]
        command += ["--quiet"] * quiet
        options = {"env": self.env, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        # The chart of a Postgres warehouse is written into the current folder.
        return subprocess.Popen(command, cwd=self.folder, text=True, start_new_session=True, **options)

    def run(self, **options: Any) -> tuple[int, str, str]:
        """Run it until it exits: exit code, stdout, stderr."""
        process = self.start(**options)
        out, err = process.communicate(timeout=LONGEST_RUN)
        return process.returncode, out, without_sandbox_warning(err)

    def backdate(self) -> None:
        """Move all rows to the previous day."""
        schema = self.warehouse.schema
        self.warehouse.run(
            *(
                f"update {schema}.{table} set {column} = {column} - interval '1 day'"
                for table, column in (
                    ("videos", "_airbyte_extracted_at"),
                    ("user_info", "_airbyte_extracted_at"),
                    ("tiktok_syncs", "started_at"),
                    ("tiktok_syncs", "finished_at"),
                    ("tiktok_stopped", "stopped_at"),
                )
            )
        )

    def gone(self) -> set[str]:
        """The ids of the videos reported as gone."""
        return {row["video_id"] for row in self.warehouse.rows("tiktok_organic__gone_videos")}

    def tables(self) -> Any:
        """The rows that a user would look at."""
        daily = self.warehouse.rows("tiktok_organic__video_daily")
        days = self.warehouse.rows("tiktok_organic__account_daily")
        return sorted(map(str, daily)), sorted(map(str, days)), self.gone()


def test_two_daily_runs_keep_both_days(tmp_path: Path, start_sandbox: StartSandbox, warehouse: Warehouse) -> None:
    """Two accounts in one table; one video is deleted within the lookback, and one before it, which no sync saw."""
    sandbox = start_sandbox(accounts=2, videos=120, years=1)
    sync = Sync(tmp_path, sandbox, warehouse, lookback_window_days=90)
    issued = [sync.token(number) for number in range(2)]
    assert sync.run() == (0, "", "")
    assert len(sync.warehouse.rows("tiktok_organic__video_daily")) == 240
    first = len(sandbox.requests_to(VIDEO_LIST))

    sync.backdate()
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
    sync.backdate()
    warehouse.run(f"update {warehouse.schema}.tiktok_syncs set state = ''")
    assert sync.run() == (0, "", "")
    assert sync.gone() == {recent, old}


Interruption = Callable[[Sync, Sandbox], "tuple[int, str]"]


def killed(sync: Sync, sandbox: Sandbox) -> tuple[int, str]:
    return stopped_by(lambda process: os.killpg(process.pid, signal.SIGKILL), sync, sandbox)


def ctrl_c(sync: Sync, sandbox: Sandbox) -> tuple[int, str]:
    return stopped_by(lambda process: os.killpg(process.pid, signal.SIGINT), sync, sandbox)


def connector_stopped(sync: Sync, sandbox: Sandbox) -> tuple[int, str]:
    """SIGTERM for the connector alone, which PyAirbyte treats as a success."""
    return stopped_by(lambda process: os.kill(connector_of(process.pid), signal.SIGTERM), sync, sandbox)


def stopped_by(stop: Callable[[Any], None], sync: Sync, sandbox: Sandbox) -> tuple[int, str]:
    """A run that is stopped while its second page is awaited."""
    before = len(sandbox.requests_to(VIDEO_LIST))
    sandbox.fail(VIDEO_LIST, None, "hang")
    process = sync.start()
    wait_for(lambda: len(sandbox.requests_to(VIDEO_LIST)) >= before + 2, LONGEST_RUN)
    stop(process)
    _, err = process.communicate(timeout=LONGEST_RUN)
    return process.returncode, without_sandbox_warning(err)


def connector_of(parent: int) -> int:
    """The process of the connector's `read` among a run's processes."""
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        words = found.read_bytes().split(b"\0")
        reads = b"read" in words and any(word.endswith(b"source-tiktok-organic") for word in words)
        if reads and os.getpgid(int(found.parent.name)) == parent:
            return int(found.parent.name)
    raise AssertionError("There is no connector.")


def offline(sync: Sync, sandbox: Sandbox) -> tuple[int, str]:
    """TikTok cannot be reached."""
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
def test_failed_run_leaves_yesterdays_rows_unchanged(
    tmp_path: Path, start_sandbox: StartSandbox, interruption: Interruption, code: int
) -> None:
    """The next run is complete: it reports what was deleted meanwhile, and nothing else."""
    sandbox = start_sandbox(videos=100, years=1, hang_seconds=5.0)
    sync = Sync(tmp_path, sandbox, duckdb(tmp_path), lookback_window_days=400)
    assert sync.run() == (0, "", "")
    sync.backdate()
    assert sync.run() == (0, "", "")
    before = sync.tables()
    deleted = sandbox.account.videos[60]["id"]
    sandbox.account.delete(deleted)

    exit_code, printed = interruption(sync, sandbox)
    assert exit_code == code
    assert bool(printed) is (code >= 0)
    assert "Traceback" not in printed
    assert sync.tables() == before

    sync.backdate()
    assert sync.run() == (0, "", "")
    if interruption is connector_stopped:  # this run continued that one, and covers only what it read itself
        assert sync.gone() == set()
        sync.backdate()
        assert sync.run() == (0, "", "")
    assert sync.gone() == {deleted}


def test_run_after_a_failure_continues_where_it_stopped(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """Otherwise a first sync under a quota never finishes, or videos read before the stop look deleted."""
    sandbox = start_sandbox(videos=300, years=1)
    sync = Sync(tmp_path, sandbox, duckdb(tmp_path), lookback_window_days=400)
    sandbox.fail_on(VIDEO_LIST, dict.fromkeys(range(8, 100), "unknown_code"))
    code, out, err = sync.run()
    assert (code, out) == (1, "")
    assert "unknown error" in err
    deleted = [sandbox.account.videos[place]["id"] for place in (5, 250)]
    for video_id in deleted:
        sandbox.account.delete(video_id)
    sandbox.reset()
    sync.replace_credentials(sandbox)

    assert sync.run() == (0, "", "")
    assert len(sandbox.requests_to(VIDEO_LIST)) <= 16 - 7 + 3
    assert sync.gone() == set()
    assert len(sync.warehouse.rows("tiktok_organic__videos")) == 299

    sync.backdate()
    assert sync.run() == (0, "", "")
    assert sync.gone() == {deleted[0]}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_stop_while_models_are_built_loses_no_day(
    tmp_path: Path, start_sandbox: StartSandbox, number: signal.Signals
) -> None:
    """Some tables are then of yesterday and some of today, but each is complete; the next run updates all of them."""
    sandbox = start_sandbox(videos=100, years=1)
    sync = Sync(tmp_path, sandbox, duckdb(tmp_path), lookback_window_days=400)
    assert sync.run() == (0, "", "")
    sync.backdate()
    assert sync.run() == (0, "", "")

    def added() -> dict[str, int]:
        return {table: len(sync.warehouse.rows(table)) - TWO_DAYS[table] for table in TODAY}

    assert added() == dict.fromkeys(TODAY, 0)
    sync.backdate()
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


def test_run_draws_a_picture_and_prints_a_working_cron_line(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    sync = Sync(tmp_path, start_sandbox(videos=30, years=1), duckdb(tmp_path))
    code, out, err = sync.run(quiet=False)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    (picture,) = (line.removeprefix("Picture: ") for line in lines if line.startswith("Picture: "))
    assert picture == f"{sync.warehouse.url}.svg"
    assert ElementTree.parse(picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert sum("30 videos read, and appended" in line for line in lines) == 1
    (command,) = (line.removeprefix("10 2 * * *  ") for line in lines if line.startswith("10 2 * * *  "))
    again = subprocess.run(command, shell=True, env=sync.env, capture_output=True, text=True, timeout=LONGEST_RUN)
    assert (again.returncode, again.stdout, without_sandbox_warning(again.stderr)) == (0, "", "")


def test_connector_warnings_reach_cron(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """Catches a cron job that fails without warning after 180 days: the next run deletes the connector's log."""
    sandbox = start_sandbox(videos=5, years=1, refresh_token_lifetime=5 * DAY)
    sync = Sync(tmp_path, sandbox, duckdb(tmp_path))
    code, out, err = sync.run()
    assert (code, out) == (0, "")
    (line,) = err.splitlines()
    assert line.startswith("brand-0: The refresh token expires ")


def test_newest_token_of_the_token_store_is_used(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """Catches a used refresh token after the README's commands, which use a token store."""
    sync = Sync(tmp_path, start_sandbox(videos=5, years=1), duckdb(tmp_path))
    store = sync.accounts / "tokens"
    command = [PYTHON.with_name("source-tiktok-organic"), "check", "--config", sync.path(0)]
    env = {**sync.env, "TIKTOK_TOKEN_STORE": str(store)}
    subprocess.run(command, env=env, check=True, capture_output=True, timeout=LONGEST_RUN)

    code, out, err = sync.run(quiet=False)
    assert (code, err) == (0, "")
    assert f" && TIKTOK_TOKEN_STORE={store} {PYTHON} -m examples.sync" in out


def test_missing_row_fails_the_run(tmp_path: Path, start_sandbox: StartSandbox, postgres_port: int) -> None:
    """Catches a state that moves past rows that were not written: the next run reads them again."""
    sandbox = start_sandbox(videos=20, years=1)
    sync = Sync(tmp_path, sandbox, postgres(tmp_path, postgres_port), lookback_window_days=400)
    assert sync.run() == (0, "", "")
    lost = sandbox.account.videos[7]["id"]
    sync.warehouse.run(
        "create function tiktok.lose() returns trigger language plpgsql as "
        f"'begin if new.id = ''{lost}'' then return null; end if; return new; end'",
        "create trigger lose before insert on tiktok.videos for each row execute function tiktok.lose()",
    )
    code, out, err = sync.run()
    assert (code, out) == (1, "")
    assert err.startswith("brand-0: 20 records of videos were read, and 19 rows were written to tiktok_")
    assert len(err.splitlines()) == len(sync.warehouse.rows("tiktok_syncs")) == 1

    sync.warehouse.run("drop trigger lose on tiktok.videos")
    assert sync.run() == (0, "", "")


def test_database_error_prints_one_line_without_rows(
    tmp_path: Path, start_sandbox: StartSandbox, postgres_port: int
) -> None:
    """Catches SQL with captions in cron's mail."""
    sandbox = start_sandbox(accounts=2, videos=20, years=1)
    sync = Sync(tmp_path, sandbox, postgres(tmp_path, postgres_port))
    assert sync.run() == (0, "", "")
    sync.warehouse.run(
        "create function tiktok.reject() returns trigger language plpgsql as "
        "'begin raise exception ''no more rows of %'', new.open_id; end'",
        "create trigger reject before insert on tiktok.videos for each row "
        f"when (new.open_id = '{sandbox.accounts[0].open_id}') execute function tiktok.reject()",
    )
    before = len(sync.warehouse.rows("tiktok_syncs"))
    code, out, err = sync.run()
    assert (code, out) == (1, "")
    assert err.startswith(f"brand-0: The database failed: no more rows of {sandbox.accounts[0].open_id}. Its logs are ")
    assert len(err.splitlines()) == 1
    assert len(sync.warehouse.rows("tiktok_syncs")) == before + 1  # of the other account


@pytest.mark.parametrize("size", [FULL, 600_000], ids=["rows", "checkpoint"])
def test_full_disk_prints_one_sentence(tmp_path: Path, start_sandbox: StartSandbox, size: int) -> None:
    """Catches a traceback on stdout, and a message that does not name the cause."""
    sync = Sync(tmp_path, start_sandbox(videos=100, years=1), duckdb(tmp_path))
    limit = (size, size)
    code, out, err = sync.run(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert (code, out) == (1, "")
    assert err.startswith("brand-0: The database failed: ")
    assert "File too large" in err
    assert len(err.splitlines()) == 1


def test_database_in_use_prints_one_sentence(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """It uses no refresh token: no request is sent."""
    sandbox = start_sandbox(videos=5, years=1)
    sync = Sync(tmp_path, sandbox, duckdb(tmp_path))
    opened = f"import duckdb; database = duckdb.connect({sync.warehouse.url!r}); print(flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([PYTHON, "-c", opened], stdin=pipe, stdout=pipe) as other:
        assert other.stdout
        other.stdout.readline()
        code, out, err = sync.run()
        other.kill()
    assert (code, out) == (1, "")
    assert err.startswith("brand-0: The database failed: IO Error: Could not set lock on file ")
    assert len(err.splitlines()) == 1
    assert sandbox.requests == []


def test_postgres_without_tls_fails_verify_full(
    tmp_path: Path, start_sandbox: StartSandbox, postgres_port: int
) -> None:
    """Catches an unencrypted connection despite verify-full in its address."""
    sync = Sync(tmp_path, start_sandbox(videos=5, years=1), postgres(tmp_path, postgres_port))
    sync.warehouse = replace(sync.warehouse, url=f"{sync.warehouse.url}?sslmode=verify-full")
    code, out, err = sync.run()
    assert (code, out) == (1, "")
    assert err.startswith("brand-0: The database failed: ")
    assert "SSL" in err


def test_password_may_be_in_pgpass(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """Catches a cron line that needs a password which only the first run had."""
    with scram.postgres() as port:
        passfile = tmp_path / "pgpass"
        passfile.write_text(f"localhost:{port}:{scram.DATABASE}:{scram.USER}:{scram.PASSWORD}\n")
        passfile.chmod(0o600)
        address = f"localhost:{port}/{scram.DATABASE}"
        url = f"postgres://{scram.USER}@{address}"
        for_sqlalchemy = f"postgresql+psycopg2://{scram.USER}:{scram.PASSWORD}@{address}"
        sync = Sync(tmp_path, start_sandbox(videos=5, years=1), Warehouse(tmp_path, url, for_sqlalchemy, {}, "tiktok"))
        assert sync.run(env={**sync.env, "PGPASSFILE": str(passfile)}) == (0, "", "")
        assert len(sync.warehouse.rows("tiktok_organic__videos")) == 5


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--to", "mysql://db.example/marketing"], 2, "--to takes the path of a DuckDB file"),
        (["--to", "postgres://db.example/marketing?ssl=1"], 2, "--to has the unknown option ssl"),
        (["--tp", "x"], 2, "unrecognized arguments"),
        (["--accounts", "nowhere/config.json"], 1, "There is no config file nowhere/config.json yet."),
    ],
)
def test_exit_codes_match_the_page(arguments: list[str], code: int, message: str) -> None:
    command = [PYTHON, "-m", "examples.sync", *arguments]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_RUN)
    assert (process.returncode, process.stdout) == (code, "")
    assert message in process.stderr
    assert "Traceback" not in process.stderr


def test_make_prints_the_exit_code() -> None:
    """`make` itself exits with 2 whatever failed."""
    command = ["make", "--no-print-directory", "sync", "ACCOUNTS=nowhere/config.json", "TO=tiktok.duckdb"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_RUN)
    assert process.returncode == 2
    assert "nowhere/config.json" in process.stderr
    assert process.stderr.rstrip().endswith("Error 1")


def test_one_bad_config_does_not_stop_the_others(tmp_path: Path, start_sandbox: StartSandbox) -> None:
    """Catches a folder of accounts that is not read because one account has removed the app."""
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
