"""Tracks which periods of each account were read, and which are left. Times are in s; periods include both ends."""

from __future__ import annotations

import bisect
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import airbyte_cdk as cdk
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor, CursorField
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition

EMIT_AFTER_S, EMIT_AFTER_PAGES = 3, 10
END_OF_TIME_S = 9_999_999_999  # of the newest window: TikTok's list begins where it begins
Period = tuple[int, int]
State = Mapping[str, Any]


class AccountCursor(Cursor):
    """The cursor of `videos`: its state has what was read page by page, so that a stopped sync continues there.

    It replaces the CDK's ConcurrentPerPartitionCursor, which counts a window only when it is complete and emits its
    state every 600 s. The period to read is still the CDK's, from `incremental_sync` in the manifest.

    State (after a complete sync the `cursor` is {"create_time": "<s>"}, the newest video's):
        {"states": [{"partition": {"open_id": "…", "parent_slice": {}},
                     "cursor": {"state_type": "date-range", "slices": [{"start": "<s>", "end": "<s>"}]}}]}
    """

    def __init__(
        self,
        partitions: Any,
        period: Callable[[State], Period],
        states: Iterable[State],
        cursor_field: CursorField,
        emit: Callable[[State], None],
        is_full_refresh: bool = False,
    ) -> None:
        """Create a cursor.

        Args:
            partitions: the partition router, whose slices are the accounts.
            period: what a sync reads that begins with the given state of an account.
            states: those of the accounts, as above, valid.
            cursor_field: of the stream.
            emit: emits a state of the stream.
            is_full_refresh: whether a complete sync's state is ignored; one with gaps is that of a stopped attempt.
        """
        self.cursor_field = cursor_field
        self._partitions = partitions
        self.period = period
        self._states = {state["partition"]["open_id"]: state["cursor"] for state in states}
        self._emit = emit
        self._is_full_refresh = is_full_refresh
        self._accounts: dict[str, Account] = {}
        self.lock = threading.RLock()
        self._emitted_at = -math.inf  # time.monotonic()
        self._pages_since = 0
        self._emit_after_pages = EMIT_AFTER_PAGES
        # Set by the source, as the CDK makes them after the cursor.
        self.create_partition: Callable[[cdk.StreamSlice], Partition]
        self.start_reading: Callable[[Partition], None]

    @property
    def state(self) -> dict[str, Any]:
        """The state of the stream, of every account that is known."""
        with self.lock:
            cursors = {**self._states, **{open_id: account.state for open_id, account in self._accounts.items()}}
            return {
                "states": [
                    {"partition": {"open_id": open_id, "parent_slice": {}}, "cursor": cursor}
                    for open_id, cursor in cursors.items()
                ]
            }

    @property
    def covers_from(self) -> float:
        """The time (s) from which this sync itself reads every video; infinity before it has an account."""
        with self.lock:
            return max((account.covers_from for account in self._accounts.values()), default=math.inf)

    def stream_slices(self) -> Iterator[cdk.StreamSlice]:
        """The windows of each account, the newest one first."""
        for partition in self._partitions.stream_slices():
            state = self._states.get(partition["open_id"], {})
            account = Account(self, partition, {} if self._is_full_refresh and _is_complete(state) else state)
            with self.lock:
                self._accounts[partition["open_id"]] = account
            yield from [window.stream_slice() for window in account.windows]

    def newest_window(self, open_id: str) -> Partition:
        """The newest window of an account without a state, for a check."""
        return self.create_partition(self.account(open_id, {}).windows[0].stream_slice())

    def account(self, open_id: str, state: State) -> Account:
        """An account as a sync that starts with this state finds it."""
        partition = cdk.StreamSlice(partition={"open_id": open_id, "parent_slice": {}}, cursor_slice={})
        return Account(self, partition, state)

    def page_was_read(self) -> None:
        """Emit the state every few pages or seconds: the records are in the queue now. Call it with the lock held."""
        self._pages_since += 1
        now = time.monotonic()
        if self._pages_since >= self._emit_after_pages or now >= self._emitted_at + EMIT_AFTER_S:
            self._emitted_at = now
            self._pages_since = 0
            self._emit(self.state)

    def expect_pause(self) -> None:
        """Emit the state, now and after each page: a worker waits for minutes, in which the sync may be stopped."""
        with self.lock:
            self._emit_after_pages = 1
            self._emit(self.state)

    def ensure_at_least_one_state_emitted(self) -> None:
        """Emit the state, when the stream ends or the process exits."""
        with self.lock:
            self._emit(self.state)

    def observe(self, record: Any) -> None:
        """Do nothing: pages advance the state, not records."""

    def close_partition(self, partition: Partition) -> None:
        """Do nothing: the paginator reports when a window is complete; a failed stream leaves its windows open."""

    def should_be_synced(self, record: Any) -> bool:
        """Always: `DeduplicatingFilter` decides."""
        return True


