"""Reads each account, builds the models, and shows what has grown."""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.text import Text

from examples.sync import SyncError, interrupt
from examples.sync.account import Account, accounts_at
from examples.sync.models import build
from examples.sync.read import Show, prepare, quiet, read
from examples.sync.steps import Step, Steps
from examples.sync.warehouse import Warehouse, warehouse_at

SIGN_IN = Path("secrets/config.json")
WELL, FAILED, ALREADY_RUNNING, STOPPED = 0, 1, 3, 130


class AlreadyRunningError(SyncError):
    """Another run has the lock."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Sync; the exit code is 0 when all went well, 1 when something failed, 3 when another run is under way."""
    options = _parser().parse_args(arguments)
    console = Console(file=sys.stdout, quiet=options.quiet)  # this one, also while sys.stdout is redirected
    try:
        problems = _run(console, options.accounts, options.to)
    except AlreadyRunningError as error:
        return _failed([str(error)], ALREADY_RUNNING)
    except (SyncError, OSError) as error:
        return _failed([str(error)], FAILED)
    except KeyboardInterrupt:
        return _failed(["Stopped. What was there before is still there; the next run reads what is missing."], STOPPED)
    return _failed(problems, FAILED) if problems else WELL


def _run(console: Console, place: Path, to: str) -> list[str]:
    warehouse = warehouse_at(to)
    accounts, folder = accounts_at(place), place if place.is_dir() else place.parent
    work = folder / ".sync"
    with _only_run(folder / ".sync.lock"):
        problems = sync(Steps(console), accounts, warehouse, work)
    if len(problems) < len(accounts):
        show(console, warehouse, warehouse.picture)
        hint = " (its password goes into ~/.pgpass)" if "://" in to else ""
        said = f"\nEach day at 02:10, with cron{hint}:\n{cron_line(place, to)}\n"
        console.print(said, soft_wrap=True, highlight=False, markup=False)
    return problems


def sync(steps: Steps, accounts: Sequence[Account], warehouse: Warehouse, work: Path) -> list[str]:
    """Read each account and build the models, unless none could be read; sentences on the accounts that failed."""
    interrupt.remember()
    load_pyairbyte(steps, work)
    problems = [problem for account in accounts if (problem := _problem_of(steps, account, warehouse, work))]
    if len(problems) < len(accounts):
        try:
            build(steps, warehouse, work)
        except SyncError as error:
            raise SyncError("\n".join([*problems, str(error)])) from None
    return problems


def _problem_of(steps: Steps, account: Account, warehouse: Warehouse, work: Path) -> str | None:
    """Read one account; why it failed, so that the others can still be read."""
    try:
        with steps.step(account.name, "starting the connector") as step:
            counts = read(account, warehouse, work, _shown_by(step))
            step.done = f"{counts['videos']:,} videos read, and appended"
    except (SyncError, OSError) as error:
        return f"{account.name}: {error}"
    return None


def load_pyairbyte(steps: Steps, work: Path) -> None:
    """Empty the folder for its files and import it, which takes seconds and prints warnings of its own."""
    prepare(work)
    with steps.step("PyAirbyte", "loading") as step, quiet(work):
        import airbyte  # noqa: F401

        step.done = f"version {version('airbyte')}"


def _shown_by(step: Step) -> Show:
    def on_count(count: int, total: int | None) -> None:
        step.progress(f"{count:,} of {total:,} videos" if total else f"{count:,} videos", count, total)

    return on_count


def show(console: Console, warehouse: Warehouse, picture: Path) -> None:
    """Print what has grown and what is gone, and draw it."""
    from examples.sync.picture import draw
    from examples.sync.report import report

    console.print()
    report(console, warehouse)
    draw(warehouse, picture)
    console.print(Text(f"Picture: {picture}", style="dim"), soft_wrap=True)


@contextmanager
def _only_run(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process: two runs would use up each other's refresh tokens."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(f"Another run is under way: {path} is locked.") from None
        yield


def cron_line(accounts: Path, to: str) -> str:
    """The line for cron, in which % is a line break; without a password, which belongs in ~/.pgpass."""
    address = re.sub(r"^(\w+://[^:/@]*):[^@]*@", r"\1@", to)
    command = [sys.executable, "-m", "examples.sync", "--quiet", "--accounts", str(accounts), "--to", address]
    return f"10 2 * * *  cd {shlex.quote(os.getcwd())} && {shlex.join(command)}".replace("%", r"\%")


def _failed(problems: list[str], code: int) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.sync", description=__doc__)
    parser.add_argument(
        "--accounts", type=Path, default=SIGN_IN, help=f"a sign-in file or a folder of them ({SIGN_IN})"
    )
    parser.add_argument("--to", default="tiktok.duckdb", help="a DuckDB file or postgres://… (tiktok.duckdb)")
    parser.add_argument("--quiet", action="store_true", help="print problems only")
    return parser


if __name__ == "__main__":
    sys.exit(main())
