"""Reads along what the connector says, which PyAirbyte keeps to itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

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
        problem: the connector's reason for its failure; its first, as later ones only say that there was one.
    """

    on_config: Callable[[Json], None]
    on_record: Callable[[], None] = lambda: None
    counts: Counter[str] = field(default_factory=Counter)
    expected_videos: int | None = None
    problem: str | None = None

    def read_along(self, execute: Callable[..., Iterator[str]]) -> Callable[..., Iterator[str]]:
        """The same way to run the connector, with this listener in between."""

        def execute_and_listen(*args: Any, **options: Any) -> Iterator[str]:
            for line in execute(*args, **options):
                self.hear(line)
                yield line

        return execute_and_listen

    def hear(self, line: str) -> None:
        """Take note of one line, which is a message of the Airbyte protocol or, when something broke, any text."""
        message = _parsed(line)
        kind = message.get("type")
        if kind == "RECORD":
            self._count(message["record"])
        elif kind == "CONTROL" and message["control"]["type"] == "CONNECTOR_CONFIG":
            self.on_config(message["control"]["connectorConfig"]["config"])
        elif kind in ("TRACE", "CONNECTION_STATUS"):
            self.problem = self.problem or _problem(message)

    def _count(self, record: Json) -> None:
        self.counts[record["stream"]] += 1
        if record["stream"] == "user_info":
            self.expected_videos = record["data"].get("video_count")
        self.on_record()


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
