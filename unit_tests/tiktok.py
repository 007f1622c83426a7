"""A mocked TikTok for unit tests: returns prepared responses in order and records the requests.

Tests prepare single responses; an account is a `VideoList`.
"""

import bisect
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import requests_mock

NOW = "2026-11-02T12:00:00Z"
BASE_URL = "https://open.tiktokapis.com"
RECORDED = Path(__file__).parents[1] / "integration_tests" / "recorded"

OAUTH_CONFIG = {
    "credentials": {
        "auth_type": "oauth2.0",
        "client_key": "client-key",
        "client_secret": "client-secret",
        "refresh_token": "rft.first",
    }
}
ACCESS_TOKEN_CONFIG = {"credentials": {"auth_type": "access_token", "access_token": "act.given"}}

TOKEN_RESPONSE = {
    "access_token": "act.fresh",
    "expires_in": 7200,
    "refresh_token": "rft.second",
    "refresh_expires_in": 15552000,
    "open_id": "_000account",
    "scope": "user.info.basic,user.info.profile,user.info.stats,video.list",
    "token_type": "Bearer",
}
# 0 counts as unknown: a small number would keep windows from being split.
USER = {"open_id": "_000account", "display_name": "Some Body", "bio_description": "", "video_count": 0}
OK = {"code": "ok", "message": "", "log_id": "20261102120000000000000000000000AA"}

MockedResponse = dict[str, Any]


def recorded(name: str) -> Any:
    """The body of a response recorded from the real API."""
    return json.loads((RECORDED / name).read_text())


def ok_response(data: Any) -> MockedResponse:
    """A successful response of a data endpoint."""
    return {"json": {"data": data, "error": OK}}


def error_response(code: str, status: int) -> MockedResponse:
    """An error response of a data endpoint."""
    error = {"code": code, "message": f"About {code}.", "log_id": "2026110212000000000000000000000ERR"}
    return {"json": {"data": {}, "error": error}, "status_code": status}


def page(videos: Sequence[dict[str, Any]], has_more: bool, cursor: int | None = None) -> MockedResponse:
    """A page of video/list; its cursor (ms) is the second of the last video, as on TikTok."""
    last_second = videos[-1]["create_time"] * 1000 if videos else 0
    return ok_response(
        {"videos": list(videos), "has_more": has_more, "cursor": last_second if cursor is None else cursor}
    )


def video(create_time: int, **fields: Any) -> dict[str, Any]:
    """A video as TikTok sends it, posted at `create_time` (s)."""
    return {"id": str(create_time << 32), "create_time": create_time, "title": f"Posted at {create_time}", **fields}