class Account:
    """One account's history.

    Attributes:
        video_count: how many public videos TikTok counts; 0 if that is unknown.
        covers_from: the time (s) from which this sync itself reads every video; one that continues a stopped sync does
            so only after what that one read.
        pages_read, windows_split: in this sync.
        windows: those that are not complete.
    """

    def __init__(self, cursor: AccountCursor, partition: cdk.StreamSlice, state: State) -> None:
        count = partition.extra_fields.get("video_count")
        self.cursor = cursor
        self.partition = partition
        self.video_count = count if isinstance(count, int) else 0
        self.pages_read = 0
        self.windows_split = 0
        self._videos_read = 0
        self._has_changed = False
        first, now = cursor.period({})
        start, _ = (first, now) if not _is_complete(state) else cursor.period(state)
        self.covers_from = max([start, *(end + 1 for _, end in _slices(state))])
        self._initial = state or {"create_time": str(first)}
        self._read = _slices(state) or ([(first, start - 1)] if first < start else [])
        self._newest = max([first, *_newest(state)])
        self.windows = [Window(self, *gap) for gap in _gaps(self._read, start, now)][::-1]
        for window in self.windows[:1]:
            window.is_open = window.end == now

    @property
    def state(self) -> State:
        """The account's `cursor` in the state."""
        if not self.windows:
            return {"create_time": str(self._newest)}
        if not self._has_changed:
            return self._initial
        slices = [{"start": str(start), "end": str(end)} for start, end in self._read]
        slices[-1]["most_recent_cursor_value"] = str(self._newest)
        return {"state_type": "date-range", "slices": slices}

    def videos_left(self) -> float:
        """How many videos there can be to read, at most."""
        return self.video_count - self._videos_read if self.video_count > self._videos_read else math.inf

    def add(self, start: int, end: int) -> None:
        """Count a period as read."""
        bisect.insort(self._read, (start, end))
        merged = self._read[:1]
        for begin, stop in self._read[1:]:
            if begin <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
            else:
                merged.append((begin, stop))
        self._read = merged
        self._has_changed = True

    def page_was_read(self, videos: int, newest: int) -> None:
        """Count a page with so many new videos, the newest of them posted at `newest` (s; 0 for none)."""
        self.pages_read += 1
        self._videos_read += videos
        self._newest = max(self._newest, newest)
        self.cursor.page_was_read()


class Window:
    """A period that one worker reads, page by page into the past. Only that worker calls its methods.

    Attributes:
        account: whose history it belongs to.
        start: its first second. It moves up when the window is split.
        end: its last second that is not read yet. It moves down with each page.
        is_open: whether its end is the time at which the sync started, and it has no video yet.
    """

    def __init__(self, account: Account, start: int, end: int) -> None:
        self.account = account
        self.start = start
        self.end = end
        self._last = end
        self.is_open = False

    def stream_slice(self) -> cdk.StreamSlice:
        """The window for the CDK; as long as it is read, its `window` is this object."""
        times = {"start_time": str(self.start), "end_time": str(self.end if not self.is_open else END_OF_TIME_S)}
        return cdk.StreamSlice(
            partition=self.account.partition.partition, cursor_slice=times, extra_fields={"window": self}
        )

    def read_down_to(self, second: int, videos: Sequence[Any]) -> int:
        """Count what is left of the window, from this second on, as read; `videos` are those of the page.

        Returns how many seconds the page spans.
        """
        with self.account.cursor.lock:
            times = self._times(videos)
            self._close(times)
            end = self.end
            if second <= end and not self.is_open:
                self.account.add(second, end)
                self.end = second - 1
            # Pages repeat videos: pinned ones, and those of their last second.
            rows = [video for video in videos if isinstance(video, Mapping)]
            new = {row.get("id") for row in rows if row.get("create_time") in range(second, end + 1)}
            self.account.page_was_read(len(new), max((time for time in times if time <= self._last), default=0))
            newest = end if end >= second else max(times, default=second)
            return newest + 1 - second

    def finish(self, videos: Sequence[Any]) -> None:
        """Count all that is left of the window as read."""
        with self.account.cursor.lock:
            self.account.windows.remove(self)
            self.read_down_to(self.start, videos)

    def expect_pause(self) -> None:
        """Tell the cursor that this worker has to wait."""
        self.account.cursor.expect_pause()

    def split(self, edges: Sequence[int]) -> None:
        """Leave the periods before each of these seconds, the latest one first, to other workers."""
        cursor = self.account.cursor
        edges = [edge for edge in dict.fromkeys(edges) if self.start < edge <= self.end]
        with cursor.lock:
            older = [Window(self.account, start, end - 1) for end, start in pairwise([*edges, self.start])]
            self.start = edges[0] if edges else self.start
            self.account.windows += older
            self.account.windows_split += len(older)
        for window in older:
            cursor.start_reading(cursor.create_partition(window.stream_slice()))

    def _times(self, videos: Sequence[Any]) -> list[int]:
        times = [video.get("create_time") for video in videos if isinstance(video, Mapping)]
        return [time for time in times if type(time) is int and time >= self.start]

    def _close(self, times: Sequence[int]) -> None:
        """End the newest window at its newest video: one that TikTok lists later must not count as read."""
        if self.is_open and times:
            self.is_open = False
            self.end = min(self.end, max(times))


def _is_complete(state: State) -> bool:
    return "create_time" in state


def _slices(state: State) -> list[Period]:
    return sorted((int(part["start"]), int(part["end"])) for part in state.get("slices", ()))


def _newest(state: State) -> Iterator[int]:
    if "create_time" in state:
        yield int(state["create_time"])
    for part in state.get("slices", ()):
        if "most_recent_cursor_value" in part:
            yield int(part["most_recent_cursor_value"])


def _gaps(read: Iterable[Period], start: int, end: int) -> Iterator[Period]:
    """What lies between these periods from `start` to `end`."""
    for begin, stop in read:
        if start < begin:
            yield start, min(begin - 1, end)
        start = max(start, stop + 1)
    if start <= end:
        yield start, end
