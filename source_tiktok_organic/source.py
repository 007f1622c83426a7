"""The source: manifest.yaml for one config, catalog and state. Only this file touches private parts of the CDK."""

import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import airbyte_cdk as cdk
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.message import NoopMessageRepository

from source_tiktok_organic.account import check_account, report_account
from source_tiktok_organic.config import complete, load_manifest, strip_nulls, validate_catalog, validate_config
from source_tiktok_organic.cursor import AccountCursor, Period, State


class SourceTiktokOrganic(ConcurrentDeclarativeSource):
    """Reads a TikTok account's profile and public videos, with the config, catalog and state of its constructor."""

    def __init__(
        self, catalog: Any = None, config: Mapping[str, Any] | None = None, state: Any = None, *, in_check: bool = False
    ) -> None:
        if isinstance(config, dict):
            strip_nulls(config)
            complete(config)
        super().__init__(catalog, config, state, source_config=load_manifest(in_check=in_check))
        self._catalog = catalog
        self._cursors: list[AccountCursor] = []
        self._is_stopping = False
        self._last_state: cdk.AirbyteMessage | None = None
        self._has_arrived = threading.Event()
        # The CDK has no hook for its cursor. (test_state.py)
        self._constructor.create_concurrent_cursor_from_perpartition_cursor = self._create_cursor  # type: ignore
        # The CDK has no setting for this: it lets 10,000 records of 5 KB wait to be emitted. (test_process.py: memory)
        self._concurrent_source._queue.maxsize = 200

    def check(self, logger: Any, config: Any) -> cdk.AirbyteConnectionStatus:
        """Whether the profile can be read; the log says whose it is and which scopes are missing."""
        # The CDK takes the config from its constructor, and its methods ignore theirs.
        source = type(self)(None, self._config or validate_config(config), in_check=True)
        return check_account(source.streams(config), source.resolved_manifest)

    def read(self, logger: Any, config: Any, catalog: Any, state: Any = None) -> Iterator[cdk.AirbyteMessage]:
        """Yield the messages of a sync."""
        source = self if self._config else type(self)(catalog, validate_config(config), state)
        validate_catalog(catalog, source._config, source.resolved_manifest)
        source._note_reader()
        try:
            messages = super(SourceTiktokOrganic, source).read(logger, config, catalog, state)
            for message in report_account(messages, source._cursors, source.resolved_manifest):
                yield message
                source._note_reader()
                if message is source._last_state:
                    source._has_arrived.set()
                    threading.Event().wait()  # until the process exits: no record may follow the last state
        finally:
            # Otherwise workers would wait forever to put records on a queue that nobody reads. (test_from_python.py)
            queue, workers = source._concurrent_source._queue, source._concurrent_source._threadpool._threadpool
            workers.shutdown(wait=False, cancel_futures=True)
            with queue.not_full:
                queue.maxsize = sys.maxsize
                queue.not_full.notify_all()

    def emit_state(self, timeout: float) -> None:
        """Emit the state; return when the reader has it, or after `timeout` (s)."""
        self._is_stopping = True
        for cursor in self._cursors:
            cursor.ensure_at_least_one_state_emitted()
            self._has_arrived.wait(timeout)

    def streams(self, config: Mapping[str, Any]) -> list[Any]:
        """The streams of the manifest; `videos` has an `AccountCursor`."""
        streams: list[Any] = super().streams(config)
        for stream in (s for s in streams if isinstance(s.cursor, AccountCursor)):
            # The CDK has no hook for windows that are created while others are read. (test_windows.py)
            stream.cursor.create_partition = stream._stream_partition_generator._partition_factory.create
            stream.cursor.start_reading = self._concurrent_source._queue.put
        return streams

    def _create_cursor(self, **component: Any) -> AccountCursor:
        """An `AccountCursor`, in place of the CDK's ConcurrentPerPartitionCursor."""
        name, manager = component["stream_name"], component.pop("state_manager")

        def cdk_cursor(state: State) -> Any:
            changed = {**component, "stream_state": dict(state), "message_repository": NoopMessageRepository()}
            return self._constructor.create_concurrent_cursor_from_datetime_based_cursor(**changed)

        def period(state: State) -> Period:
            (window,) = cdk_cursor(state).stream_slices()
            return int(window["start_time"]), int(window["end_time"])

        def emit(state: State) -> None:
            if self._last_state:
                return
            manager.update_state_for_stream(name, None, state)
            message = manager.create_state_message(name, None)
            if self._is_stopping:
                self._last_state = message
            self._message_repository.emit_message(message)

        states = component["stream_state"].get("states", ())
        modes = {s.stream.name: s.sync_mode for s in self._catalog.streams} if self._catalog else {}
        is_full_refresh = modes.get(name) is cdk.SyncMode.full_refresh
        cursor = AccountCursor(
            component["partition_router"], period, states, cdk_cursor({}).cursor_field, emit, is_full_refresh
        )
        if name in modes:
            self._cursors.append(cursor)
        return cursor

    def _note_reader(self) -> None:
        """Tell the CDK which thread reads its messages, as it assumes the constructor's.

        It never makes that thread wait for room on the queue; a reader in another thread would wait for itself.
        """
        self._message_repository._consumer_thread_id = threading.get_ident()  # type: ignore[attr-defined]
