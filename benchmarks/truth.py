"""Parses a reader's output and compares it with the sandbox's videos."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Message = dict[str, Any]


def problems(read: Iterable[str], held: Collection[str], wanted: Collection[str]) -> tuple[str, ...]:
    """Problems with the ids that were read; empty if they are unique, known and include all of `wanted`.

    Args:
        held: every video of the account.
        wanted: videos that must have been read; fewer than `held` in an incremental sync.
    """
    counts, known = Counter(read), frozenset(held)
    faults = {
        "missing": [video for video in wanted if video not in counts],
        "more than once": [video for video, count in counts.items() if count > 1],
        "unknown": [video for video in counts if video not in known],
    }
    return tuple(f"{len(ids):,} videos {fault}, as {ids[0]}" for fault, ids in faults.items() if ids)


def lines(path: Path) -> Iterator[Any]:
    """The JSON values of a file, one per line; skips log lines and lines truncated by a kill."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith(("{", "[")) and line.endswith("\n"):
                yield json.loads(line)


def plain_ids(values: Iterable[Any]) -> Iterator[str]:
    """The ids in bare videos, or lists of them (dlt)."""
    for value in values:
        yield from (str(video["id"]) for video in (value if isinstance(value, list) else [value]))


def singer_ids(messages: Iterable[Message]) -> Iterator[str]:
    """The video ids in Singer messages."""
    return (str(m["record"]["id"]) for m in messages if m["type"] == "RECORD" and m["stream"] == "videos")


def airbyte_ids(messages: Iterable[Message]) -> Iterator[str]:
    """The video ids in Airbyte messages."""
    records = (m["record"] for m in messages if m["type"] == "RECORD")
    return (str(record["data"]["id"]) for record in records if record["stream"] == "videos")


def error(messages: Iterable[Any]) -> str:
    """An Airbyte source's error message; empty if there is none."""
    traces = (m["trace"] for m in messages if isinstance(m, dict) and m.get("type") == "TRACE")
    return next((trace["error"]["message"] for trace in traces if trace["type"] == "ERROR"), "")


def last_state(messages: Iterable[Message]) -> list[Message]:
    """The state for the next sync: the last one of each stream."""
    states = (m["state"] for m in messages if m["type"] == "STATE")
    last = {state.get("stream", {}).get("stream_descriptor", {}).get("name"): state for state in states}
    return [{key: state[key] for key in ("type", "stream") if key in state} for state in last.values()]


def last_config(messages: Iterable[Message], config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config for the next sync: the last one that the connector emitted, else `config`."""
    controls = [m["control"]["connectorConfig"]["config"] for m in messages if m["type"] == "CONTROL"]
    return controls[-1] if controls else config
