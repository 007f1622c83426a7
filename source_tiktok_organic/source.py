"""The source: manifest.yaml for one config, catalog and state. Only this file touches private parts of the CDK."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import airbyte_cdk as cdk
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.declarative.incremental import ConcurrentPerPartitionCursor

from source_tiktok_organic.account import check_account, count_videos
from source_tiktok_organic.config import check_request, load_manifest, prepared


class SourceTiktokOrganic(ConcurrentDeclarativeSource):
    """Reads a TikTok account's profile and public videos, with the config, catalog and state of its constructor."""

    def __init__(self, catalog: Any = None, config: Mapping[str, Any] | None = None, state: Any = None) -> None:
        super().__init__(catalog, config, state, source_config=load_manifest(in_check=catalog is None))
        # The CDK has no setting for this: it lets 10,000 records of 5 KB wait to be emitted. (test_process.py: memory)
        self._concurrent_source._queue.maxsize = 200

    def check(self, logger: Any, config: Any) -> cdk.AirbyteConnectionStatus:
        """Whether the profile can be read; the log says whose it is, and which permissions are missing for the rest."""
        # The CDK takes the config from its constructor, and its methods ignore theirs.
        source = self if self._config else type(self)(None, prepared(config))
        return check_account(source.streams(config), source._config, source.resolved_manifest)

    def read(self, logger: Any, config: Any, catalog: Any, state: Any = None) -> Iterator[cdk.AirbyteMessage]:
        """Yield the messages of a sync."""
        source = self if self._config else type(self)(catalog, prepared(config), state)
        check_request(catalog, source._config, source.resolved_manifest)
        try:
            messages = super(SourceTiktokOrganic, source).read(logger, config, catalog, state)
            yield from count_videos(messages, catalog, source._config, state, source.resolved_manifest)
        finally:
            # Otherwise workers would wait forever to put records on a queue that nobody reads. (test_from_python.py)
            queue, workers = source._concurrent_source._queue, source._concurrent_source._threadpool._threadpool
            workers.shutdown(wait=False, cancel_futures=True)
            with queue.not_full:
                queue.maxsize = sys.maxsize
                queue.not_full.notify_all()

    def streams(self, config: Mapping[str, Any]) -> list[Any]:
        """The streams of the manifest; that of `videos` with an `AccountCursor`."""
        streams: list[Any] = super().streams(config)
        for stream in (s for s in streams if isinstance(s.cursor, ConcurrentPerPartitionCursor)):
            # The CDK has no hook for this: it creates the cursor itself, always of this class. (test_windows.py)
            stream.cursor.__class__ = AccountCursor
            stream.cursor.create = stream._stream_partition_generator._partition_factory.create
            stream.cursor.enqueue = self._concurrent_source._queue.put
        return streams


class AccountCursor(ConcurrentPerPartitionCursor):
    """The CDK's cursor, with three changes, for which it has no hook (test_state.py, test_windows.py).

    The state comes after each window, not every 600 s, or a killed sync would start over. A record moves it only within
    its own window, or a pinned post would carry it past unread videos. And a worker shares the pages ahead of it.
    """

    create: Callable[[cdk.StreamSlice], Any]
    enqueue: Callable[[Any], None]
    _throttle_state_message = staticmethod(time.time)

    def observe(self, record: Any) -> None:
        """Let the state follow a record, if its time lies in its window; pages begin with the newest one."""
        second, extra = record.data.get("create_time"), record.associated_slice.extra_fields
        if isinstance(second, int) and extra["newest"] <= second <= int(record.associated_slice["end_time"]):
            extra["newest"] = second
            super().observe(record)

    def _generate_slices_from_partition(self, partition: Any, parent_state: Any) -> Iterator[Any]:
        for window in super()._generate_slices_from_partition(partition, parent_state):
            yield self._window(window, int(window["start_time"]), int(window["end_time"]))

    def share(self, window: Any, oldest: int, parts: int) -> None:
        """Leave the second `oldest` and what lies before it in a window to other workers, in equal parts."""
        start, end = int(window["start_time"]), int(window["end_time"]) + 1
        edges = [start + (oldest + 1 - start) * n // parts for n in range(parts + 1)]
        *older, kept = [self._window(window, begin, end - 1) for begin, end in pairwise([*edges, end])]
        key = self._to_partition_key(window.partition)
        latest = self._cursor_per_partition[key]._most_recent_cursor_value_per_partition
        window.extra_fields["kept"], latest[kept] = self.create(kept), latest.get(window)
        for part in older:
            self._semaphore_per_partition[key].release()
            self.enqueue(self.create(part))

    def _window(self, whole: Any, begin: int, end: int) -> cdk.StreamSlice:
        extra = {**whole.extra_fields, "share": self.share, "newest": begin}  # newest: of its create_times, in s
        times = {"start_time": str(begin), "end_time": str(end)}
        return cdk.StreamSlice(partition=whole.partition, cursor_slice=times, extra_fields=extra)

    def close_partition(self, partition: Any) -> None:
        """Advance the state to the end of a window that was read, or of the part of it that was kept."""
        extra = partition.to_slice().extra_fields
        if not extra.get("unread"):
            super().close_partition(extra.get("kept", partition))
