"""Requests and responses of the endpoints: plain data, no server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
HTML_TYPE = "text/html"

encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Request:
    """One request with its complete body.

    Attributes:
        query_pairs: names and values of the query, decoded once.
        raw: the body.
        raw_query: the query as received, still encoded.
    """

    method: str
    path: str
    query_pairs: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    raw: bytes
    raw_query: str = ""

    @property
    def query(self) -> dict[str, str]:
        """Query parameters; the last value wins if a name is repeated."""
        return dict(self.query_pairs)

    @cached_property
    def content_type(self) -> str:
        """Media type of the body without its parameters, in lower case; empty if the header is missing."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @cached_property
    def text(self) -> str:
        """Body as text."""
        return self.raw.decode("utf-8", errors="replace")

    @cached_property
    def form_pairs(self) -> tuple[tuple[str, str], ...]:
        """Body as form fields, each decoded once."""
        return tuple(parse_qsl(self.text, keep_blank_values=True))

    @cached_property
    def body(self) -> Any:
        """Body parsed by its content type: JSON, a dict of form fields, or text; None if empty."""
        if not self.raw:
            return None
        if self.content_type == FORM_TYPE:
            return dict(self.form_pairs)
        try:
            return json.loads(self.raw)
        except ValueError:
            return self.text


@dataclass(frozen=True)
class Response:
    """One response, with fields for the log."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    videos: tuple[str, ...] = ()
    error_code: str | None = None
    violation: str | None = None


def json_response(payload: Json, status: int = 200, **logged: Any) -> Response:
    """A response with a JSON body; `logged` are more fields of `Response`."""
    return Response(status, encode_json(payload).encode(), **logged)


def html_response(page: str, status: int = 200, **logged: Any) -> Response:
    """A response with an HTML body; `logged` are more fields of `Response`."""
    return Response(status, page.encode(), HTML_TYPE, **logged)


def redirect(location: str, status: int = 302, **logged: Any) -> Response:
    """A redirect; TikTok's consent page sends it with 302."""
    return Response(status, b"", HTML_TYPE, headers={"Location": location}, **logged)
