"""What was read of an account, and what there is to read, in the same form."""

from typing import Any

from sandbox import Sandbox
from unit_tests.command_result import Outcome


def video_ids(outcome: Outcome) -> list[str]:
    """The ids of the videos read, sorted; one that came twice is there twice."""
    return sorted(video["id"] for video in outcome.records("videos"))


def ids_there_are(sandbox: Sandbox, since: int = 0) -> list[str]:
    """The ids of the account's videos posted at or after a time (s), sorted."""
    return sorted(str(video["id"]) for video in sandbox.account.videos if video["create_time"] >= since)


def videos(outcome: Outcome) -> list[dict[str, Any]]:
    """The videos read, by their ids."""
    return sorted(outcome.records("videos"), key=lambda video: str(video["id"]))


def videos_there_are(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The account's videos as records, by their ids."""
    open_id = sandbox.account.user["open_id"]
    records = [{**video, "open_id": open_id, "id": str(video["id"])} for video in sandbox.account.videos]
    return sorted(records, key=lambda video: str(video["id"]))
