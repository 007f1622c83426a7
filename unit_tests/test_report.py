"""The layout of the report of `make sync`, on a terminal of 80 columns; its SQL is tested in test_sync_days.py."""

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
    known = {"open_id": "_000a", "caption": f"Video {number}", "posted": "2026-09-01", "since_posting": False}
    return {**known, "views_a_day": 1000.4 / number, **changes}


def gone_video(number: int) -> Row:
    return {"open_id": "_000a", "caption": f"Lost {number}", "view_count": number, "missing_since_day": "2026-09-20"}


def printed(**rows: list[Row]) -> list[str]:
    """The lines of a report over a warehouse that has these rows, by the names of the queries."""
    queries = ("DAYS", "FASTEST", "NOTES", "GONE", "BY_MONTH")
    answers = {getattr(report, query): rows.get(query.lower(), []) for query in queries}

    class Warehouse:
        run = staticmethod(answers.__getitem__)

    output = io.StringIO()
    report.report(Console(file=output, width=80, color_system=None), Warehouse())  # type: ignore[arg-type]
    return [line.rstrip() for line in output.getvalue().splitlines()]


VIEWS = "  Views: those of all public videos together, each as last read."
GROWTH = [
    "  Ada @ada                  Followers      Likes     Videos      Views",
    "  on 2026-09-01                 1,000     20,000          3    900,000",
    "  growth: from tomorrow on",
]
FIRST_DAY = [*GROWTH, VIEWS]


def test_growth_is_since_the_previous_and_first_reading() -> None:
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
        VIEWS,
    ]


def test_first_reading_says_that_growth_follows() -> None:
    assert printed(days=[day("2026-09-01", username=None, display_name=None)]) == [
        "  _000a                     Followers      Likes     Videos      Views",
        "  on 2026-09-01                 1,000     20,000          3    900,000",
        "  growth: from tomorrow on",
        VIEWS,
    ]


def test_fastest_videos_are_shown_in_one_line_each() -> None:
    captions = ["Two\nlines \x1b[31mred", "x" * 100, None]
    videos = [video(number, caption=caption) for number, caption in enumerate(captions, start=1)]
    assert printed(days=[day("2026-09-01")], fastest=videos) == [
        *FIRST_DAY,
        "",
        "Fastest videos, by views a day since the reading before",
        "  1,000  posted 2026-09-01  Two lines [31mred",
        f"    500  posted 2026-09-01  {'x' * 49}…",
        "    333  posted 2026-09-01  (no caption)",
    ]


def test_first_day_labels_speed_as_lifetime_average() -> None:
    lines = printed(days=[day("2026-09-01")], fastest=[video(1, since_posting=True)])
    assert lines[len(FIRST_DAY) + 1] == "Fastest videos, by views a day since they were posted"


def test_lists_of_several_accounts_name_the_account() -> None:
    days = [day("2026-09-01"), day("2026-09-01", open_id="_000b", display_name="Bob", username="")]
    lines = printed(days=days, fastest=[video(1), video(2, open_id="_000b")], gone=[gone_video(1)])
    assert [line.split()[0] for line in lines[:6]] == ["Ada", "on", "growth:", "Bob", "on", "growth:"]
    assert lines[6:] == [
        VIEWS,
        "",
        "Fastest videos, by views a day since the reading before",
        "  1,000  posted 2026-09-01  @ada  Video 1",
        "    500  posted 2026-09-01  Bob   Video 2",
        "",
        "Gone: deleted or no longer public, with their last views",
        "  1  gone since 2026-09-20  @ada  Lost 1",
    ]


def test_notes_report_unread_videos() -> None:
    notes = {"public_videos": 1500, "not_read": 1463, "carried": 20, "odd": 3}
    lines = printed(days=[day("2026-09-01")], fastest=[video(1)], notes=[notes])
    assert lines[len(FIRST_DAY) + 3 :] == [
        "  1,463 of 1,500 videos were not read in the newest reading, so they are not",
        "  ranked. To read older ones too, set lookback_window_days or",
        "  additional_full_sync in the config file.",
        "  TikTok omitted counts of 20 videos; their last known values are used.",
        "  3 invalid values in the tables: see tiktok_organic__odd_rows.",
    ]


def test_complete_read_prints_no_notes() -> None:
    notes = {"public_videos": 3, "not_read": 0, "carried": 0, "odd": 0}
    assert printed(days=[day("2026-09-01")], notes=[notes]) == FIRST_DAY


def test_three_of_the_gone_videos_are_named() -> None:
    assert printed(days=[day("2026-09-01")], gone=[gone_video(number) for number in range(1, 6)]) == [
        *FIRST_DAY,
        "",
        "Gone: deleted or no longer public, with their last views; 5 in all",
        "  1  gone since 2026-09-20  Lost 1",
        "  2  gone since 2026-09-20  Lost 2",
        "  3  gone since 2026-09-20  Lost 3",
    ]


def test_newest_twelve_months_are_drawn() -> None:
    months = [
        {"year": 2025 + n // 12, "month": n % 12 + 1, "videos": 1, "views": 800 if n < 13 else 8} for n in range(20)
    ]
    lines = printed(days=[day("2026-09-01")], by_month=months)
    assert lines == [*FIRST_DAY, "", "Views by month of posting  2025-09 █████▁▁▁▁▁▁▁ 2026-08"]


def test_report_fits_a_24_line_terminal() -> None:
    """With the picture and the line for cron below it."""
    lines = printed(
        days=[day(f"2026-09-{number}") for number in (10, 20, 28)],
        fastest=[video(number) for number in (1, 2, 3)],
        notes=[{"public_videos": 1500, "not_read": 1463, "carried": 0, "odd": 0}],
        gone=[gone_video(number) for number in range(9)],
        by_month=[{"year": 2025, "month": 9, "videos": 1, "views": 8}],
    )
    assert len(lines) == 24 - 4


def test_report_without_readings_is_empty() -> None:
    assert printed() == []
