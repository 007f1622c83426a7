"""Records one response of each kind, to add to the recordings and to compare with the sandbox's.

Files are named `<kind>.<HTTP status>.json`; older recordings without a known status are named `<kind>.json`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from integration_tests.live import Json
from integration_tests.live.api import Reply
from integration_tests.live.stand_ins import StandIns
from sandbox.facts import TOKEN_PATH, USER_INFO_PATH, VIDEO_LIST_PATH

VIDEOS_KEPT = 3
# Objects whose keys depend on the request.
CHOSEN = ("user", "videos")


class Records:
    """The longest response of each kind and status: the one with the most fields."""

    def __init__(self) -> None:
        self._longest: dict[str, Json] = {}
        self._private: set[str] = set()

    def add(self, path: str, sent: Any, reply: Reply) -> None:
        """Add a response; `sent` is the request's JSON."""
        name = f"{_kind(path, sent, reply)}.{reply.status}"
        if len(str(reply.body)) > len(str(self._longest.get(name, {}))):
            self._longest[name] = reply.body
        self._private.update(_texts(reply.data))

    def bodies(self, private: Collection[str] = ()) -> dict[str, Json]:
        """The bodies by file name, with stand-ins; lists have only their first videos."""
        stand_ins = StandIns({*private, *self._private})
        return {name: stand_ins.of(_shortened(body)) for name, body in sorted(self._longest.items())}

    def write(self, folder: Path, private: Collection[str]) -> None:
        """Write a file for each kind."""
        for name, body in self.bodies(private).items():
            text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
            (folder / f"{name}.json").write_text(text, encoding="utf-8")


def differences(recorded: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Where the format of the sandbox's bodies differs from the recorded ones; both as `Records.bodies` returns them.

    A name without status matches any status. Skips kinds that only one of them has.
    """
    found = []
    for name, body in recorded.items():
        kind, _, status = name.partition(".")
        same = {other: ours[other] for other in ours if other.partition(".")[0] == kind}
        if same and status and name not in same:
            found.append(f"{name}: the sandbox responds with {', '.join(sorted(same))}")
        elif same:
            found += [f"{name}{place}" for place in _unlike(body, same.get(name, next(iter(same.values()))))]
    return found


def _unlike(recorded: Any, ours: Any, chosen: bool = False) -> Iterator[str]:
    """Paths at which keys or types of two bodies differ; null and an empty list match anything."""
    if recorded is None or ours is None:
        return
    if type(recorded) is not type(ours):
        yield f": {type(recorded).__name__}, not {type(ours).__name__}"
    elif isinstance(recorded, dict):
        missing = set(recorded) - set(ours) if chosen else set(recorded) ^ set(ours)
        yield from (f".{name}: not in both" for name in sorted(missing))
        for name in sorted(set(recorded) & set(ours)):
            yield from (f".{name}{place}" for place in _unlike(recorded[name], ours[name], name in CHOSEN))
    elif isinstance(recorded, list) and recorded and ours:
        yield from (f"[]{place}" for place in _unlike(recorded[0], ours[0], chosen))


def _kind(path: str, sent: Any, reply: Reply) -> str:
    oauth = path == TOKEN_PATH
    if reply.code != "ok":
        return f"token_{reply.code}" if oauth else reply.code or "error"
    if oauth:
        return "token_refresh"
    if path == USER_INFO_PATH:
        return "user_info"
    if reply.data.get("videos"):
        return "video_list" if path == VIDEO_LIST_PATH else "video_query"
    return _empty_kind(path, sent, reply)


def _empty_kind(path: str, sent: Any, reply: Reply) -> str:
    if path != VIDEO_LIST_PATH:
        return "video_query_unknown_id"
    if reply.data.get("has_more"):
        return "video_list_empty_page"
    return "video_list_after_the_end" if (sent or {}).get("cursor") else "video_list_empty_account"


def _shortened(body: Json) -> Json:
    data = body.get("data")
    if isinstance(data, dict) and isinstance(data.get("videos"), list):
        return {**body, "data": {**data, "videos": data["videos"][:VIDEOS_KEPT]}}
    return body


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value that are too long for TikTok's own words."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str) and len(value) > 5:
        yield value
