"""The data endpoints: user/info, video/list and video/query."""

from __future__ import annotations

from collections.abc import Callable, Iterable

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
from sandbox.messages import Json, Request, Response, json_response
from sandbox.settings import CURSOR_FORMS
from sandbox.state import World
from sandbox.timeline import find_page, position_after
from sandbox.tokens import Grant

Endpoint = Callable[[World, Request, str], Response]


def user_info(world: World, request: Request, log_id: str) -> Response:
    """`GET /v2/user/info/?fields=a,b`."""
    grant = _accept(world, request, "GET")
    fields = read_fields(request, USER_FIELDS, world.settings)
    _require_scopes(world, grant, {SCOPE_OF_USER_FIELD[field] for field in fields})
    user = grant.account.user
    return _ok({"user": {field: user[field] for field in fields}}, log_id)


def video_list(world: World, request: Request, log_id: str) -> Response:
    """`POST /v2/video/list/?fields=a,b` with `{"cursor": <ms>, "max_count": <1 to 20>}`."""
    grant = _accept(world, request, "POST")
    fields = read_fields(request, VIDEO_FIELDS, world.settings)
    body = read_json_object(request, ("cursor", "max_count"))
    cursor, size = read_cursor(body), read_page_size(body)
    _require_scopes(world, grant, {VIDEO_SCOPE})
    timeline = grant.account.timeline
    # Pinned videos come on top of the page and do not affect its cursor.
    pinned = grant.account.pinned_ids(first_page=cursor is None)
    if world.settings.pins_counted:
        # A later page keeps room for another video: the cursor of a page full of pinned ones would not move.
        pinned = pinned[: size if cursor is None else size - 1]
        size -= len(pinned)
    start, stop = find_page(timeline, cursor, size, world.settings)
    position = position_after(timeline, start, stop, cursor, world.settings)
    if "cursor" in position:
        position["cursor"] = CURSOR_FORMS[world.settings.cursor_form](position["cursor"])
    return _videos(world, grant, [*pinned, *timeline.ids[start:stop]], fields, position, log_id)


def video_query(world: World, request: Request, log_id: str) -> Response:
    """`POST /v2/video/query/?fields=a,b` with `{"filters": {"video_ids": [up to 20]}}`."""
    grant = _accept(world, request, "POST")
    fields = read_fields(request, VIDEO_FIELDS, world.settings)
    body = read_json_object(request, ("filters",))
    requested = read_video_ids(body, numbers=world.settings.ids_as_numbers)
    _require_scopes(world, grant, {VIDEO_SCOPE})
    # TikTok silently drops unknown and foreign ids.
    ids = [video_id for video_id in dict.fromkeys(requested) if video_id in grant.account]
    return _videos(world, grant, ids, fields, {"cursor": 0, "has_more": False}, log_id)


ENDPOINTS: dict[str, Endpoint] = {
    USER_INFO_PATH: user_info,
    VIDEO_LIST_PATH: video_list,
    VIDEO_QUERY_PATH: video_query,
}


def _accept(world: World, request: Request, method: str) -> Grant:
    """Accept a request or raise: checks method, token and rate limit, before the parameters."""
    if request.method != method:
        raise wrong_method(request, method)
    header = request.headers.get("Authorization", "")
    scheme, _, token = header.partition(" ")
    if scheme != "Bearer" or not token:
        raise data_error("access_token_invalid", violation="the header 'Authorization: Bearer <token>' is missing")
    grant = world.tokens.bearer(token)
    world.rate_limits.accept(request.path)
    return grant


def _require_scopes(world: World, grant: Grant, needed: Iterable[str]) -> None:
    if not set(needed).issubset(grant.scopes):
        raise data_error(world.settings.scope_error)


def _videos(
    world: World, grant: Grant, ids: list[int], fields: tuple[str, ...], position: Json, log_id: str
) -> Response:
    videos = [grant.account.video(video_id) for video_id in ids]
    rows: list[Json] = [{field: video[field] for field in fields if field in video} for video in videos]
    if world.settings.ids_as_numbers and "id" in fields:
        rows = [{**row, "id": int(row["id"])} for row in rows]
    return _ok({**position, "videos": rows}, log_id, tuple(map(str, ids)))


def _ok(data: Json, log_id: str, videos: tuple[str, ...] = ()) -> Response:
    return json_response({"data": data, "error": {"code": "ok", "message": "", "log_id": log_id}}, videos=videos)
