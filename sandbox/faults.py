"""Faults that a test requests by name, and the paths that support them. README.md describes each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from sandbox.errors import DATA_ERRORS, TOKEN_ERRORS, SandboxError, data_error, token_error
from sandbox.facts import DATA_PATHS, PATHS, TOKEN_PATH, USER_INFO_PATH, VIDEO_LIST_PATH
from sandbox.messages import Response, html_response, json_response, redirect

# Faults of a data endpoint that a retry gets past.
TRANSIENT = (
    "rate_limited",
    "http_500",
    "error_in_200",
    "http_503",
    "html_502",
    "html_200",
    "empty_200",
    "cut_off_json",
    "wrong_content_type",
    "reset_before",
    "reset_middle",
)

_CORRUPT_ANYWHERE = ("ok_403", "ok_500", "ok_503", "data_empty", "data_null", "data_missing", "long_number")
_CORRUPT_AT = {
    VIDEO_LIST_PATH: ("videos_missing", "videos_null", "has_more_missing", "has_more_null", "has_more_text"),
    USER_INFO_PATH: ("user_missing", "user_without_open_id"),
}
# More faults that a retry gets past: responses that look valid at first. `names_for` has only those of its path.
CORRUPT = (
    *_CORRUPT_ANYWHERE,
    *(name for names in _CORRUPT_AT.values() for name in names),
    "deep_json",
    "redirect_away",
    "bad_redirect",
)

ELSEWHERE_PATH = "/elsewhere"
UNKNOWN = "something_new"
_GATEWAY_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"
_DEPTH = 100_000
# Its host has an opening bracket and no closing one.
_INVALID_URL = "http" + "://["

_DATA_FAULTS: dict[str, Callable[[], SandboxError]] = {
    "rate_limited": partial(data_error, "rate_limit_exceeded", status=429),
    "http_500": partial(data_error, "internal_error", status=500),
    "error_in_200": partial(data_error, "internal_error", status=200),
    "token_expired": partial(data_error, "access_token_invalid", status=401),
    "unknown_code": partial(SandboxError, UNKNOWN, "Nobody knows.", "data", 400),
    "unknown_503": partial(SandboxError, UNKNOWN, "Nobody knows.", "data", 503),
    **{code: partial(data_error, code) for code in DATA_ERRORS},
}
_TOKEN_FAULTS: dict[str, Callable[[], SandboxError]] = {
    "token_500": partial(token_error, "server_error", status=500),
    "unknown_code": partial(SandboxError, UNKNOWN, "Nobody knows.", "token", 400),
    **{code: partial(token_error, code) for code in TOKEN_ERRORS},
}
_GATEWAY_RESPONSES: dict[str, Response] = {
    "http_503": html_response(_GATEWAY_PAGE.format("503 Service Temporarily Unavailable"), 503),
    "html_502": html_response(_GATEWAY_PAGE.format("502 Bad Gateway"), 502),
    "html_200": html_response("<!doctype html><html><body>Please wait...</body></html>"),
    "empty_200": Response(200, b""),
}
_DATA_RESPONSES: dict[str, Response] = {
    "deep_json": Response(200, b"[" * _DEPTH + b"]" * _DEPTH),
    "redirect_away": redirect(ELSEWHERE_PATH, 307),
    "bad_redirect": redirect(_INVALID_URL, 307),
}
_VALID_BUT_UNUSUAL = ("invalid_utf8", "odd_headers")

_ANYWHERE = (
    *("reset_before", "reset_middle", "hang", "trickle", "cut_off_json", "wrong_content_type"),
    *_GATEWAY_RESPONSES,
)
_DATA = (*_ANYWHERE, *_DATA_FAULTS, *_DATA_RESPONSES, *_CORRUPT_ANYWHERE, *_VALID_BUT_UNUSUAL)
_NAMES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(PATHS, _ANYWHERE),
    **dict.fromkeys(DATA_PATHS, _DATA),
    TOKEN_PATH: (*_ANYWHERE, *_TOKEN_FAULTS, "token_lost", "token_limited"),
    USER_INFO_PATH: (*_DATA, *_CORRUPT_AT[USER_INFO_PATH]),
    VIDEO_LIST_PATH: (*_DATA, *_CORRUPT_AT[VIDEO_LIST_PATH], "without_id"),
}


def names_for(path: str) -> tuple[str, ...]:
    """Names of the faults that a path supports."""
    return _NAMES[path]


def check_names(path: str, names: Iterable[str | None]) -> None:
    """Raise ValueError for faults that would never occur."""
    if path not in PATHS:
        raise ValueError(f"Unknown path {path!r}; known: {', '.join(PATHS)}.")
    known = names_for(path)
    unknown = [name for name in names if name is not None and name not in known]
    if unknown:
        raise ValueError(f"{path} has no fault {', '.join(map(repr, unknown))}; known: {', '.join(sorted(known))}.")


def replacement(name: str | None, path: str, log_id: str) -> Response | None:
    """The response that a fault returns instead of the valid one, or a raised error; None for neither."""
    if name == "token_limited":
        return json_response({"log_id": log_id, "open_id": ""})
    errors = _DATA_FAULTS if path in DATA_PATHS else _TOKEN_FAULTS
    if name in errors:
        raise errors[name]()
    return {**_GATEWAY_RESPONSES, **_DATA_RESPONSES}.get(name or "")
