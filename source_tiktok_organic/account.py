"""Logs whose account it is, which scopes are granted, and how many videos were listed."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import airbyte_cdk as cdk

from source_tiktok_organic.cursor import AccountCursor
from source_tiktok_organic.responses import MissingScopeError

logger = logging.getLogger("airbyte")
Manifest = Mapping[str, Any]
COUNTS = ("view_count", "like_count", "comment_count", "share_count")


def check_account(streams: Sequence[Any], manifest: Manifest) -> cdk.AirbyteConnectionStatus:
    """Whether the profile can be read, with a message if other scopes are missing. The log says whose profile it is.

    It requests the profile and one video, because only TikTok's responses show which scopes are granted.
    """
    profile, videos = streams
    try:
        user = next(iter(next(iter(profile.generate_partitions())).read())).data
        missing = [*_missing_scopes(user, manifest), *_missing_video_scope(videos, user["open_id"], manifest)]
    except cdk.AirbyteTracedException as error:
        logger.error(f"{error.message} ({error.internal_message})")  # all that Airbyte shows of a failed check
        return cdk.AirbyteConnectionStatus(cdk.Status.FAILED, error.message or error.internal_message)
    granted = [scope for scope in _scopes(manifest) if scope not in missing]
    texts = manifest["definitions"]["messages"]
    logger.info(f"{texts['authenticated_as'].format(**_names(user))} Granted scopes: {', '.join(granted)}.")
    if not missing:
        return cdk.AirbyteConnectionStatus(cdk.Status.SUCCEEDED)
    named = [f"{scope} (stream {_scopes(manifest)[scope]})" for scope in missing]
    message = texts["scopes_not_granted"].format(scopes=", ".join(named))
    logger.warning(message)
    return cdk.AirbyteConnectionStatus(cdk.Status.SUCCEEDED, message)


def report_account(
    messages: Iterator[cdk.AirbyteMessage], cursors: Sequence[AccountCursor], manifest: Manifest
) -> Iterator[cdk.AirbyteMessage]:
    """Yield a sync's messages; log whose account it is, which counts are missing and how many videos were listed.

    Args:
        messages: of the sync.
        cursors: of its incremental streams, filled while it runs.
        manifest: for the texts, and the time of the first possible post.
    """
    texts = manifest["definitions"]["messages"]
    listed = 0
    counted = None
    missing = Counter[str]()
    for message in messages:
        if message.record and message.record.stream == "videos":
            data = message.record.data
            if not listed and counted is None:
                logger.info(texts["authenticated_as"].format(name=data["open_id"], open_id=data["open_id"]))
            listed += 1
            missing.update(name for name in COUNTS if data.get(name, 0) is None)
        elif message.record and message.record.stream == "user_info":
            counted = message.record.data.get("video_count", "unknown")
            logger.info(texts["authenticated_as"].format(**_names(message.record.data)))
        yield message
    for name, times in sorted(missing.items()):
        logger.info(texts["counts_missing"].format(name=name, missing=f"{times:,}", listed=f"{listed:,}"))
    covers_all = any(cursor.covers_from <= manifest["definitions"]["first_post"] for cursor in cursors)
    if isinstance(counted, int) and covers_all:
        level = logging.WARNING if listed < 0.9 * counted else logging.INFO
        logger.log(level, texts["videos_listed"].format(counted=f"{counted:,}", listed=f"{listed:,}"))


def _names(user: Mapping[str, Any]) -> dict[str, str]:
    """The account's name, and its open_id."""
    name = f"@{user['username']}" if user.get("username") else user.get("display_name") or user["open_id"]
    return {"name": name, "open_id": user["open_id"]}


def _scopes(manifest: Manifest) -> dict[str, str]:
    """The scopes, each with the stream that needs it."""
    streams = {stream["name"]: stream["retriever"]["requester"] for stream in manifest["streams"]}
    return {scope: name for name, requester in streams.items() for scope in requester["fields_by_scope"]}


def _missing_scopes(user: Mapping[str, Any], manifest: Manifest) -> list[str]:
    """The scopes none of whose columns arrived: the requester left them out."""
    (requester,) = (s["retriever"]["requester"] for s in manifest["streams"] if s["name"] == "user_info")
    return [scope for scope, names in requester["fields_by_scope"].items() if user.keys().isdisjoint(names)]


def _missing_video_scope(videos: Any, open_id: str, manifest: Manifest) -> list[str]:
    try:
        next(iter(videos.cursor.newest_window(open_id).read()), None)
    except MissingScopeError:
        return [scope for scope, stream in _scopes(manifest).items() if stream == "videos"]
    return []
