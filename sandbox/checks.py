"""Checks of requests to data endpoints against the documentation; anything undocumented is a violation."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sandbox.errors import SandboxError, bad_params, data_error
from sandbox.facts import (
    DEFAULT_PAGE_SIZE,
    FIRST_PLAUSIBLE_MILLISECOND,
    MAX_PAGE_SIZE,
    MAX_QUERY_IDS,
    USER_INFO_PATH,
)
from sandbox.messages import JSON_TYPE, Json, Request
from sandbox.settings import Settings


def problem_with_names(kind: str, names: Iterable[str], known: Collection[str]) -> str | None:
    """Describe the first unknown or repeated parameter name."""
    seen: set[str] = set()
    for name in names:
        if name not in known:
            return f"unknown {kind} '{name}'; known: {', '.join(known)}"
        if name in seen:
            return f"{kind} '{name}' is given twice"
        seen.add(name)
    return None


def reject_if(problem: str | None) -> None:
    """Reject the request if there is a problem."""
    if problem:
        raise bad_params(problem)


def read_fields(request: Request, known: Collection[str], settings: Settings) -> tuple[str, ...]:
    """The requested fields, from the query."""
    reject_if(problem_with_names("query parameter", (name for name, _ in request.query_pairs), ("fields",)))
    text = request.query.get("fields", "")
    if not text:
        raise bad_params("query parameter 'fields' is missing")
    fields = tuple(text.split(","))
    reject_if(next((f"unknown field '{field}'" for field in fields if field not in known), None))
    _reject_by_settings(request, fields, settings)
    return fields


def _reject_by_settings(request: Request, fields: tuple[str, ...], settings: Settings) -> None:
    """Reject documented requests that TikTok may reject anyway; these are not violations."""
    # The message that TikTok reportedly sends: it did not decode the list and took it for missing.
    if settings.refuse_encoded_commas and "%2c" in request.raw_query.lower():
        raise data_error("invalid_params", "Fields is required")
    if set(fields) & set(settings.refused_fields):
        raise data_error("invalid_params")


def read_json_object(request: Request, known: Collection[str]) -> Json:
    """The JSON object in the body, with known keys only; an empty body means an empty object."""
    if request.content_type != JSON_TYPE:
        raise bad_params(f"Content-Type must be {JSON_TYPE}, not '{request.content_type}'")
    body = {} if request.body is None else request.body
    if not isinstance(body, dict):
        raise bad_params("the body must be a JSON object")
    reject_if(problem_with_names("key of the body", body, known))
    return body


def read_page_size(body: Json) -> int:
    """`max_count`: the requested number of videos."""
    size = body.get("max_count", DEFAULT_PAGE_SIZE)
    if not _is_integer(size) or not 1 <= size <= MAX_PAGE_SIZE:
        raise bad_params(f"max_count must be an integer from 1 to {MAX_PAGE_SIZE}, not {size!r}")
    return int(size)


def read_cursor(body: Json) -> int | None:
    """`cursor` in ms; None means from the newest video."""
    cursor = body.get("cursor", 0)
    if not _is_integer(cursor):
        raise bad_params(f"cursor must be an integer, not {cursor!r}")
    if cursor and cursor < FIRST_PLAUSIBLE_MILLISECOND:
        raise bad_params(f"cursor must be a time in milliseconds, not {cursor}")
    return cursor or None


def read_video_ids(body: Json, *, numbers: bool) -> list[int]:
    """The video ids of a query; `numbers` also allows JSON numbers."""
    filters = body.get("filters")
    if not isinstance(filters, dict):
        raise bad_params("key 'filters' of the body must be an object")
    reject_if(problem_with_names("key of filters", filters, ("video_ids",)))
    ids = filters.get("video_ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= MAX_QUERY_IDS:
        raise bad_params(f"filters.video_ids must be a list of 1 to {MAX_QUERY_IDS} ids")
    return [_read_video_id(video_id, numbers=numbers) for video_id in ids]


def _read_video_id(video_id: Any, *, numbers: bool) -> int:
    if isinstance(video_id, str) and video_id.isdecimal():
        return int(video_id)
    if numbers and _is_integer(video_id):
        return int(video_id)
    raise bad_params(f"filters.video_ids must hold ids as strings of digits, not {video_id!r}")


def _is_integer(value: Any) -> bool:
    # In Python, True is an int; in JSON, true is not a number.
    return isinstance(value, int) and not isinstance(value, bool)


def wrong_method(request: Request, expected: str) -> SandboxError:
    """The error for a method that the endpoint does not support."""
    # Seen live: a POST to the profile's path gets 404.
    status = 404 if (request.method, request.path) == ("POST", USER_INFO_PATH) else None
    return bad_params(f"the method must be {expected}, not {request.method}", status=status)
