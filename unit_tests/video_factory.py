"""Accounts by the times of their posts, and a reader of their list without HTTP."""

import bisect
import copy
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from types import SimpleNamespace
from typing import Any

import airbyte_cdk as cdk
from airbyte_cdk.sources.streams.concurrent.cursor import CursorField

from source_tiktok_organic.components import BackwardCursorPaginationStrategy, DeduplicatingFilter, StreamError
from source_tiktok_organic.config import load_manifest
from source_tiktok_organic.cursor import AccountCursor
from unit_tests.tiktok import NOW, OAUTH_CONFIG, VideoList, count_between

DAY = 86_400
OWN, OTHER = "_000account", "_000somebody_else"
DEFINITIONS = load_manifest()["definitions"]
FIRST_POST = DEFINITIONS["first_post"]  # s
INVALID_CURSOR = ("system_error", DEFINITIONS["messages"]["invalid_cursor"])


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp())


NOW_S = int(datetime.fromisoformat(NOW.replace("Z", "+00:00")).timestamp())


def config(**options: Any) -> dict[str, Any]:
    return {**copy.deepcopy(OAUTH_CONFIG), "start_date": "2024-01-01", **options}


def state_of(create_time: int, open_id: str = OWN) -> dict[str, Any]:
    partition = {"open_id": open_id, "parent_slice": {}}
    return {"states": [{"partition": partition, "cursor": {"create_time": str(create_time)}}]}


def day_of(second: int) -> date:
    return datetime.fromtimestamp(second, timezone.utc).date()


def times(outcome: Any) -> list[int]:
    return sorted(v["create_time"] for v in outcome.records("videos"))


def posts(count: int, every: int, last: int = NOW_S) -> list[int]:
    """When the videos of a regularly posting account were posted."""
    return [last - every * n for n in range(count)]


def pages_of(count: int) -> int:
    """How many requests an account needs: each page repeats the last second of the previous one."""
    return max(1, -(-(count - 1) // 19))


def periods_of(state: Any, start: int = FIRST_POST) -> list[tuple[int, int]]:
    """The periods that an account's `cursor` in the state counts as read: all before its time, or some slices."""
    if "create_time" in state:
        return [(start, int(state["create_time"]) - 1)]
    return [(int(part["start"]), int(part["end"])) for part in state["slices"]]


def reads(state: Any, second: int) -> bool:
    """Whether such a `cursor` counts a second as read."""
    return any(start <= second <= end for start, end in periods_of(state))


def strategy(**changes: Any) -> BackwardCursorPaginationStrategy:
    """The pagination strategy with the manifest's numbers, or others."""
    numbers = {k: v for k, v in DEFINITIONS["pagination_strategy"].items() if not isinstance(v, str)}
    given = {**numbers, "first_post": FIRST_POST, "messages": DEFINITIONS["messages"], **changes}
    return BackwardCursorPaginationStrategy(**given)


def deduplicating_filter(start: int = FIRST_POST) -> DeduplicatingFilter:
    """The filter of a sync whose start date is at `start` (s)."""
    given = {"start_date": str(start), "first_post": FIRST_POST, "messages": DEFINITIONS["messages"]}
    return DeduplicatingFilter(config={}, parameters={}, **given)


def response(**data: Any) -> Any:
    """A response of video/list as the error handler leaves it."""
    return SimpleNamespace(json=lambda: {"data": data})


@dataclass
class Reading:
    """What was read of a list.

    Attributes:
        start: the start date (s).
        ids: of the emitted records, in order.
        errors: those that ended a window.
        windows: as (start, end), in the order in which they were started.
        state: the account's `cursor` in the last state.
        times: when the emitted records were posted (s), ascending.
        claimed_before_emitted: how many videos the states counted as read before they were emitted.
        pages: how many pages the account counted, and `extra_windows` how many windows were split off.
    """

    start: int
    ids: list[str] = field(default_factory=list)
    errors: list[StreamError] = field(default_factory=list)
    windows: list[tuple[int, int]] = field(default_factory=list)
    state: Any = None
    times: list[int] = field(default_factory=list)
    claimed_before_emitted: int = 0
    pages: int = 0
    extra_windows: int = 0

    @property
    def edges(self) -> list[int]:
        """The first second of each window but the oldest, the latest one first."""
        return sorted((end + 1 for _, end in self.windows[1:]), reverse=True)


def read_list(
    listed: VideoList, video_count: Any = 0, *, start: int = FIRST_POST, workers: int = 1, **numbers: Any
) -> Reading:
    """Read a list with the real cursor, strategy and filter; `workers` take turns, request by request."""
    account_slice = cdk.StreamSlice(
        partition={"open_id": OWN, "parent_slice": {}}, cursor_slice={}, extra_fields={"video_count": video_count}
    )
    cursor = AccountCursor(
        partitions=SimpleNamespace(stream_slices=lambda: [account_slice]),
        period=lambda _: (start, NOW_S),
        states=[],
        cursor_field=CursorField("create_time"),
        emit=lambda _: None,
    )
    waiting = deque[cdk.StreamSlice]()
    cursor.create_partition = lambda stream_slice: stream_slice
    cursor.start_reading = waiting.append
    waiting.extend(cursor.stream_slices())
    account = waiting[0].extra_fields["window"].account
    reading = Reading(start)
    paginator = strategy(**numbers)
    record_filter = deduplicating_filter(start)
    under_way: list[Iterator[None]] = []
    while waiting or under_way:
        while waiting and len(under_way) < workers:
            under_way.append(_read_window(waiting.popleft(), listed, paginator, record_filter, reading))
        under_way = [window for window in under_way if next(window, "complete") is None]
    reading.state = account.state
    reading.pages = account.pages_read
    reading.extra_windows = account.windows_split
    return reading


def _read_window(
    stream_slice: cdk.StreamSlice,
    listed: VideoList,
    paginator: BackwardCursorPaginationStrategy,
    record_filter: DeduplicatingFilter,
    reading: Reading,
) -> Iterator[None]:
    """Send one request after the other, as the CDK and the request body in the manifest do."""
    reading.windows.append((int(stream_slice["start_time"]), int(stream_slice["end_time"])))
    token: Any = paginator.initial_token
    is_newest = int(stream_slice["end_time"]) > NOW_S - 60  # as in the manifest
    before = None if is_newest else (int(stream_slice["end_time"]) + 1) * 1000
    while token:
        data = listed.page(token["max_count"], token["cursor"] or before)
        passed = record_filter.filter_records(data["videos"], stream_slice=stream_slice)
        for record in passed:
            reading.ids.append(record["id"])
            bisect.insort(reading.times, record["create_time"])
        try:
            page = response(**data)
            page.stream_slice = stream_slice  # as the requester does
            token = paginator.next_page_token(page, last_page_token_value=token)
        except StreamError as error:
            reading.errors.append(error)
            return
        finally:
            for period in periods_of(stream_slice.extra_fields["window"].account.state, reading.start):
                reading.claimed_before_emitted += listed.count(*period) - count_between(reading.times, *period)
        yield
