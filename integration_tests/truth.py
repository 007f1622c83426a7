"""The videos that a sync emitted and those of the account, in the same format."""

from typing import Any

from sandbox import Sandbox
from unit_tests.command_result import Outcome


def video_ids(outcome: Outcome) -> list[str]:
    """The ids of the emitted videos, sorted; duplicates are included."""
    return sorted(video["id"] for video in outcome.records("videos"))


def expected_ids(sandbox: Sandbox, since: int = 0) -> list[str]:
    """The ids of the account's videos posted at or after a time (s), sorted."""
    return sorted(str(video["id"]) for video in sandbox.account.videos if video["create_time"] >= since)


def videos(outcome: Outcome) -> list[dict[str, Any]]:
    """The emitted videos, sorted by id."""
    return sorted(outcome.records("videos"), key=lambda video: str(video["id"]))


def expected_videos(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The account's videos as records, sorted by id."""
    open_id = sandbox.account.user["open_id"]
    records = [{**video, "open_id": open_id, "id": str(video["id"])} for video in sandbox.account.videos]
    return sorted(records, key=lambda video: str(video["id"]))
