"""What a person wants to see after a sync: growth, the fastest videos, what is gone."""

from __future__ import annotations

import unicodedata
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from examples.sync.months import Month, sparkline, without_holes
from examples.sync.warehouse import Row, Warehouse

COUNTS = {"follower_count": "Followers", "likes_count": "Likes", "video_count": "Videos", "views_total": "Views"}
MONTHS_AT_MOST = 12
SHOWN = 3
DAYS = "select * from {schema}.tiktok_organic__account_daily order by open_id, date_day"
# Until there is a second reading, views a day are those since the posting.
FASTEST = """
with newest as (
    select *, row_number() over (partition by open_id, video_id order by date_day desc) as from_newest
    from {schema}.tiktok_organic__video_daily
)
select newest.open_id, newest.video_id, newest.view_count, cast(newest.posted_at as date) as posted, videos.caption,
    coalesce(
        newest.views_gained * 1.0 / newest.days_since_previous,
        newest.view_count * 86400.0 / greatest(86400, extract(epoch from newest.read_at - newest.posted_at))
    ) as views_a_day
from newest
inner join {schema}.tiktok_organic__videos as videos
    on newest.open_id = videos.open_id and newest.video_id = videos.video_id
left join {schema}.tiktok_organic__gone_videos as gone
    on newest.open_id = gone.open_id and newest.video_id = gone.video_id
where newest.from_newest = 1 and gone.video_id is null
order by views_a_day desc nulls last, newest.video_id
limit 3
"""
GONE = """
select missing_since_day, view_count, caption
from {schema}.tiktok_organic__gone_videos
order by missing_since desc, video_id
"""
BY_MONTH = """
select extract(year from posted_at) as year, extract(month from posted_at) as month, count(*) as videos,
    coalesce(sum(view_count), 0) as views
from {schema}.tiktok_organic__videos
group by 1, 2
"""


def report(console: Console, warehouse: Warehouse) -> None:
    """Print the accounts' growth, the fastest videos, those that are gone, and the months of the last year."""
    for days in _by_account(warehouse.run(DAYS)).values():
        console.print(Padding(_growth(days), (0, 0, 1, 2), expand=False))
    _videos(console, "Fastest videos, by views a day", warehouse.run(FASTEST), "views_a_day", "posted", below=1)
    gone = warehouse.run(GONE)
    more = f", {len(gone)} in all" if len(gone) > SHOWN else ""
    _videos(
        console, f"Gone: deleted or no longer public{more}", gone[:SHOWN], "view_count", "missing_since_day", below=0
    )
    months = [
        Month(f"{row['year']:.0f}-{row['month']:02.0f}", row["videos"], int(row["views"]))
        for row in warehouse.run(BY_MONTH)
    ]
    if months:
        _months(console, without_holes(months)[-MONTHS_AT_MOST:])


def _by_account(rows: list[Row]) -> dict[str, list[Row]]:
    accounts: dict[str, list[Row]] = {}
    for row in rows:
        accounts.setdefault(row["open_id"], []).append(row)
    return accounts


def _growth(days: list[Row]) -> Table:
    """The newest counts of an account, and what was gained since the reading before and since the first one."""
    newest = days[-1]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(Text(_name(newest), style="bold cyan"), no_wrap=True, overflow="ellipsis", max_width=30)
    for label in COUNTS.values():
        table.add_column(label, justify="right", no_wrap=True, min_width=9)
    table.add_row(f"on {newest['date_day']}", *(_number(newest[column]) for column in COUNTS), style="bold")
    since = {day["date_day"]: day for day in (days[-2:-1] + days[:1]) if day is not newest}
    for date, day in since.items():
        table.add_row(f"since {date}", *(_gained(newest[column], day[column]) for column in COUNTS), style="green")
    if not since:
        table.add_row("growth: from tomorrow on", *[""] * len(COUNTS), style="dim")
    return table


def _name(account: Row) -> str:
    name, handle = _one_line(account["display_name"]), _one_line(account["username"])
    return f"{name} @{handle}" if handle else name or account["open_id"]


def _gained(new: int | None, old: int | None) -> str:
    return "-" if new is None or old is None else f"{new - old:+,}"


def _videos(console: Console, title: str, videos: list[Row], count: str, day: str, below: int) -> None:
    if not videos:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, expand=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, style="dim")
    # Last, and no border after it: terminals disagree on the width of some emoji and on text from right to left.
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for video in videos:
        caption = _one_line(video["caption"])
        shown = Text(caption) if caption else Text("(no caption)", style="dim")
        table.add_row(_number(video[count]), str(video[day]), shown)
    console.print(Text(title, style="bold"))
    console.print(Padding(table, (0, 0, below, 2), expand=False))


def _months(console: Console, months: list[Month]) -> None:
    line = Text("Views by month of posting  ", style="bold").append(f"{months[0].name} ", style="not bold dim")
    line.append(sparkline([month.views for month in months]), style="not bold cyan")
    console.print(line.append(f" {months[-1].name}", style="not bold dim"))


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _one_line(text: str | None) -> str:
    """Text of a stranger for the terminal: no line breaks, and no control characters, which could steer it."""
    clean = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text or "")
    return " ".join(clean.split())
