"""A minimal API client for tests of the sandbox itself: it also sends invalid requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

import requests

from sandbox.facts import TOKEN_PATH, USER_INFO_PATH, VIDEO_FIELDS, VIDEO_LIST_PATH
from sandbox.messages import Json
from sandbox.sandbox import Sandbox

_TIMEOUT = 5.0  # s


class Client:
    """Sends requests to a sandbox with one access token."""

    def __init__(self, sandbox: Sandbox, access_token: str | None = None) -> None:
        self._sandbox = sandbox
        self._session = requests.Session()
        self.access_token = access_token or sandbox.grant().access_token

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def send(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        """Send anything; `kwargs` are those of `requests`."""
        url = self._sandbox.base_url + path
        options = {"timeout": _TIMEOUT, "allow_redirects": False, **kwargs}
        return self._session.request(method, url, **options)

    @property
    def bearer(self) -> dict[str, str]:
        """The header with the access token."""
        return {"Authorization": f"Bearer {self.access_token}"}

    def user_info(self, fields: Sequence[str] = ("open_id",)) -> requests.Response:
        """Request the profile."""
        return self.send("GET", USER_INFO_PATH, params={"fields": ",".join(fields)}, headers=self.bearer)

    def video_list(self, fields: Sequence[str] = ("id", "create_time"), **body: Any) -> requests.Response:
        """Request one page; `body` is `cursor` (ms) and `max_count`."""
        params = {"fields": ",".join(fields)}
        return self.send("POST", VIDEO_LIST_PATH, params=params, json=body, headers=self.bearer)

    def pages(
        self, fields: Sequence[str] = VIDEO_FIELDS, max_count: int = 20, max_pages: int = 1_000
    ) -> Iterator[Json]:
        """`data` of each page from the newest video until `has_more` is false, at most `max_pages`."""
        body: Json = {"max_count": max_count}
        for _ in range(max_pages):
            data: Json = self.video_list(fields, **body).json()["data"]
            yield data
            if not data["has_more"]:
                return
            body["cursor"] = data["cursor"]

    def token(self, **form: str) -> requests.Response:
        """Send a form to the token endpoint, with the correct client key and secret."""
        client = {"client_key": self._sandbox.client_key, "client_secret": self._sandbox.client_secret}
        return self.send("POST", TOKEN_PATH, data={**client, **form})

    def refresh(self, refresh_token: str) -> requests.Response:
        """Exchange a refresh token for new tokens."""
        return self.token(grant_type="refresh_token", refresh_token=refresh_token)
