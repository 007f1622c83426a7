"""What `make sync` prints of the models, as a terminal of 80 columns shows it."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from examples.sync import report

Row = dict[str, Any]
COUNTS = {"follower_count": 1000, "likes_count": 20_000, "video_count": 3, "views_total": 900_000}


def day(date: str, **changes: Any) -> Row:
    account = {"open_id": "_000a", "username": "ada", "display_name": "Ada"}
    return {**account, "date_day": date, **COUNTS, **changes}


def video(number: int, **changes: Any) -> Row:
    return {"caption": f"Video {number}", "views_a_day": 1000.4 / number, "posted": "2026-09-01", **changes}


def lost(number: int) -> Row:
    return {"caption": f"Lost {number}", "view_count": number, "missing_since_day": "2026-09-20"}


def printed(**rows: list[Row]) -> list[str]:
    """The lines of a report over a warehouse that has these rows, by the names of the queries."""
    answers = {getattr(report, query): rows.get(query.lower(), []) for query in ("DAYS", "FASTEST", "GONE", "BY_MONTH")}

    class Warehouse:
        run = staticmethod(answers.__getitem__)

    output = io.StringIO()
    report.report(Console(file=output, width=80, color_system=None), Warehouse())  # type: ignore[arg-type]
    return [line.rstrip() for line in output.getvalue().splitlines()]


def test_growth_since_the_reading_before_and_the_first() -> None:
    days = [
        day("2026-09-01", follower_count=900, views_total=None),
        day("2026-09-27", follower_count=1010),
        day("2026-09-28", video_count=4),
    ]
    assert printed(days=days) == [
        "  Ada @ada          Followers      Likes     Videos      Views",
        "  on 2026-09-28         1,000     20,000          4    900,000",
        "  since 2026-09-27        -10         +0         +1         +0",
        "  since 2026-09-01       +100         +0         +1          -",
        "",
    ]


def test_first_reading_says_that_growth_follows() -> None:
    assert printed(days=[day("2026-09-01", username=None, display_name=None)]) == [
        "  _000a                     Followers      Likes     Videos      Views",
        "  on 2026-09-01                 1,000     20,000          3    900,000",
        "  growth: from tomorrow on",
        "",
    ]


def test_each_account_has_its_own_growth() -> None:
    lines = printed(days=[day("2026-09-01"), day("2026-09-01", open_id="_000b", display_name="Bob", username="")])
    assert [line.split()[0] for line in lines if line] == ["Ada", "on", "growth:", "Bob", "on", "growth:"]


def test_fastest_videos_are_shown_in_one_line_each() -> None:
    captions = ["Two\nlines \x1b[31mred", "x" * 100, None]
    videos = [video(number, caption=caption) for number, caption in enumerate(captions, start=1)]
    assert printed(fastest=videos) == [
        "Fastest videos, by views a day",
        "  1,000  2026-09-01  Two lines [31mred",
        f"    500  2026-09-01  {'x' * 56}…",
        "    333  2026-09-01  (no caption)",
        "",
    ]


def test_three_of_the_gone_videos_are_named() -> None:
    assert printed(gone=[lost(number) for number in range(1, 6)]) == [
        "Gone: deleted or no longer public, 5 in all",
        "  1  2026-09-20  Lost 1",
        "  2  2026-09-20  Lost 2",
        "  3  2026-09-20  Lost 3",
    ]


def test_gone_videos_are_counted_only_if_more_than_shown() -> None:
    assert printed(gone=[lost(1)])[0] == "Gone: deleted or no longer public"


def test_the_newest_twelve_months_are_drawn() -> None:
    months = [
        {"year": 2025 + n // 12, "month": n % 12 + 1, "videos": 1, "views": 800 if n < 13 else 8} for n in range(20)
    ]
    assert printed(by_month=months) == ["Views by month of posting  2025-09 █████▁▁▁▁▁▁▁ 2026-08"]


def test_whole_report_leaves_nine_lines_of_a_terminal() -> None:
    """For the steps before it, and for the picture and the command after it."""
    lines = printed(
        days=[day(f"2026-09-{number}") for number in (10, 20, 28)],
        fastest=[video(number) for number in (1, 2, 3)],
        gone=[lost(number) for number in range(9)],
        by_month=[{"year": 2025, "month": 9, "videos": 1, "views": 8}],
    )
    assert len(lines) == 24 - 9


def test_without_readings_nothing_is_said() -> None:
    assert printed() == []
