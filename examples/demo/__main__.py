"""The order of events."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rich.console import Console

from examples.demo import DemoError
from examples.demo.account import Account, Truth, account_of_file, account_of_sandbox
from examples.demo.compare import differences
from examples.demo.load import load
from examples.demo.steps import Steps

SECRETS = Path("secrets/config.json")
DATABASE = Path("demo.duckdb")
WORK = Path(".demo-cache")


def main() -> int:
    """Run the demo; the exit code is 0 when everything landed as it should."""
    console = Console(file=sys.stdout)  # this one, also while sys.stdout is redirected
    try:
        _run(console, SECRETS, DATABASE, WORK)
    except (DemoError, OSError) as error:
        console.print(f"\n{error}\n", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 130
    return 0


def _run(console: Console, secrets: Path, database: Path, work: Path) -> None:
    steps = Steps(console)
    with _account(secrets) as account:
        console.print(f"\nReading {account.origin}, into DuckDB\n", style="bold", highlight=False, soft_wrap=True)
        load(steps, account, database, work)
    if account.truth:
        _compare(steps, database, account.truth)
    from examples.demo.report import report

    console.print()
    report(console, database)


def _account(secrets: Path) -> AbstractContextManager[Account]:
    return nullcontext(account_of_file(secrets)) if secrets.exists() else account_of_sandbox()


def _compare(steps: Steps, database: Path, truth: Truth) -> None:
    from examples.demo.database import query

    with steps.step("compare", "with what the local TikTok holds") as step:
        users, videos = (query(database, f"SELECT * FROM tiktok.{table}") for table in ("user_info", "videos"))
        problems = differences("profile", "open_id", truth.user_info, users)
        problems += differences("video", "id", truth.videos, videos)
        if problems:
            raise DemoError("What landed is not what the local TikTok holds:\n" + "\n".join(problems))
        step.done = f"all {len(videos):,} videos landed once, with every value as it was"


if __name__ == "__main__":
    sys.exit(main())