class Adapter(requests_mock.Adapter):
    """Responses have the original request, as in `requests`; those of requests_mock have a copy."""

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Return a prepared response."""
        response = super().send(request, **kwargs)
        response.request = request
        return response


class TikTok:
    """The endpoints by name; each repeats its last response."""

    PATHS: ClassVar = {"token": "/v2/oauth/token/", "user": "/v2/user/info/", "videos": "/v2/video/list/"}

    def __init__(self, mocker: requests_mock.Mocker) -> None:
        self._mocker = mocker
        self._bearers: list[tuple[str, str]] = []

    def responds(self, endpoint: str, *responses: MockedResponse) -> "TikTok":
        """Prepare the next responses of an endpoint."""
        method = "GET" if endpoint == "user" else "POST"
        self._mocker.register_uri(
            method, BASE_URL + self.PATHS[endpoint], list(responses), additional_matcher=self._note
        )
        return self

    def _note(self, request: Any) -> bool:
        # A retry changes the header of the same request object that the history holds.
        self._bearers.append((urlsplit(request.url).path, request.headers.get("Authorization", "")))
        return True

    def with_an_account(self, *pages: MockedResponse) -> "TikTok":
        """Prepare a token response, a profile and these pages of videos, whatever cursor is requested."""
        self.responds("token", {"json": TOKEN_RESPONSE}).responds("user", ok_response({"user": USER}))
        return self.responds("videos", *(pages or [page([], False)]))

    def with_videos(self, *create_times: int) -> "TikTok":
        """Prepare an account with videos posted at these times (s), as `listed`."""
        self.listed = VideoList([second * 1000 for second in create_times])
        self.listed.serve(self)
        return self

    def requests(self, endpoint: str) -> list[Any]:
        """The requests that an endpoint received, in order."""
        return [r for r in self._mocker.request_history if urlsplit(r.url).path == self.PATHS[endpoint]]

    def queries(self, endpoint: str) -> list[dict[str, str]]:
        """The query parameters of the requests that an endpoint received."""
        return [dict(parse_qsl(urlsplit(r.url).query)) for r in self.requests(endpoint)]

    def forms(self) -> list[dict[str, str]]:
        """The forms posted to the token endpoint."""
        return [dict(parse_qsl(r.text)) for r in self.requests("token")]

    def bodies(self) -> list[dict[str, Any]]:
        """The JSON bodies posted to video/list."""
        return [r.json() for r in self.requests("videos")]

    def bearers(self, endpoint: str) -> list[str]:
        """The access tokens that an endpoint received."""
        return [b.removeprefix("Bearer ") for path, b in self._bearers if path == self.PATHS[endpoint]]


@dataclass
class VideoList:
    """TikTok's list of an account's videos, with switches for undocumented paging.

    It has its own paging because the unit tests go to Airbyte's repository without the sandbox.
    integration_tests/test_video_list.py compares both, page by page.

    Attributes:
        posted: when the videos were posted (ms). Full seconds give cursors of full seconds.
        is_inclusive: a page also has the videos at its cursor, however many, and an older one.
        cuts_times: a page has its full size, even if that cuts videos of one time. Otherwise it ends before that time,
            or exceeds its size to complete it.
        page_sizes: the sizes of the pages with `max_count` 20, in turn.
        pinned: the places of videos that are also listed on top of each page.
        is_first_page_empty: the page without a cursor has no videos, but a cursor.
    """

    posted: Sequence[int]
    is_inclusive: bool = False
    cuts_times: bool = True
    page_sizes: Sequence[int] = (20,)
    pinned: Sequence[int] = ()
    is_first_page_empty: bool = False
    requests: list[tuple[int | None, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.posted = sorted(self.posted, reverse=True)
        self.videos = [video(ms // 1000, id=str(10_000 + n)) for n, ms in enumerate(self.posted)]
        self._negated = [-ms for ms in self.posted]
        self._seconds = sorted(ms // 1000 for ms in self.posted)

    def count(self, first: int, last: int) -> int:
        """How many videos were posted in a period (s)."""
        return count_between(self._seconds, first, last)

    def serve(self, tiktok: TikTok, video_count: Any = 0) -> None:
        """Respond to video/list with this list's pages, and with `video_count` in the profile."""
        tiktok.with_an_account().responds("user", ok_response({"user": {**USER, "video_count": video_count}}))
        tiktok.responds("videos", {"json": self.respond})

    def respond(self, request: Any, context: Any) -> Any:
        """The body of a response, for requests_mock."""
        return ok_response(self.page(**request.json()))["json"]

    def page(self, max_count: int, cursor: int | None = None) -> dict[str, Any]:
        """The `data` of a response."""
        self.requests.append((cursor, max_count))
        first = 0 if cursor is None else self._place(cursor)
        if self.is_first_page_empty and cursor is None:
            return {"videos": [], "has_more": True, "cursor": self.posted[0] + 1}
        size = self.page_sizes[len(self.requests) % len(self.page_sizes)] if max_count == 20 else max_count
        end = min(first + size, len(self.posted))
        if self.is_inclusive and cursor is not None:
            while 0 < end < len(self.posted) and self.posted[end - 1] >= cursor:
                end += 1
        elif not self.cuts_times and end < len(self.posted):
            end = self._whole_times(first, end)
        shown = self.videos[first:end]
        if not shown:
            return {"videos": [], "has_more": False, "cursor": 0}
        pinned = [self.videos[place] for place in self.pinned]
        return {"videos": [*pinned, *shown], "has_more": end < len(self.posted), "cursor": self.posted[end - 1]}

    def _place(self, cursor: int) -> int:
        """Where a page with this cursor starts."""
        passed = -cursor if self.is_inclusive else -cursor + 1
        return bisect.bisect_left(self._negated, passed)

    def _whole_times(self, first: int, end: int) -> int:
        cut = self.posted[end]
        if self.posted[first] > cut:
            return self.posted.index(cut)
        return len(self.posted) - list(reversed(self.posted)).index(cut)


def count_between(ascending: Sequence[int], first: int, last: int) -> int:
    """How many of these numbers lie in a period, both ends included."""
    return bisect.bisect_right(ascending, last) - bisect.bisect_left(ascending, first)
