"""What a reader wrote, and whether it is what the sandbox holds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Message = dict[str, Any]


def problems(read: Iterable[str], held: Collection[str], wanted: Collection[str]) -> tuple[str, ...]:
    """What is wrong with the ids that were read; nothing when they are unique, known, and all that was wanted.

    Args:
        held: every video of the account.
        wanted: those that must have been read; fewer than `held` in an incremental sync.
    """
    counts, known = Counter(read), frozenset(held)
    faults = {
        "missing": [video for video in wanted if video not in counts],
        "more than once": [video for video, count in counts.items() if count > 1],
        "unknown": [video for video in counts if video not in known],
    }
    return tuple(f"{len(ids):,} videos {fault}, as {ids[0]}" for fault, ids in faults.items() if ids)


def lines(path: Path) -> Iterator[Any]:
    """The JSON values of a file, one a line; other lines are a reader's chatter, or cut off by a kill."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith(("{", "[")) and line.endswith("\n"):
                yield json.loads(line)


def plain_ids(values: Iterable[Any]) -> Iterator[str]:
    """Of bare videos, or lists of them (dlt)."""
    for value in values:
        yield from (str(video["id"]) for video in (value if isinstance(value, list) else [value]))


def singer_ids(messages: Iterable[Message]) -> Iterator[str]:
    """Of Singer messages."""
    return (str(m["record"]["id"]) for m in messages if m["type"] == "RECORD" and m["stream"] == "videos")


def airbyte_ids(messages: Iterable[Message]) -> Iterator[str]:
    """Of Airbyte messages."""
    records = (m["record"] for m in messages if m["type"] == "RECORD")
    return (str(record["data"]["id"]) for record in records if record["stream"] == "videos")


def error(messages: Iterable[Any]) -> str:
    """What an Airbyte source says is wrong; empty when it says nothing, or is none."""
    traces = (m["trace"] for m in messages if isinstance(m, dict) and m.get("type") == "TRACE")
    return next((trace["error"]["message"] for trace in traces if trace["type"] == "ERROR"), "")


def last_state(messages: Iterable[Message]) -> list[Message]:
    """The state to begin the next sync with: the last one of each stream."""
    states = (m["state"] for m in messages if m["type"] == "STATE")
    last = {state.get("stream", {}).get("stream_descriptor", {}).get("name"): state for state in states}
    return [{key: state[key] for key in ("type", "stream") if key in state} for state in last.values()]


def last_config(messages: Iterable[Message], config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config to begin the next sync with: the last that the connector asked to store, else the one it had."""
    controls = [m["control"]["connectorConfig"]["config"] for m in messages if m["type"] == "CONTROL"]
    return controls[-1] if controls else config
