"""Accounts by the times of their posts, and what a sync made of them."""

from datetime import date, datetime, timezone
from typing import Any

from unit_tests.tiktok import NOW, OAUTH_CONFIG

DAY = 86_400
OWN, OTHER = "_000account", "_000somebody_else"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp())


NOW_S = int(datetime.fromisoformat(NOW.replace("Z", "+00:00")).timestamp())


def config(**options: Any) -> dict[str, Any]:
    return {**OAUTH_CONFIG, "start_date": "2024-01-01", **options}


def state_of(create_time: int, open_id: str = OWN) -> dict[str, Any]:
    partition = {"open_id": open_id, "parent_slice": {}}
    return {"states": [{"partition": partition, "cursor": {"create_time": str(create_time)}}]}


def day_of(second: int) -> date:
    return datetime.fromtimestamp(second, timezone.utc).date()


def times(outcome: Any) -> list[int]:
    return sorted(v["create_time"] for v in outcome.records("videos"))


def posts(count: int, every: int, last: int = NOW_S) -> list[int]:
    """When the videos of an account were posted that posts regularly."""
    return [last - every * n for n in range(count)]


def windows(outcome: Any) -> int:
    """How many windows were read: each ends with a state, and the last state ends the sync."""
    return len(outcome.states) - 1


def edges_of_parts(head: list[int], start: int, parts: int = 4) -> list[int]:
    """The cursors (ms) with which the equal parts begin that lie before a first page and after the start."""
    length = head[-1] + 1 - start
    return [(start + length * n // parts) * 1000 for n in range(1, parts + 1)]
