"""What the log says of the account: whose it is, what its owner granted, how many of its videos were listed."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import airbyte_cdk as cdk

logger = logging.getLogger("airbyte")
FIRST_DAY = "2014-01-01"  # no post is older


def check_account(streams: Sequence[Any], config: Mapping[str, Any], manifest: Mapping[str, Any]) -> Any:
    """An AirbyteConnectionStatus: whether the profile can be read, which is the manifest's stream to check."""
    (stream,) = (s for s in streams if s.name in manifest["check"]["stream_names"])
    try:
        user = next(iter(next(iter(stream.generate_partitions())).read())).data
    except cdk.AirbyteTracedException as error:
        return cdk.AirbyteConnectionStatus(cdk.Status.FAILED, error.message or error.internal_message)
    return cdk.AirbyteConnectionStatus(cdk.Status.SUCCEEDED, _account_found(user, config, manifest))


def count_videos(
    messages: Iterator[cdk.AirbyteMessage], catalog: Any, config: Mapping[str, Any], state: Any, manifest: Any
) -> Iterator[cdk.AirbyteMessage]:
    """Pass messages on; after a read of all videos, say how many of those that TikTok counts were listed."""
    listed, counted = 0, None
    for message in messages:
        if message.record and message.record.stream == "videos":
            listed += 1
        elif message.record:
            counted = message.record.data.get("video_count")
        yield message
    selected = {s.stream.name for s in catalog.streams}
    earlier = {s.stream.stream_descriptor.name for s in state or [] if s.stream}
    all_of_them = "videos" in selected - earlier and (config.get("start_date") or "") <= FIRST_DAY
    if all_of_them and isinstance(counted, int):
        level = logging.WARNING if listed < 0.9 * counted else logging.INFO
        text = manifest["definitions"]["messages"]["videos_listed"]
        logger.log(level, text.format(counted=f"{counted:,}", listed=f"{listed:,}"))


def _account_found(user: Mapping[str, Any], config: Mapping[str, Any], manifest: Mapping[str, Any]) -> str | None:
    """Log whose profile was read, and warn of what its owner did not grant; None if nothing is known to lack."""
    granted = re.split(r"[,\s]+", config["credentials"].get("scope") or "")
    name = f"@{user['username']}" if user.get("username") else user.get("display_name") or user["open_id"]
    logger.info(f"TikTok accepts the sign-in of {name}; permissions: {', '.join(granted) or 'unknown'}.")
    needed = [
        (scope, s["name"]) for s in manifest["streams"] for scope in s["retriever"]["requester"]["fields_by_scope"]
    ]
    missing = [f"{scope} (stream {name})" for scope, name in needed if granted != [""] and scope not in granted]
    if not missing:
        return None
    message: str = manifest["definitions"]["messages"]["scopes_not_granted"].format(scopes=", ".join(missing))
    logger.warning(message)
    return message
