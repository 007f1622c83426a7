"""Reads each account, builds the models, and shows what has grown."""

from __future__ import annotations

import argparse
import fcntl
import os
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from examples.sync import SyncError, UsageError, interrupt
from examples.sync.account import CONFIG, account_of_file, config_files
from examples.sync.models import build
from examples.sync.read import Show, first_line, prepare, quiet, read
from examples.sync.steps import Step, Steps
from examples.sync.warehouse import Warehouse, warehouse_at

TOKEN_STORE = "TIKTOK_TOKEN_STORE"
TRACEBACKS = "errors.log"
SUCCESS = 0
FAILED = 1
INVALID_COMMAND_LINE = 2
ALREADY_RUNNING = 3
STOPPED = 130


class AlreadyRunningError(SyncError):
    """Another run holds the lock."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Sync; the exit code is 0 on success, 1 on a failure, 3 if another run is in progress."""
    options = _parser().parse_args(arguments)
    console = Console(file=sys.stdout, quiet=options.quiet)  # keeps this stream while sys.stdout is redirected
    try:
        problems = _run(console, options.accounts, options.to)
    except AlreadyRunningError as error:
        return _failed([str(error)], ALREADY_RUNNING)
    except UsageError as error:
        return _failed([str(error)], INVALID_COMMAND_LINE)
    except KeyboardInterrupt:
        return _failed(["Stopped. Existing rows are unchanged; the next run reads what is missing."], STOPPED)
    except Exception as error:  # noqa: BLE001 - the reader is a user or cron's mail
        return _failed([_describe(error, _work_of(options.accounts))], FAILED)
    return _failed(problems, FAILED) if problems else SUCCESS


def _run(console: Console, place: Path, to: str) -> list[str]:
    warehouse = warehouse_at(to)
    files = config_files(place)
    use_token_store(_folder_of(place))
    with _only_run(_folder_of(place) / ".sync.lock"):
        problems = sync(Steps(console), files, warehouse, _work_of(place))
    if len(problems) < len(files):
        show(console, warehouse, warehouse.picture)
        hint = " (its password goes into ~/.pgpass)" if "://" in to else ""
        text = f"\nEach day at 02:10, with cron{hint}:\n{cron_line(place, to)}\n"
        console.print(text, soft_wrap=True, highlight=False, markup=False)
    return problems


def _folder_of(place: Path) -> Path:
    return place if place.is_dir() else place.parent


def _work_of(place: Path) -> Path:
    return _folder_of(place) / ".sync"


def use_token_store(folder: Path) -> None:
    """Make the connector use the token store beside the config files, if there is one.

    After a run of the connector's command with this store, only the store has the newest refresh token; the one in the
    config file was used.
    """
    store = folder / "tokens"
    if store.is_dir():
        os.environ.setdefault(TOKEN_STORE, str(store.resolve()))


def sync(steps: Steps, files: Sequence[Path], warehouse: Warehouse, work: Path) -> list[str]:
    """Read each account and build the models, unless all accounts failed; one sentence for each failed account."""
    interrupt.install_handler()
    load_pyairbyte(steps, work)
    problems = [problem for path in files if (problem := _problem_of(steps, path, warehouse, work))]
    if len(problems) < len(files):
        try:
            findings = build(steps, warehouse, work)
        except SyncError as error:
            raise SyncError("\n".join([*problems, str(error)])) from None
        _warn("models", findings)
    return problems


def _problem_of(steps: Steps, path: Path, warehouse: Warehouse, work: Path) -> str | None:
    """Read one account; returns the error instead of raising it, so that the other accounts are still read."""
    warnings: list[str] = []
    try:
        with steps.step(path.stem, "starting the connector") as step:
            account = account_of_file(path)
            counts = read(account, warehouse, work, _progress_of(step), warnings.append)
            step.done = f"{counts['videos']:,} videos read, and appended"
    except Exception as error:  # noqa: BLE001 - one account's error must not stop the others
        if interrupt.was_interrupted():
            raise KeyboardInterrupt from None
        return f"{path.stem}: {_describe(error, work)}"
    finally:
        _warn(path.stem, warnings)
    return None


def _describe(error: Exception, work: Path) -> str:
    """An error as one sentence; the traceback of an unexpected error goes to a file."""
    if isinstance(error, SyncError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'The system'}: {error.strerror or error}"
    log = work / TRACEBACKS
    where = f" Its traceback is in {log}." if _save_traceback(error, log) else ""
    return f"Unexpected error: {type(error).__name__}: {first_line(error)}.{where}"


def _save_traceback(error: Exception, log: Path) -> bool:
    """Write a traceback to the log; False if that fails, as on a full disk."""
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return False
    return True


def _warn(name: str, warnings: Sequence[str]) -> None:
    """Print warnings to stderr, with --quiet too: cron mails them."""
    for warning in warnings:
        print(f"{name}: {warning}", file=sys.stderr)


def load_pyairbyte(steps: Steps, work: Path) -> None:
    """Clear PyAirbyte's work folder and import PyAirbyte, which takes seconds and prints warnings."""
    prepare(work)
    with steps.step("PyAirbyte", "loading") as step, quiet(work):
        import airbyte  # noqa: F401

        step.done = f"version {version('airbyte')}"


def _progress_of(step: Step) -> Show:
    def on_count(count: int, total: int | None) -> None:
        step.progress(f"{count:,} of {total:,} videos" if total else f"{count:,} videos", count, total)

    return on_count


def show(console: Console, warehouse: Warehouse, picture: Path) -> None:
    """Print the growth and the gone videos, and draw the picture."""
    from examples.sync.picture import draw
    from examples.sync.report import report

    console.print()
    report(console, warehouse)
    draw(warehouse, picture)
    console.print(Text(f"Picture: {picture}", style="dim"), soft_wrap=True)


@contextmanager
def _only_run(path: Path) -> Iterator[None]:
    """Hold a lock that the process releases on exit: two runs would invalidate each other's refresh tokens."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(f"Another run is in progress: {path} is locked.") from None
        yield


def cron_line(accounts: Path, to: str) -> str:
    """The crontab line, with % escaped, and without the password, which belongs in ~/.pgpass."""
    command = [sys.executable, "-m", "examples.sync", "--quiet", "--accounts", str(accounts)]
    command += ["--to", _without_password(to)]
    store = os.environ.get(TOKEN_STORE)
    variable = f"{TOKEN_STORE}={shlex.quote(store)} " if store else ""
    return f"10 2 * * *  cd {shlex.quote(os.getcwd())} && {variable}{shlex.join(command)}".replace("%", r"\%")


def _without_password(to: str) -> str:
    if "://" not in to:
        return to
    parts = urlsplit(to)
    login, at, host = parts.netloc.rpartition("@")  # the last one: a password may contain another
    user, *_ = login.partition(":")
    return parts._replace(netloc=f"{user}{at}{host}").geturl()


def _failed(problems: list[str], code: int) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.sync", description=__doc__)
    parser.add_argument("--accounts", type=Path, default=CONFIG, help=f"a config file or a folder of them ({CONFIG})")
    parser.add_argument("--to", default="tiktok.duckdb", help="a DuckDB file or postgres://… (tiktok.duckdb)")
    parser.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    return parser


if __name__ == "__main__":
    sys.exit(main())
