"""The data endpoints: user/info, video/list and video/query."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sandbox.accounts import Timeline
from sandbox.checks import (
    read_cursor,
    read_fields,
    read_json_object,
    read_page_size,
    read_video_ids,
    wrong_method,
)
from sandbox.errors import data_error
from sandbox.facts import (
    SCOPE_OF_USER_FIELD,
    USER_FIELDS,
    USER_INFO_PATH,
    VIDEO_FIELDS,
    VIDEO_LIST_PATH,
    VIDEO_QUERY_PATH,
    VIDEO_SCOPE,
)
from sandbox.messages import Answer, Call, Json, json_answer
from sandbox.settings import Settings
from sandbox.state import World
from sandbox.tokens import Grant

Endpoint = Callable[[World, Call, str], Answer]


def user_info(world: World, call: Call, log_id: str) -> Answer:
    """`GET /v2/user/info/?fields=a,b`."""
    grant = _admit(world, call, "GET")
    fields = read_fields(call, USER_FIELDS)
    _require_scopes(world, grant, {SCOPE_OF_USER_FIELD[field] for field in fields})
    user = grant.account.user
    return _ok({"user": {field: user[field] for field in fields}}, log_id)


def video_list(world: World, call: Call, log_id: str) -> Answer:
    """`POST /v2/video/list/?fields=a,b` with `{"cursor": <ms>, "max_count": <1 to 20>}`."""
    grant = _admit(world, call, "POST")
    fields = read_fields(call, VIDEO_FIELDS)
    body = read_json_object(call, ("cursor", "max_count"))
    cursor, size = read_cursor(body), read_page_size(body)
    _require_scopes(world, grant, {VIDEO_SCOPE})
    timeline = grant.account.timeline
    start, stop = find_page(timeline, cursor, size, world.settings)
    position = _position(timeline, start, stop, cursor, world.settings)
    return _videos(world, grant, timeline.ids[start:stop], fields, position, log_id)


def video_query(world: World, call: Call, log_id: str) -> Answer:
    """`POST /v2/video/query/?fields=a,b` with `{"filters": {"video_ids": [up to 20]}}`."""
    grant = _admit(world, call, "POST")
    fields = read_fields(call, VIDEO_FIELDS)
    body = read_json_object(call, ("filters",))
    asked = read_video_ids(body, numbers=world.settings.ids_as_numbers)
    _require_scopes(world, grant, {VIDEO_SCOPE})
    # An unknown or foreign id is left out silently.
    ids = [video_id for video_id in dict.fromkeys(asked) if video_id in grant.account]
    return _videos(world, grant, ids, fields, {"cursor": 0, "has_more": False}, log_id)


ENDPOINTS: dict[str, Endpoint] = {
    USER_INFO_PATH: user_info,
    VIDEO_LIST_PATH: video_list,
    VIDEO_QUERY_PATH: video_query,
}


def find_page(timeline: Timeline, cursor: int | None, size: int, settings: Settings) -> tuple[int, int]:
    """Positions of the first video of a page and of the first one after it; `cursor` is in ms."""
    start = _first(timeline, cursor, settings)
    if settings.empty_pages and _comes_empty(timeline, start, cursor):
        return start, start
    if settings.short_pages and start + size < len(timeline):
        size = max(1, size - 1 - start % max(1, size // 2))
    stop = min(start + size, len(timeline))
    if settings.cursor_inclusive:
        return start, _past_second(timeline, stop, cursor)
    return start, stop if settings.split_seconds else _whole_seconds(timeline, start, stop)


def _first(timeline: Timeline, cursor: int | None, settings: Settings) -> int:
    if cursor is None:
        return 0
    last_ms = cursor if settings.cursor_inclusive else cursor - 1
    return timeline.first_at_or_before(last_ms // 1000)


def _comes_empty(timeline: Timeline, start: int, cursor: int | None) -> bool:
    """Whether a page is held back: half of them, unless the cursor already stands right before its first video."""
    if start == len(timeline) or timeline.ids[start] % 2:
        return False
    return cursor is None or cursor > timeline.time_at(start) * 1000 + 1


def _past_second(timeline: Timeline, stop: int, cursor: int | None) -> int:
    """Let an inclusive page reach beyond the cursor's own second, or its cursor would never move."""
    while cursor is not None and 0 < stop < len(timeline) and timeline.time_at(stop - 1) >= cursor // 1000:
        stop += 1
    return stop


def _whole_seconds(timeline: Timeline, start: int, stop: int) -> int:
    """End a page between two seconds: an exclusive cursor would skip the rest of a second that it cuts."""
    if stop == len(timeline):
        return stop
    edge = timeline.time_at(stop)
    before = timeline.first_at_or_before(edge)
    return before if before > start else timeline.first_at_or_before(edge - 1)


def _position(timeline: Timeline, start: int, stop: int, cursor: int | None, settings: Settings) -> Json:
    """`cursor` (ms) and `has_more` of a page."""
    if start == len(timeline):
        return {"cursor": 0, "has_more": False}
    # An empty page moves the cursor to right before the next video.
    moved = timeline.time_at(stop - 1) * 1000 if stop > start else timeline.time_at(start) * 1000 + 1
    if stop == len(timeline):
        return {"cursor": moved, "has_more": False}
    if settings.gone_without_cursor:
        return {"has_more": True}
    return {"cursor": cursor if settings.stuck_cursor and cursor else moved, "has_more": True}


def _admit(world: World, call: Call, method: str) -> Grant:
    """The checks that come before the parameters: method, token, rate limit."""
    if call.method != method:
        raise wrong_method(call, method)
    header = call.headers.get("Authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme != "Bearer" or not token:
        raise data_error("access_token_invalid", violation="the header 'Authorization: Bearer <token>' is missing")
    grant = world.tokens.bearer(token)
    world.rate_windows.admit(call.path)
    return grant


def _require_scopes(world: World, grant: Grant, needed: Iterable[str]) -> None:
    if not set(needed).issubset(grant.scopes):
        raise data_error(world.settings.scope_error)


def _videos(world: World, grant: Grant, ids: list[int], fields: tuple[str, ...], position: Json, log_id: str) -> Answer:
    videos = [grant.account.video(video_id) for video_id in ids]
    rows: list[Json] = [{field: video[field] for field in fields} for video in videos]
    if world.settings.ids_as_numbers and "id" in fields:
        rows = [{**row, "id": int(row["id"])} for row in rows]
    return _ok({**position, "videos": rows}, log_id, tuple(map(str, ids)))


def _ok(data: Json, log_id: str, videos: tuple[str, ...] = ()) -> Answer:
    return json_answer({"data": data, "error": {"code": "ok", "message": "", "log_id": log_id}}, videos=videos)
