"""Months without gaps, and bars and sparklines of block characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EIGHTHS = " ▏▎▍▌▋▊▉█"
HEIGHTS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Month:
    """The videos that an account posted in one month.

    Attributes:
        name: "2026-03", in UTC.
        videos: number of videos.
        views: their views to date.
    """

    name: str
    videos: int = 0
    views: int = 0


def fill_gaps(months: Iterable[Month]) -> list[Month]:
    """All months from the first to the last, in order; months without videos have zeros."""
    known = {month.name: month for month in months}
    if not known:
        return []
    first, last = _number(min(known)), _number(max(known))
    names = [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(first, last + 1)]
    return [known.get(name, Month(name)) for name in names]


def _number(name: str) -> int:
    """Months since the year 0; consecutive months differ by 1."""
    year, month = name.split("-")
    return int(year) * 12 + int(month) - 1


def bar(value: int, largest: int, cells: int) -> str:
    """A bar for `value`, scaled so that `largest` takes `cells` characters; any positive value is visible."""
    if value <= 0:
        return ""
    eighths = max(1, round(value / largest * cells * 8))
    return (EIGHTHS[8] * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


def sparkline(values: Sequence[int]) -> str:
    """One character for each value, scaled to the largest; any positive value is visible."""
    largest = max(values, default=0)
    return "".join(HEIGHTS[max(1, round(value / largest * 8)) if value > 0 else 0] for value in values)
