"""Accounts by the times of their posts, how TikTok may list them, and a reader of such a list without HTTP."""

import bisect
import copy
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from types import SimpleNamespace
from typing import Any

import airbyte_cdk as cdk
from airbyte_cdk.sources.streams.concurrent.cursor import CursorField

from source_tiktok_organic.components import BackwardCursorPaginationStrategy, DeduplicatingFilter, StreamError
from source_tiktok_organic.config import load_manifest
from source_tiktok_organic.cursor import AccountCursor
from unit_tests.tiktok import NOW, OAUTH_CONFIG, USER, TikTok, good, video

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
    """When the videos of an account were posted that posts regularly."""
    return [last - every * n for n in range(count)]


def pages_of(count: int) -> int:
    """How many requests an account costs: each page repeats the last second of the one before."""
    return max(1, -(-(count - 1) // 19))


def periods_of(state: Any, start: int = FIRST_POST) -> list[tuple[int, int]]:
    """What an account's `cursor` in the state counts as read: all before its time, or some periods."""
    if "create_time" in state:
        return [(start, int(state["create_time"]) - 1)]
    return [(int(part["start"]), int(part["end"])) for part in state["slices"]]


def reads(state: Any, second: int) -> bool:
    """Whether such a `cursor` counts a second as read."""
    return any(start <= second <= end for start, end in periods_of(state))


def strategy(**changes: Any) -> BackwardCursorPaginationStrategy:
    """The pagination strategy with the manifest's numbers, or some others."""
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
class VideoList:
    """TikTok's list of an account's videos; its switches are what is unknown of the paging.

    Attributes:
        posted: when the videos were posted (ms). Whole seconds make cursors of whole seconds.
        is_inclusive: a page also has the videos at its cursor, however many, and an older one.
        cuts_times: a page ends at its size, even between two videos of one time. Otherwise it ends before that time,
            or exceeds its size to complete it.
        page_sizes: the sizes of the pages with `max_count` 20, in turn.
        pinned: the places of videos that are also listed on top of each page.
        is_first_page_empty: the page without a cursor has no videos, but a cursor.
    """

    posted: Sequence[int]
    is_inclusive: bool = False
    cuts_times: bool = True
    page_sizes: Sequence[int] = (20,)
    pinned: Sequence[int] = ()
    is_first_page_empty: bool = False
    requests: list[tuple[int | None, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.posted = sorted(self.posted, reverse=True)
        self.videos = [video(ms // 1000, id=str(10_000 + n)) for n, ms in enumerate(self.posted)]
        self._negated = [-ms for ms in self.posted]
        self._seconds = sorted(ms // 1000 for ms in self.posted)

    def count(self, first: int, last: int) -> int:
        """How many videos were posted in a period (s)."""
        return _count(self._seconds, first, last)

    def serve(self, tiktok: TikTok, video_count: Any = 0) -> None:
        """Respond to video/list with this list's pages, and with `video_count` in the profile."""
        tiktok.with_an_account().responds("user", good({"user": {**USER, "video_count": video_count}}))
        tiktok.responds("videos", {"json": lambda request, _: good(self.page(**request.json()))["json"]})

    def page(self, max_count: int, cursor: int | None = None) -> dict[str, Any]:
        """The `data` of a response."""
        self.requests.append((cursor, max_count))
        first = 0 if cursor is None else self._place(cursor)
        if self.is_first_page_empty and cursor is None:
            return {"videos": [], "has_more": True, "cursor": self.posted[0] + 1}
        size = self.page_sizes[len(self.requests) % len(self.page_sizes)] if max_count == 20 else max_count
        end = min(first + size, len(self.posted))
        if self.is_inclusive and cursor is not None:
            while 0 < end < len(self.posted) and self.posted[end - 1] >= cursor:
                end += 1
        elif not self.cuts_times and end < len(self.posted):
            end = self._whole_times(first, end)
        shown = self.videos[first:end]
        if not shown:
            return {"videos": [], "has_more": False, "cursor": 0}
        pinned = [self.videos[place] for place in self.pinned]
        return {"videos": [*pinned, *shown], "has_more": end < len(self.posted), "cursor": self.posted[end - 1]}

    def _place(self, cursor: int) -> int:
        """Where a page with this cursor starts."""
        passed = -cursor if self.is_inclusive else -cursor + 1
        return bisect.bisect_left(self._negated, passed)

    def _whole_times(self, first: int, end: int) -> int:
        cut = self.posted[end]
        if self.posted[first] > cut:
            return self.posted.index(cut)
        return len(self.posted) - list(reversed(self.posted)).index(cut)


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
        claimed_too_early: how many videos the states counted as read before they were emitted.
        pages: how many pages the account counted, and `extra_windows` how many windows were split off.
    """

    start: int
    ids: list[str] = field(default_factory=list)
    errors: list[StreamError] = field(default_factory=list)
    windows: list[tuple[int, int]] = field(default_factory=list)
    state: Any = None
    times: list[int] = field(default_factory=list)
    claimed_too_early: int = 0
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
                reading.claimed_too_early += listed.count(*period) - _count(reading.times, *period)
        yield


def _count(ascending: Sequence[int], first: int, last: int) -> int:
    return bisect.bisect_right(ascending, last) - bisect.bisect_left(ascending, first)
