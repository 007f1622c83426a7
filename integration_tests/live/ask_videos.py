"""Probes of video fields, and of `video/query`."""

from __future__ import annotations

from integration_tests.live import Json
from integration_tests.live.ask_profile import describe_fields
from integration_tests.live.probe import COUNTS, Finding, Live, NotSeenError, probe
from sandbox.facts import VIDEO_FIELDS, VIDEO_QUERY_PATH

LONG_CAPTION = 150  # characters
LAG_S = (3, 59)  # the shortest and the longest lag between an id's time and create_time in the recordings
UNKNOWN_ID = "7000000000000000000"


@probe("Is each field of a video accepted (`is_aigc`)?", "yes", rule="fields")
def video_fields(live: Live) -> Finding:
    found = sorted(live.rejected_fields)
    videos = live.first_page.videos
    # Another probe covers counts that are missing from single videos.
    wanted = [name for name in VIDEO_FIELDS if name not in found]
    absent = [
        name for name in wanted if any(name not in v for v in videos) and not (name in COUNTS and _some(name, videos))
    ]
    seen = describe_fields(VIDEO_FIELDS, found, absent) if videos or found else "all are accepted; there are no videos"
    return Finding(seen, {"refused_fields": tuple(found)}, agrees=not absent)


def _some(name: str, videos: list[Json]) -> bool:
    return any(name in video for video in videos)


@probe("Are counts missing for some videos?", rule="No field is absent")
def missing_counts(live: Live) -> Finding:
    videos = live.listing.in_order
    if not videos:
        raise NotSeenError("no videos")
    without = {
        name: [video for video in videos if video.get(name) is None]
        for name in COUNTS
        if name not in live.rejected_fields
    }
    missing = {name: found for name, found in without.items() if found}
    if not missing:
        return Finding(f"none of {len(videos)} videos'", {"missing_counts": 0.0})
    seen = "; ".join(_missing(name, found, videos) for name, found in missing.items())
    share = round(len(missing["view_count"]) / len(videos), 2) if set(missing) == {"view_count"} else 0.0
    return Finding(seen, {"missing_counts": share}, agrees=None if share else False)


def _missing(name: str, found: list[Json], videos: list[Json]) -> str:
    kind = "null" if any(name in video for video in found) else "absent"
    where = "the oldest ones" if found == videos[-len(found) :] else "not only the oldest ones"
    return f"`{name}` is {kind} for {len(found)} of {len(videos)} videos, {where}"


@probe("Which fields of a video are null?", rule="nulls")
def video_nulls(live: Live) -> Finding:
    videos = _videos_of_first_page(live)
    nulls = sorted({f"`{name}`" for video in videos for name, value in video.items() if value is None})
    return Finding(", ".join(nulls) or f"none of {len(videos)} videos'", agrees=not nulls)


@probe("Are ids strings?", "yes", rule="ids")
def ids(live: Live) -> Finding:
    found = [video["id"] for video in live.listing.videos]
    if not found:
        raise NotSeenError("no videos")
    numbers = any(not isinstance(number, str) for number in found)
    digits = sorted({len(str(number)) for number in found})
    seen = f"{'numbers' if numbers else 'strings'} of {' or '.join(map(str, digits))} digits"
    return Finding(seen, {"ids_as_numbers": numbers}, agrees=digits == [19])


@probe("Does an id contain the time of posting?", rule="id_time")
def id_time(live: Live) -> Finding:
    videos = live.listing.videos
    if not videos:
        raise NotSeenError("no videos")
    lags = [video["create_time"] - (int(video["id"]) >> 32) for video in videos]
    seen = f"its upper 32 bits are {min(lags)} to {max(lags)} s before create_time ({len(lags)} videos)"
    known = max(lags) == min(lags) == 0 or (LAG_S[0] <= min(lags) and max(lags) <= LAG_S[1])
    return Finding(seen, {"id_lag": max(lags) > 0} if known else {}, agrees=known)


@probe("Are there photo posts, with `duration` 0?", rule="photos")
def photos(live: Live) -> Finding:
    found = [video for video in _videos_of_first_page(live) if video.get("duration") == 0]
    if not found:
        raise NotSeenError("no video of the newest page has `duration` 0")
    links = sum("/video/" in str(video.get("share_url")) for video in found)
    return Finding(f"{len(found)}, {links} of them with /video/ in the link", agrees=links == len(found))


@probe("Do captions exceed 150 characters?", "150 at most", rule="photos")
def captions(live: Live) -> Finding:
    longest = max(len(str(video.get("video_description") or "")) for video in _videos_of_first_page(live))
    if longest <= LONG_CAPTION:
        raise NotSeenError(f"the longest of the newest page has {longest}")
    return Finding(f"yes: {longest}", agrees=True)


@probe("Which videos does `video/query` return?", "the account's videos", rule="query")
def query(live: Live) -> Finding:
    known = [str(video["id"]) for video in live.listing.videos[:2]]
    foreign = _query(live, [UNKNOWN_ID])
    if not known:
        return Finding(f"an unknown id: {foreign}", agrees=foreign == "0 of 0")
    both = _query(live, [*known, UNKNOWN_ID], known)
    right = (foreign, both) == ("0 of 0", f"{len(known)} of {len(known)}")
    return Finding(f"known ids: {both}; an unknown id: {foreign}", agrees=right)


def _query(live: Live, requested: list[str], known: list[str] | None = None) -> str:
    body = {"filters": {"video_ids": requested}}
    reply = live.data("POST", VIDEO_QUERY_PATH, query="fields=id,create_time", json=body)
    if reply.code != "ok":
        return str(reply)
    returned = [str(video.get("id")) for video in reply.data.get("videos") or () if isinstance(video, dict)]
    right = [video_id for video_id in returned if video_id in (known or ())]
    others = f", and {len(returned) - len(right)} others" if right != returned else ""
    return f"{len(right)} of {len(known or ())}{others}"


@probe("Does `video_count` match the listed videos?", "it counts public posts", rule="video_count")
def video_count(live: Live) -> Finding:
    if "user.info.stats" not in live.scopes:
        raise NotSeenError("the owner did not grant user.info.stats")
    listing = live.listing
    if not listing.complete:
        raise NotSeenError("the list has more pages than were read")
    count, listed = (live.user(["video_count"]).data.get("user") or {}).get("video_count"), len(listing.videos)
    return Finding(f"{count}, and {listed} are listed", agrees=count == listed)


def _videos_of_first_page(live: Live) -> list[dict[str, object]]:
    if not live.first_page.videos:
        raise NotSeenError("no videos")
    return live.first_page.videos
