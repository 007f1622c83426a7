"""A mocked TikTok for unit tests: returns prepared responses in order and records the requests."""

import json
import math
from collections.abc import Sequence
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
# As many videos as no test has: a smaller number would keep windows whole.
USER = {"open_id": "_000account", "display_name": "Some Body", "bio_description": "", "video_count": 0}
OK = {"code": "ok", "message": "", "log_id": "20261102120000000000000000000000AA"}

MockedResponse = dict[str, Any]


def recorded(name: str) -> Any:
    """The body of a response recorded from the real API."""
    return json.loads((RECORDED / name).read_text())


def good(data: Any) -> MockedResponse:
    """A successful response of a data endpoint."""
    return {"json": {"data": data, "error": OK}}


def refused(code: str, status: int) -> MockedResponse:
    """An error response of a data endpoint."""
    error = {"code": code, "message": f"About {code}.", "log_id": "2026110212000000000000000000000ERR"}
    return {"json": {"data": {}, "error": error}, "status_code": status}


def page(videos: Sequence[dict[str, Any]], has_more: bool, cursor: int | None = None) -> MockedResponse:
    """A page of video/list; its cursor (ms) is the second of the last video, as on TikTok."""
    last_second = videos[-1]["create_time"] * 1000 if videos else 0
    return good({"videos": list(videos), "has_more": has_more, "cursor": last_second if cursor is None else cursor})


def video(create_time: int, **fields: Any) -> dict[str, Any]:
    """A video as TikTok sends it, posted at `create_time` (s)."""
    return {"id": str(create_time << 32), "create_time": create_time, "title": f"Posted at {create_time}", **fields}


class Adapter(requests_mock.Adapter):
    """Responses carry the request as it was made, as those of `requests` do; requests_mock's carry a copy."""

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
        """Prepare a working sign-in, a profile and these pages of videos, whatever cursor is requested."""
        self.responds("token", {"json": TOKEN_RESPONSE}).responds("user", good({"user": USER}))
        return self.responds("videos", *(pages or [page([], False)]))

    def with_videos(self, *create_times: int) -> "TikTok":
        """Prepare an account with these videos (s); each request gets the 20 newest before its cursor."""
        self.with_an_account()
        videos = [video(t) for t in sorted(create_times, reverse=True)]

        def respond(request: Any, context: Any) -> dict[str, Any]:
            body = request.json()
            found = [v for v in videos if v["create_time"] * 1000 < body.get("cursor", math.inf)]
            size = body["max_count"]
            return dict(page(found[:size], has_more=len(found) > size)["json"])

        self.respond = respond
        return self.responds("videos", {"json": respond})

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
