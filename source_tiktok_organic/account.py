"""What the log says about the account: whose it is, what its owner granted, how many of its videos were listed."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import airbyte_cdk as cdk

logger = logging.getLogger("airbyte")


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
    is_whole, listed, counted = _covers_all(catalog, config, state, manifest), 0, None
    for message in messages:
        if message.record and message.record.stream == "videos":
            listed += 1
        elif message.record and message.record.stream == "user_info":
            counted = message.record.data.get("video_count")
        yield message
    if is_whole and isinstance(counted, int):
        level = logging.WARNING if listed < 0.9 * counted else logging.INFO
        text = manifest["definitions"]["messages"]["videos_listed"]
        logger.log(level, text.format(counted=f"{counted:,}", listed=f"{listed:,}"))


def _covers_all(catalog: Any, config: Mapping[str, Any], state: Any, manifest: Mapping[str, Any]) -> bool:
    """Whether all videos are read: from the first day on, with no state or with a lookback that goes back to it."""
    reading = manifest["definitions"]["streams"]["videos"]["incremental_sync"]
    lookback = cdk.InterpolatedString.create(reading["lookback_window"], parameters={}).eval(config)  # P…D
    longest = manifest["spec"]["connection_specification"]["properties"]["lookback_window_days"]["maximum"]
    earlier = {s.stream.stream_descriptor.name for s in state or [] if s.stream}
    # A longer lookback than a config can ask for is that of an additional full sync.
    from_the_first = "videos" not in earlier or int(lookback.strip("PD")) > longest
    is_selected = "videos" in {s.stream.name for s in catalog.streams}
    starts_early = (config.get("start_date") or "") <= reading["start_datetime"]["min_datetime"]
    return is_selected and from_the_first and starts_early


def _account_found(user: Mapping[str, Any], config: Mapping[str, Any], manifest: Mapping[str, Any]) -> str | None:
    """Log whose profile was read, and warn about scopes that its owner did not grant; None if none is missing."""
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
