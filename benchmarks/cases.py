"""The rows: account, server latency, rate limit and readers."""

from __future__ import annotations

from dataclasses import dataclass

PEERS = ("loop", "singer", "dlt", "low_code")
READERS = ("connector", *PEERS)
YEARS = 3
LOOKBACK_DAYS = 30  # the connector's default
DOCUMENTED_LIMIT = 600  # requests a minute and endpoint
NO_LIMIT = 0
STARTUP = "startup"


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        name: for `--only`.
        latency: the server's time for each request, in s.
        rate_limit: requests a minute that the server allows.
        start_date: in the connector's config; None for no start date, which means all videos since 2014.
        below: the rate limit is far below the documented one; a peer that fails there is a result.
        repeat: how many times each reader runs; short runs are repeated, because their noise is larger.
        incremental: two syncs of the connector, the second with the state of the first.
    """

    name: str
    title: str
    videos: int
    latency: float = 0.0
    rate_limit: int = DOCUMENTED_LIMIT
    start_date: str | None = "2022-01-01"
    readers: tuple[str, ...] = READERS
    below: bool = False
    repeat: int = 1
    incremental: bool = False


CASES = (
    Case("50", "50 videos, default config, 300 ms a request", 50, 0.3, start_date=None, repeat=3),
    Case("1000-300ms", "1,000 videos, 300 ms a request", 1_000, 0.3),
    # All peers read page after page, as the previous row shows, so the loop represents them here.
    Case("10000-300ms", "10,000 videos, 300 ms a request", 10_000, 0.3, readers=("connector", "loop")),
    Case("719-30", "719 videos, 300 ms a request, 30 a minute", 719, 0.3, 30, start_date=None, below=True),
    Case("2530-60", "2,530 videos, 300 ms a request, 60 a minute", 2_530, 0.3, 60, start_date=None, below=True),
    Case("1000-0ms", "1,000 videos, 0 ms a request, no limit", 1_000, rate_limit=NO_LIMIT, repeat=3),
    Case("10000-0ms", "10,000 videos, 0 ms a request, no limit", 10_000, rate_limit=NO_LIMIT, repeat=3),
    # The bar applies to about 55 videos in the last 30 days: 2,000 videos in three years.
    Case(
        "incremental",
        "Nothing new: a second sync, 300 ms a request",
        2_000,
        0.3,
        readers=("connector",),
        repeat=3,
        incremental=True,
    ),
    Case("14000-0ms", "14,000 videos, 0 ms a request, limit 600 a minute", 14_000, readers=("connector",)),
    Case("100000-0ms", "100,000 videos, 0 ms a request, no limit", 100_000, 0, NO_LIMIT, readers=("connector",)),
)
NAMES = (*(case.name for case in CASES), STARTUP)
