"""The report after a sync: growth, the fastest videos, gone videos."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from examples.sync.months import Month, fill_gaps, sparkline
from examples.sync.warehouse import Row, Warehouse

COUNTS = {"follower_count": "Followers", "likes_count": "Likes", "video_count": "Videos", "views_total": "Views"}
WHAT_VIEWS_ARE = "Views: those of all public videos together, each as last read."
MAX_MONTHS = 12
MAX_VIDEOS = 3
DAYS = "select * from {schema}.tiktok_organic__account_daily order by open_id, date_day"
# Each account's newest reading and the day of the one before it.
ACCOUNTS = """
with by_day as (
    select open_id, read_at, row_number() over (partition by open_id order by date_day desc) as from_newest
    from {schema}.tiktok_organic__account_daily
),
complete as (
    select open_id, max(began_at) as began_at from {schema}.tiktok_organic__readings group by open_id
)
select newest.open_id, complete.began_at, previous.read_at as previous_read_at
from by_day as newest
left join complete on newest.open_id = complete.open_id
left join by_day as previous on newest.open_id = previous.open_id and previous.from_newest = 2
where newest.from_newest = 1
"""
# Gains of the newest reading. A video posted since the previous reading gained all its views since then. On the first
# day there is no previous reading, so views since posting are used. The gain of any other video is unknown when it is
# read for the first time.
FASTEST = f"""
with accounts as ({ACCOUNTS}),
newest as (
    select *, row_number() over (partition by open_id, video_id order by date_day desc) as from_newest
    from {{schema}}.tiktok_organic__video_daily
),
speeds as (
    select newest.open_id, newest.video_id, newest.view_count, newest.posted_at,
        newest.views_a_day is null as since_posting,
        case
            when newest.views_a_day is not null then newest.views_a_day
            when newest.posted_at > coalesce(accounts.previous_read_at, newest.posted_at - interval '1 day')
                then newest.view_count * 86400.0
                    / greatest(86400, extract(epoch from newest.read_at - newest.posted_at))
        end as views_a_day
    from newest
    inner join accounts on newest.open_id = accounts.open_id
    where newest.from_newest = 1 and newest.read_at >= coalesce(accounts.began_at, newest.read_at)
)
select speeds.open_id, speeds.video_id, speeds.view_count, speeds.views_a_day, speeds.since_posting,
    cast(speeds.posted_at as date) as posted, videos.caption
from speeds
inner join {{schema}}.tiktok_organic__videos as videos
    on speeds.open_id = videos.open_id and speeds.video_id = videos.video_id
where speeds.views_a_day is not null
order by speeds.views_a_day desc, speeds.video_id
limit {MAX_VIDEOS}
"""
GONE = """
select open_id, missing_since_day, view_count, caption
from {schema}.tiktok_organic__gone_videos
order by missing_since desc, video_id
"""
# Limits of the numbers above.
NOTES = f"""
with accounts as ({ACCOUNTS})
select
    count(*) as public_videos,
    sum(case when videos.last_read_at < accounts.began_at then 1 else 0 end) as not_read,
    sum(case when videos.is_carried then 1 else 0 end) as carried,
    (select count(*) from {{schema}}.tiktok_organic__odd_rows) as odd
from {{schema}}.tiktok_organic__videos as videos
inner join accounts on videos.open_id = accounts.open_id
left join {{schema}}.tiktok_organic__gone_videos as gone
    on videos.open_id = gone.open_id and videos.video_id = gone.video_id
where gone.video_id is null
"""
BY_MONTH = """
select extract(year from posted_at) as year, extract(month from posted_at) as month, count(*) as videos,
    coalesce(sum(view_count), 0) as views
