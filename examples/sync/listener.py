"""Reads along what the connector says, which PyAirbyte keeps to itself."""

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
    """Hears every line of the connector's output before PyAirbyte does.

    Why not PyAirbyte's own ways: its error says only that the connector failed, not the connector's reason; it tells
    nobody how far a read is; and it swallows the exceptions of its `config_change_callback`, so that a refresh token
    that could not be written would be lost in silence. An exception of `on_config` ends the sync.

    Attributes:
        on_config: called with each config that the connector changed.
        on_record: called after each record.
        counts: records by stream.
        expected_videos: how many videos the account has, once its profile has come.
        lag: how far the account's clock is behind this machine's, in s; the records are dated back by it.
        open_id: the account's id, once a record has come.
        complete: the streams that were read to their end.
        problem: the connector's reason for its failure; its first, as later ones only say that there was one.
        warnings: what the connector warned of, each once: its log is deleted by the next run.
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

    def read_along(self, execute: Callable[..., Iterator[str]]) -> Callable[..., Iterator[str]]:
        """The same way to run the connector, with this listener in between."""

        def execute_and_listen(*args: Any, **options: Any) -> Iterator[str]:
            try:
                for line in execute(*args, **options):
                    yield self.hear(line)
            except Exception as error:
                # What was read up to here lands, and the next run continues there.
                if not self.counts or not _is_of_the_connector(error):
                    raise

        return execute_and_listen

    def hear(self, line: str) -> str:
        """Take note of one line, which is a message of the Airbyte protocol or, when something broke, any text.

        Returns the line as PyAirbyte shall have it.
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


def _is_of_the_connector(error: Exception) -> bool:
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
    """The sentence for people in a failure; None when the message tells of none."""
    if message["type"] == "TRACE":
        return (message["trace"].get("error") or {}).get("message")
    status = message["connectionStatus"]
    # The CDK puts the sentence in quotes.
    return (status.get("message") or "").strip("'") or None if status["status"] == "FAILED" else None


def _completed(message: Json) -> set[str]:
    status = message.get("trace", {}).get("stream_status") or {}
    return {status["stream_descriptor"]["name"]} if status.get("status") == "COMPLETE" else set()
