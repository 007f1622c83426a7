"""List requests by the shape of an account: `python -m benchmarks.shapes`, about a minute.

Arguments select rows whose names contain one of them. The connector reads each account once, in this process and in
compressed time, without a start date and without a rate limit. A row passes if the sync exits 0, emits each video once
and stays within its bar of list requests.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import truth
from benchmarks.command import count_responses, pages, video_ids
from benchmarks.report import table
from sandbox import ALL_SCOPES, Sandbox
from sandbox.content import STATS_SCOPE
from sandbox.facts import VIDEO_LIST_PATH
from unit_tests.connector import InProcess
from unit_tests.skipped_time import run_ahead

HOUR = 3_600
DAY = 86_400
YEAR = 365 * DAY
SEED = 7
LATENCY_S = 0.01
SKEWED_BY = 4 * DAY
SKEWED_VIDEOS = 3_000
SKEWED_LATENCY_S = 0.05  # long enough to see concurrent requests
COLUMNS = ("account", "video_count", "videos", "pages", "list requests", "bar", "most in flight", "verdict")
Ages = Callable[[random.Random], list[int]]


def burst(rng: random.Random, age: int, videos: int, span: int) -> list[int]:
    """Ages (s) of videos posted in different seconds within `span`, the first of them `age` ago."""
    return [age - offset for offset in rng.sample(range(span), videos)]


def bursts(videos: int, span: int, every: int, years: int) -> Ages:
    """The same number of videos within `span`, once in each `every` (s)."""
    starts = range(every, years * YEAR, every)
    return lambda rng: [age for start in starts for age in burst(rng, start, videos, span)]


def old_burst_and_trickle(rng: random.Random) -> list[int]:
    """A month of many posts ten years ago, and one post a week in the last two years."""
    return burst(rng, 10 * YEAR, 1_000, 30 * DAY) + [week * 7 * DAY + HOUR for week in range(104)]


def first_year_then_silence(rng: random.Random) -> list[int]:
    """All videos in the first of nine years."""
    return burst(rng, 9 * YEAR, 2_000, YEAR)


def growing(rng: random.Random) -> list[int]:
    """Twice as many videos each year, for ten years."""
    return _within_ten_years(rng.expovariate(0.7 / YEAR) for _ in range(2_500))


def fading(rng: random.Random) -> list[int]:
    """Half as many videos each year, for ten years."""
    return [10 * YEAR + HOUR - age for age in growing(rng)]


def nested_bursts(rng: random.Random) -> list[int]:
    """Bursts of bursts: at each of five scales, all posts are at the two ends of the span."""
    spans = [(HOUR, 10 * YEAR)]
    for _ in range(5):
        spans = [end for start, length in spans for end in _two_ends(start, length)]
    return [age for start, length in spans for age in burst(rng, start + length, 60, length)]


def last_weeks_flood(rng: random.Random) -> list[int]:
    """One video every two months for nine years, and 1,500 in the last week."""
    return burst(rng, 7 * DAY, 1_500, 6 * DAY) + [number * 60 * DAY for number in range(1, 55)]


def _two_ends(start: int, length: int) -> list[tuple[int, int]]:
    part = length // 5
    return [(start, part), (start + length - part, part)]


def _within_ten_years(ages: Iterator[float]) -> list[int]:
    return [HOUR + int(age) % (10 * YEAR) for age in ages]


SERIES: dict[str, Ages] = {
    "60 within a day each half year": bursts(60, DAY, YEAR // 2, 10),
    "20 within an hour each month": bursts(20, HOUR, 30 * DAY, 6),
    "100 within a day each quarter": bursts(100, DAY, YEAR // 4, 5),
    "300 within three days each year": bursts(300, 3 * DAY, YEAR, 9),
    "40 within an hour each week": bursts(40, HOUR, 7 * DAY, 1),
    "1,000 ten years ago, then a trickle": old_burst_and_trickle,
    "a dense first year, then silence": first_year_then_silence,
    "twice as many each year": growing,
    "half as many each year": fading,
    "bursts of bursts": nested_bursts,
    "1,500 in the last week": last_weeks_flood,
}
# The factor of the profile's `video_count`; None hides the count, as a missing scope does.
COUNTS: dict[str, float | None] = {"right": 1, "unknown": None, "0": 0, "half": 0.5, "ten times": 10}


@dataclass(frozen=True)
class Row:
    """An account, and how many list requests it may take.

    Attributes:
        settings: the sandbox's settings.
        ages: of its videos (s); None to generate the videos by the settings.
        count: the profile's `video_count`, by the names of COUNTS.
        times, extra: the bar is `times` the number of pages plus `extra` requests.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    ages: Ages | None = None
    count: str = "right"
    times: float = 2
    extra: int = 10


def _skewed(name: str, **settings: Any) -> Row:
    return Row(name, {"videos": SKEWED_VIDEOS, "latency": SKEWED_LATENCY_S, **settings})


NOW = int(time.time())
UNIFORM = ((300, 5), (1_000, 3), (2_530, 6), (10_000, 3))  # videos and years
ROWS = (
    *(
        Row(f"{n:,} evenly over {years} years", {"videos": n, "years": years}, times=1.35, extra=3)
        for n, years in UNIFORM
    ),
    *(Row(name, {"videos": 0}, ages, count) for name, ages in SERIES.items() for count in COUNTS),
    _skewed("3,000, the first page empty", empty_first_page=True),
    _skewed("3,000, the machine's clock 4 days behind", now=NOW + SKEWED_BY),
    _skewed("3,000, the machine's clock 4 days ahead", now=NOW - SKEWED_BY),
)


def main(names: Sequence[str]) -> int:
    """Print a table; 1 if a bar is missed."""
    run_ahead()
    results = [measured(row) for row in ROWS if any(name in row.name for name in names or [""])]
    sys.stdout.write(table(COLUMNS, results))
    return int(any(cells[-1] != "met" for cells in results))


def measured(row: Row) -> tuple[str, ...]:
    """The cells of a row."""
    with Sandbox(**{"latency": LATENCY_S, "rate_limit": 0, **row.settings}) as sandbox:
        scopes = _prepared(sandbox, row)
        outcome = InProcess(sandbox.base_url).read(sandbox.config(scopes=scopes), "videos")
        held = video_ids(sandbox.account)
        read = [str(video["id"]) for video in outcome.records("videos")]
        problems = [*truth.problems(read, held, held), *sandbox.violations]
        requests = count_responses(sandbox, 200)
        peak = sandbox.in_flight_peak(VIDEO_LIST_PATH)
    bar = int(row.times * pages(len(held)) + row.extra)
    if outcome.exit_code:
        problems.append(f"exit code {outcome.exit_code}: {outcome.errors[:1]}")
    if requests > bar:
        problems.append("too many list requests")
    numbers = (len(held), pages(len(held)), requests, bar, peak)
    return (row.name, row.count, *(f"{number:,}" for number in numbers), "; ".join(problems[:3]) or "met")


def _prepared(sandbox: Sandbox, row: Row) -> Sequence[str]:
    """Post the videos of a row and set its profile's count; returns the scopes to grant."""
    if row.ages is not None:
        sandbox.account.post_many(NOW - age for age in row.ages(random.Random(SEED)))
    share = COUNTS[row.count]
    if share is None:
        return [scope for scope in ALL_SCOPES if scope != STATS_SCOPE]
    sandbox.account.claimed_video_count = int(share * len(sandbox.account.timeline))
    return ALL_SCOPES


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
