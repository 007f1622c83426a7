"""Simulate 28 days on a local TikTok, read it on some of them, and show the growth."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path

from rich.console import Console

from examples.demo.compare import differences
from examples.demo.story import DAY, READINGS, SETTINGS, START, Story, api_at
from examples.sync import SyncError
from examples.sync.__main__ import load_pyairbyte, show
from examples.sync.account import Account
from examples.sync.models import build
from examples.sync.read import read
from examples.sync.steps import Steps
from examples.sync.warehouse import Row, Warehouse, warehouse_at
from sandbox import Sandbox

DATABASE = Path("demo.duckdb")
WORK = Path(".demo-cache")
LAST_DAY = (
    "where cast(_airbyte_extracted_at as date) = (select max(date_day) from {schema}.tiktok_organic__account_daily)"
)
TO_TRY = (
    "select date_day, caption, views_gained from tiktok_organic__video_daily "
    "join tiktok_organic__videos using (open_id, video_id) order by views_gained desc nulls last limit 20"
)


def main() -> int:
    """Run the demo; the exit code is 0 if the tables match the local TikTok."""
    console = Console(file=sys.stdout)  # keeps this stream while sys.stdout is redirected
    try:
        _run(console)
    except (SyncError, OSError) as error:
        console.print(f"\n{error}\n", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return 130
    return 0


def _run(console: Console) -> None:
    for old in (DATABASE, DATABASE.with_name(DATABASE.name + ".wal")):
        old.unlink(missing_ok=True)
    steps, warehouse = Steps(console), warehouse_at(str(DATABASE))
    console.print(f"A local TikTok, read over {READINGS[-1]} days into DuckDB: `make sync`, on a made-up account")
    load_pyairbyte(steps, WORK)
    with Sandbox(SETTINGS) as sandbox, api_at(sandbox.base_url):
        began, story = time.time(), Story(sandbox)
        _read_days(steps, sandbox, story, warehouse, lag=began - START)
        build(steps, warehouse, WORK)
        _compare(steps, story, warehouse)
    show(console, warehouse, warehouse.picture)
    console.print(_command_to_try(), soft_wrap=True, highlight=False, markup=False)


def _read_days(steps: Steps, sandbox: Sandbox, story: Story, warehouse: Warehouse, lag: float) -> None:
    config = sandbox.config(lookback_window_days=3650)  # so each reading covers all videos
    with steps.step(f"{READINGS[-1]} days", "starting the connector") as step:
        for day in story.days():
            step.progress(f"day {day}", day, READINGS[-1])
            read(Account("demo", config, save=config.update, lag=lag - day * DAY), warehouse, WORK)
        step.done = f"{len(READINGS)} readings of {len(story.account.videos)} videos"


def _compare(steps: Steps, story: Story, warehouse: Warehouse) -> None:
    """Compare the last reading and the gone videos with the local TikTok; raise SyncError if they differ."""
    with steps.step("compare", "with what the local TikTok holds") as step:
        user, videos = story.account.user, story.account.videos
        truth = [{**video, "open_id": user["open_id"]} for video in videos]
        problems = differences("profile", "open_id", [user], _rows(warehouse, "user_info"))
        problems += differences("video", "id", truth, _rows(warehouse, "videos"))
        gone = sorted(
            row["video_id"] for row in warehouse.run("select video_id from {schema}.tiktok_organic__gone_videos")
        )
        if gone != sorted(story.gone):
            problems.append(f"{gone} are reported as gone instead of {sorted(story.gone)}.")
        if problems:
            raise SyncError("The tables differ from the local TikTok:\n" + "\n".join(problems))
        step.done = f"all {len(truth)} videos are there with every value, and {len(gone)} are gone"


def _rows(warehouse: Warehouse, table: str) -> list[Row]:
    """The rows of the last day, without the columns that PyAirbyte adds."""
    rows = warehouse.run(f"select * from {{schema}}.{table} {LAST_DAY}")
    return [{name: value for name, value in row.items() if not name.startswith("_airbyte")} for row in rows]


def _command_to_try() -> str:
    python = os.path.relpath(sys.executable) if Path(sys.executable).is_relative_to(Path.cwd()) else sys.executable
    # `db` keeps the connection open: without it, DuckDB closes the connection before it shows the rows.
    return (
        f"""{shlex.quote(python)} -c "import duckdb; db = duckdb.connect('{DATABASE}'); db.sql('{TO_TRY}').show()\""""
    )


if __name__ == "__main__":
    sys.exit(main())