from {schema}.tiktok_organic__videos
where posted_at is not null
group by 1, 2
"""


def report(console: Console, warehouse: Warehouse) -> None:
    """Print the accounts' growth, the fastest videos, the gone videos, and the months of the last year."""
    accounts = _by_account(warehouse.run(DAYS))
    if not accounts:
        return
    for days in accounts.values():
        console.print(Padding(_growth(days), (0, 0, 0, 2), expand=False))
    console.print(Padding(Text(WHAT_VIEWS_ARE, style="dim"), (0, 0, 0, 2)))
    names = {open_id: _handle(days[-1]) for open_id, days in accounts.items()} if len(accounts) > 1 else {}
    fastest = warehouse.run(FASTEST)
    _videos(console, _title(fastest), fastest, "views_a_day", _posted, names)
    for note in _notes(warehouse.run(NOTES)):
        console.print(Padding(Text(note, style="dim"), (0, 0, 0, 2)))
    gone = warehouse.run(GONE)
    more = f"; {len(gone):,} in all" if len(gone) > MAX_VIDEOS else ""
    title = f"Gone: deleted or no longer public, with their last views{more}"
    _videos(console, title, gone[:MAX_VIDEOS], "view_count", _gone_since, names)
    months = [
        Month(f"{row['year']:.0f}-{row['month']:02.0f}", row["videos"], int(row["views"]))
        for row in warehouse.run(BY_MONTH)
    ]
    if months:
        _months(console, fill_gaps(months)[-MAX_MONTHS:])


def _title(fastest: list[Row]) -> str:
    first = [video["since_posting"] for video in fastest]
    since = "since they were posted" if first and all(first) else "since the reading before"
    return f"Fastest videos, by views a day {since}"


def _posted(video: Row) -> str:
    return f"posted {video['posted']}"


def _gone_since(video: Row) -> str:
    return f"gone since {video['missing_since_day']}"


def _notes(rows: list[Row]) -> list[str]:
    notes = []
    for row in rows:
        if row["not_read"]:
            notes.append(
                f"{row['not_read']:,} of {row['public_videos']:,} videos were not read in the newest reading, so "
                "they are not ranked. To read older ones too, set lookback_window_days or additional_full_sync in the "
                "config file."
            )
        if row["carried"]:
            notes.append(f"TikTok omitted counts of {row['carried']:,} videos; their last known values are used.")
        if row["odd"]:
            notes.append(f"{row['odd']:,} invalid values in the tables: see tiktok_organic__odd_rows.")
    return notes


def _by_account(rows: list[Row]) -> dict[str, list[Row]]:
    accounts: dict[str, list[Row]] = {}
    for row in rows:
        accounts.setdefault(row["open_id"], []).append(row)
    return accounts


def _growth(days: list[Row]) -> Table:
    """The newest counts of an account, with the gains since the previous reading and since the first one."""
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
    name, handle = one_line(account["display_name"]), one_line(account["username"])
    return f"{name} @{handle}" if handle else name or account["open_id"]


def _handle(account: Row) -> str:
    handle = one_line(account["username"])
    return f"@{handle}" if handle else one_line(account["display_name"]) or account["open_id"]


def _gained(new: int | None, old: int | None) -> str:
    return "-" if new is None or old is None else f"{new - old:+,}"


def _videos(
    console: Console, title: str, videos: list[Row], count: str, day: Callable[[Row], str], names: Mapping[str, str]
) -> None:
    """A line for each video; `names` are the accounts' names by open_id, if there are several accounts."""
    if not videos:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, expand=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, style="dim")
    if names:
        table.add_column(no_wrap=True, style="cyan", overflow="ellipsis", max_width=20)
    # The last column and without a border: terminals disagree on the width of some emoji and right-to-left text.
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for video in videos:
        caption = one_line(video["caption"])
        whose = [Text(names[video["open_id"]])] if names else []
        table.add_row(
            _number(video[count]), day(video), *whose, Text(caption) if caption else Text("(no caption)", style="dim")
        )
    console.print(Text(f"\n{title}", style="bold"))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _months(console: Console, months: list[Month]) -> None:
    line = Text("\nViews by month of posting  ", style="bold").append(f"{months[0].name} ", style="not bold dim")
    line.append(sparkline([month.views for month in months]), style="not bold cyan")
    console.print(line.append(f" {months[-1].name}", style="not bold dim"))


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:,.0f}"


def one_line(text: str | None) -> str:
    """Untrusted text for the terminal, without line breaks and control characters."""
    clean = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text or "")
    return " ".join(clean.split())
