"""The source: manifest.yaml for one config, catalog and state. Only this file touches private parts of the CDK."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from typing import Any

import airbyte_cdk as cdk
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.declarative.incremental import ConcurrentPerPartitionCursor
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition

from source_tiktok_organic.account import check_account, count_videos
from source_tiktok_organic.config import BASE_URL_VARIABLE, check_request, load_manifest, prepared


class SourceTiktokOrganic(ConcurrentDeclarativeSource):
    """Reads a TikTok account's profile and public videos, with the config, catalog and state of its constructor."""

    def __init__(self, catalog: Any = None, config: Mapping[str, Any] | None = None, state: Any = None) -> None:
        manifest = load_manifest()
        for part, difference in manifest["definitions"]["in_check"].items() if catalog is None else ():
            manifest["definitions"][part].update(difference)
        super().__init__(catalog=catalog, config=config, state=state, source_config=manifest)
        # The CDK has no setting for this: it lets 10,000 records of 5 KB wait to be emitted. (test_process.py: memory)
        self._concurrent_source._queue.maxsize = 200
        if BASE_URL_VARIABLE in os.environ:
            self.logger.warning(f"{BASE_URL_VARIABLE} is set: requests and credentials go there instead of to TikTok.")

    def check(self, logger: logging.Logger, config: Any) -> cdk.AirbyteConnectionStatus:
        """Whether the profile can be read; the log says whose it is, and which permissions are missing for the rest."""
        if config and not self._config:  # the CDK's constructor takes it, and its methods ignore it
            return type(self)(None, prepared(config)).check(logger, config)
        return check_account(self.streams(config), self._config, self.resolved_manifest)

    def read(self, logger: Any, config: Any, catalog: Any, state: Any = None) -> Iterator[cdk.AirbyteMessage]:
        """Yield the messages of a sync."""
        if config and not self._config:
            yield from type(self)(catalog, prepared(config), state).read(logger, config, catalog, state)
            return
        check_request(catalog, self._config, self.resolved_manifest)
        try:
            messages = super().read(logger, config, catalog, state)
            yield from count_videos(messages, catalog, self._config, state, self.resolved_manifest)
        finally:
            # Otherwise workers would wait forever to put records on a queue that nobody reads. (test_ends.py)
            source = self._concurrent_source
            source._threadpool._threadpool.shutdown(wait=False, cancel_futures=True)
            with source._queue.not_full:
                source._queue.maxsize = 10**9
                source._queue.not_full.notify_all()

    def streams(self, config: Mapping[str, Any]) -> list[Any]:
        """The streams of the manifest; that of `videos` with an `AccountCursor`."""
        streams = super().streams(config)
        for stream in streams:
            cursor: Any = stream.cursor
            if isinstance(cursor, ConcurrentPerPartitionCursor):
                # The CDK has no hook for this: it creates the cursor itself, always of this class. (test_windows.py)
                cursor.__class__ = AccountCursor
                cursor.create = stream._stream_partition_generator._partition_factory.create  # type: ignore[attr-defined]
                cursor.enqueue = self._concurrent_source._queue.put  # type: ignore[attr-defined]
        return streams


class AccountCursor(ConcurrentPerPartitionCursor):
    """The CDK's cursor, with three changes, for which it has no hook (test_state.py, test_windows.py).

    It emits the state after each window, not every 600 s, or a killed sync would start over. A record moves the state
    only within its own window: a pinned post, or one dated tomorrow, would carry it past unread videos. And windows are
    shared: a worker that finds many pages ahead of it leaves most of them to others.
    """

    create: Callable[[cdk.StreamSlice], Partition]
    enqueue: Callable[[Partition], None]

    def _throttle_state_message(self) -> float:
        return time.time()

    def observe(self, record: cdk.Record) -> None:
        """Let the state follow a record, if its time lies in its window; pages begin with the newest one."""
        window: Mapping[str, Any] = record.associated_slice or {}
        with suppress(KeyError, TypeError, ValueError):
            start, second, end = int(window["start_time"]), int(record["create_time"]), int(window["end_time"])
            if start <= second <= end and second > self._newest.get(end, 0):
                self._newest[end] = second
                super().observe(record)

    def _generate_slices_from_partition(self, partition: cdk.StreamSlice, parent_state: Any) -> Iterator[Any]:
        self._shortened: dict[cdk.StreamSlice, Partition] = {}
        self._newest: dict[int, int] = {}  # the newest create_time in each window, by its end (s)
        shared = {**partition.extra_fields, "share": self.share}
        account = cdk.StreamSlice(partition=partition.partition, cursor_slice={}, extra_fields=shared)
        yield from super()._generate_slices_from_partition(account, parent_state)

    def share(self, window: cdk.StreamSlice, oldest: int, parts: int) -> None:
        """Leave the second `oldest` and what lies before it in a window to other workers, in equal parts."""
        start, key = int(window["start_time"]), self._to_partition_key(window.partition)
        rest = self._part(window, oldest + 1, int(window["end_time"]))
        latest = self._cursor_per_partition[key]._most_recent_cursor_value_per_partition
        latest[rest], self._shortened[window] = latest.get(window), self.create(rest)
        edges = [start + (oldest + 1 - start) * n // parts for n in range(parts + 1)]
        for begin, end in pairwise(edges):
            self._semaphore_per_partition[key].release()
            self.enqueue(self.create(self._part(window, begin, end - 1)))

    @staticmethod
    def _part(window: cdk.StreamSlice, begin: int, end: int) -> cdk.StreamSlice:
        times, extra = {"start_time": str(begin), "end_time": str(end)}, {**window.extra_fields}
        return cdk.StreamSlice(partition=window.partition, cursor_slice=times, extra_fields=extra)

    def close_partition(self, partition: Partition) -> None:
        """Advance the state to the end of a window that was read, or of the part of it that was kept."""
        window: Any = partition.to_slice()
        if not window.extra_fields.get("unread"):
            super().close_partition(self._shortened.pop(window, partition))
