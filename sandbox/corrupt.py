"""Faults that corrupt a valid response: its body, status or headers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from sandbox.messages import HTML_TYPE, Json, Response, encode_json

_INVALID_LIMIT_HEADERS = {"ratelimit-remaining": "100, 100;w=60", "ratelimit-reset": "soon"}
_LONG_NUMBER = b"7" * 5_000
# Where to insert an invalid byte; every response contains the last one.
_TEXTS = (b'"title":"', b'"video_description":"', b'"bio_description":"', b'"message":"')


def as_received(name: str | None, response: Response) -> Response:
    """The response as the client receives it; the log has this one too."""
    if name in _ANY_RESPONSE:
        return _ANY_RESPONSE[name](response)
    if name in _GOOD_RESPONSE and response.error_code is None:
        return _GOOD_RESPONSE[name](response)
    return response


def _half(response: Response) -> Response:
    return replace(response, body=response.body[: len(response.body) // 2], videos=())


def _with_status(status: int, response: Response) -> Response:
    return replace(response, status=status)


def _with_long_number(response: Response) -> Response:
    # Not with `json`: Python can neither write nor read such a long number.
    return replace(response, body=response.body.replace(b'"error":{', b'"error":{"ts":' + _LONG_NUMBER + b",", 1))


def _with_invalid_byte(response: Response) -> Response:
    text = next(text for text in _TEXTS if text in response.body)
    return replace(response, body=response.body.replace(text, text + b"\xff", 1))


def _with_payload(change: Callable[[Json], Any], response: Response) -> Response:
    payload = json.loads(response.body)
    change(payload)
    videos = response.videos if (payload.get("data") or {}).get("videos") else ()
    return replace(response, body=encode_json(payload).encode(), videos=videos)


def _without_first_id(payload: Json) -> None:
    for video in payload["data"]["videos"][:1]:
        del video["id"]


def _has_more_as_text(payload: Json) -> None:
    payload["data"]["has_more"] = str(payload["data"]["has_more"]).lower()


_PAYLOAD_CHANGES: dict[str, Callable[[Json], Any]] = {
    "data_empty": lambda payload: payload.update(data={}),
    "data_null": lambda payload: payload.update(data=None),
    "data_missing": lambda payload: payload.pop("data"),
    "without_id": _without_first_id,
    "videos_missing": lambda payload: payload["data"].pop("videos"),
    "videos_null": lambda payload: payload["data"].update(videos=None),
    "has_more_missing": lambda payload: payload["data"].pop("has_more"),
    "has_more_null": lambda payload: payload["data"].update(has_more=None),
    "has_more_text": _has_more_as_text,
    "user_missing": lambda payload: payload["data"].pop("user"),
    "user_without_open_id": lambda payload: payload["data"]["user"].pop("open_id", None),
}
_ANY_RESPONSE: dict[str | None, Callable[[Response], Response]] = {
    "wrong_content_type": lambda response: replace(response, content_type=HTML_TYPE),
    "cut_off_json": _half,
    "reset_middle": lambda response: replace(response, videos=()),
    "token_lost": lambda response: replace(response, status=0, videos=()),
}
# These need a response with data to corrupt.
_GOOD_RESPONSE: dict[str | None, Callable[[Response], Response]] = {
    **{name: partial(_with_payload, change) for name, change in _PAYLOAD_CHANGES.items()},
    **{f"ok_{status}": partial(_with_status, status) for status in (403, 500, 503)},
    "long_number": _with_long_number,
    "invalid_utf8": _with_invalid_byte,
    "odd_headers": lambda response: replace(response, headers=_INVALID_LIMIT_HEADERS),
}
