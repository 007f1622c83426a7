"""What a person wants to see of the account, from the DuckDB file."""

from __future__ import annotations

import os
import shlex
import sys
import unicodedata
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from examples.demo.database import query
from examples.demo.months import Month, bar, without_holes

Row = dict[str, Any]
MONTHS_AT_MOST = 48
COUNTS = {
    "follower_count": "followers",
    "following_count": "following",
    "likes_count": "likes",
    "video_count": "videos",
}
TOP = """
    SELECT view_count, like_count, strftime(make_timestamp(create_time * 1000000), '%Y-%m-%d') AS posted,
           video_description
    FROM tiktok.videos ORDER BY view_count DESC NULLS LAST, create_time DESC LIMIT 10
"""
BY_MONTH = """
    SELECT strftime(make_timestamp(create_time * 1000000), '%Y-%m') AS name, count(*) AS videos,
           coalesce(sum(view_count), 0)::BIGINT AS views
    FROM tiktok.videos GROUP BY name
"""
TO_TRY = """
    select dayname(make_timestamp(create_time * 1000000)) as posted_on, count(*) as videos,
    round(avg(view_count))::bigint as views_each from tiktok.videos group by all order by views_each desc
"""


def report(console: Console, database: Path) -> None:
    """Print the profile, the most viewed videos, the views by month, and how to go on."""
    for profile in query(database, "SELECT * FROM tiktok.user_info"):
        _section(console, "Profile", _profile(profile))
    top = query(database, TOP)
    months = [Month(**row) for row in query(database, BY_MONTH)]
    if top:
        _section(console, "Most viewed videos", _top(top))
        _section(console, "Views by month of posting", _chart(without_holes(months), console.width))
    else:
        _section(console, "Videos", Text("The account has no public videos.", style="dim"))
    _section(console, "The database", Text(str(database.resolve())))
    # Not wrapped by us, so that it can be copied in one piece.
    console.print(f"Try it:\n\n{command_to_try(database)}\n", soft_wrap=True, highlight=False, markup=False)


def command_to_try(database: Path) -> str:
    """A line for the shell: which weekday brings the most views."""
    sql = " ".join(TO_TRY.split())
    python = os.path.relpath(sys.executable) if Path(sys.executable).is_relative_to(Path.cwd()) else sys.executable
    # In a variable: without one, DuckDB closes the connection before the rows are shown.
    code = f"import duckdb; db = duckdb.connect('{database}'); db.sql('{sql}').show()"
    return f'{shlex.quote(python)} -c "{code}"'


def _section(console: Console, title: str, body: Any) -> None:
    console.print(Text(title, style="bold"))
    console.print(Padding(body, (0, 0, 1, 2), expand=False))


def _profile(user: Row) -> Group:
    name = Text(_one_line(user["display_name"]), style="bold cyan")
    name.append(f"  @{_one_line(user['username'])}", style="default not bold")
    if user["is_verified"]:
        name.append("  ✓ verified", style="green not bold")
    counts = Text()
    for column, label in COUNTS.items():
        counts.append(_number(user[column]), style="bold").append(f" {label}   ")
    lines = [Text(_one_line(user[column])) for column in ("bio_description", "profile_deep_link") if user[column]]
    return Group(name, *lines, counts)


def _top(videos: list[Row]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    for heading in ("Views", "Likes"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Posted, UTC", no_wrap=True)
    # Last, and no border after it: terminals disagree on the width of some emoji and on text from right to left.
    table.add_column("Caption", no_wrap=True, overflow="ellipsis", ratio=1)
    for video in videos:
        caption = _one_line(video["video_description"])
        shown = Text(caption) if caption else Text("(no caption)", style="dim")
        table.add_row(_number(video["view_count"]), _number(video["like_count"]), video["posted"], shown)
    return table


def _chart(months: list[Month], width: int) -> Table:
    shown, largest = months[-MONTHS_AT_MOST:], max(month.views for month in months[-MONTHS_AT_MOST:])
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("Month, UTC", no_wrap=True)
    for heading in ("Videos", "Views"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, style="cyan")
    earlier = months[:-MONTHS_AT_MOST]
    if earlier:
        table.add_row("earlier", _sum(earlier, "videos"), _sum(earlier, "views"), "", style="dim")
    for month in shown:
        values = (f"{month.videos:,}", f"{month.views:,}") if month.videos else ("", "")
        table.add_row(month.name, *values, bar(month.views, largest, max(10, min(width, 100) - 40)))
    return table


def _sum(months: list[Month], column: str) -> str:
    return f"{sum(getattr(month, column) for month in months):,}"


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _one_line(text: str | None) -> str:
    """Text of a stranger for the terminal: no line breaks, and no control characters, which could steer it."""
    clean = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text or "")
    return " ".join(clean.split())
