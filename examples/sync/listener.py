"""Reads the connector's messages that PyAirbyte hides."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from examples.sync import SyncError

Json = dict[str, Any]


@dataclass
class Listener:
    """Gets every line of the connector's output before PyAirbyte does.

    PyAirbyte's own interface is not enough: its error doesn't contain the connector's message; it reports no progress;
    and it swallows exceptions of its `config_change_callback`, so a refresh token that can't be written would be
    silently lost. An exception in `on_config` stops the sync.

    Attributes:
        on_config: called with each config that the connector changed.
        on_record: called after each record.
        counts: records by stream.
        expected_videos: the account's number of videos, known after its profile was read.
        lag: how far the account's clock is behind this machine's, in s; subtracted from the records' times.
        open_id: the account's id, known after the first record.
        complete: the streams that were read completely.
        problem: the connector's first error message; later ones only say that there was an error.
        warnings: the connector's warnings, each once, because the next run deletes its log.
    """

    on_config: Callable[[Json], None]
    on_record: Callable[[], None] = lambda: None
    counts: Counter[str] = field(default_factory=Counter)
    expected_videos: int | None = None
    lag: float = 0.0
    open_id: str = ""
    complete: set[str] = field(default_factory=set)
    problem: str | None = None
    warnings: dict[str, None] = field(default_factory=dict)

    def wrap(self, execute: Callable[..., Iterator[str]]) -> Callable[..., Iterator[str]]:
        """A function like `execute` that passes every line through this listener."""

        def execute_and_handle(*args: Any, **options: Any) -> Iterator[str]:
            try:
                for line in execute(*args, **options):
                    yield self.handle(line)
            except Exception as error:
                # PyAirbyte then writes the records read so far, and the next run continues from there.
                if not self.counts or not _is_connector_failure(error):
                    raise

        return execute_and_handle

    def handle(self, line: str) -> str:
        """Process one line: a message of the Airbyte protocol or, after a crash, any text.

        Returns the line for PyAirbyte.
        """
        message = _parsed(line)
        kind = message.get("type")
        if kind == "RECORD":
            self._count(message["record"])
            if self.lag:
                message["record"]["emitted_at"] -= int(self.lag * 1000)
                return json.dumps(message)
        elif kind == "CONTROL" and message["control"]["type"] == "CONNECTOR_CONFIG":
            self.on_config(message["control"]["connectorConfig"]["config"])
        elif kind == "LOG" and message["log"]["level"] == "WARN":
            self.warnings[message["log"]["message"]] = None
        elif kind in ("TRACE", "CONNECTION_STATUS"):
            self.problem = self.problem or _problem(message)
            self.complete |= _completed(message)
        return line

    def _count(self, record: Json) -> None:
        self.counts[record["stream"]] += 1
        self.open_id = record["data"].get("open_id", self.open_id)
        if record["stream"] == "user_info":
            self.expected_videos = record["data"].get("video_count")
        self.on_record()


def _is_connector_failure(error: Exception) -> bool:
    if isinstance(error, SyncError):
        return False
    from airbyte.exceptions import AirbyteSubprocessFailedError

    return isinstance(error, AirbyteSubprocessFailedError)


def _parsed(line: str) -> Json:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _problem(message: Json) -> str | None:
    """The user-facing message of an error; None if the message has none."""
    if message["type"] == "TRACE":
        return (message["trace"].get("error") or {}).get("message")
    status = message["connectionStatus"]
    # The CDK puts the message in quotes.
    return (status.get("message") or "").strip("'") or None if status["status"] == "FAILED" else None


def _completed(message: Json) -> set[str]:
    status = message.get("trace", {}).get("stream_status") or {}
    return {status["stream_descriptor"]["name"]} if status.get("status") == "COMPLETE" else set()
