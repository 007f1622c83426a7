"""A simulated user at the browser, and the result of a run of the command."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from unit_tests.tiktok import TOKEN_RESPONSE

TOKEN_URL = "https://open.tiktokapis.com/v2/oauth/token/"
USER_URL = "https://open.tiktokapis.com/v2/user/info/"
KEY, SECRET, CODE = "awabc123def456gh", "s3cret-of-the-app", "c0de*0!1234.va%2A"
DEFAULT_OUTPUT = Path("secrets/config.json")
CREDENTIALS = {
    "auth_type": "oauth2.0",
    "client_key": KEY,
    "client_secret": SECRET,
    "refresh_token": TOKEN_RESPONSE["refresh_token"],
    "access_token": TOKEN_RESPONSE["access_token"],
    "token_expiry_date": "2026-11-02T13:59:00+00:00",
    "refresh_token_expiry_date": "2027-05-01T12:00:00+00:00",
}


@dataclass
class Result:
    exit_code: int
    out: str
    err: str

    @property
    def config(self) -> Any:
        return json.loads(DEFAULT_OUTPUT.read_text())


class Person:
    """A simulated user at the browser, who gets the link to the consent page and follows the redirect."""

    def __init__(self) -> None:
        self.link = ""
        self.is_idle = threading.Event()
        self.is_idle.set()
        self.pages: list[tuple[int, str]] = []
        self.before: list[str] = []  # what the browser requests from the listener first
        self.headers: dict[str, str] = {}  # of those requests
        self.answer: dict[str, str] | None = {"code": CODE, "scopes": TOKEN_RESPONSE["scope"]}
        self.state: str | None = None  # None: the correct one; "": none

    @property
    def consent_query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.link).query))

    def open(self, link: str) -> bool:
        self.is_idle.clear()
        self.link = link
        try:
            for path in self.before:
                self.visit(path, self.headers)
            if self.answer is not None:
                self.visit(self.redirect())
        finally:
            self.is_idle.set()
        return True

    def redirect(self) -> str:
        state = self.consent_query["state"] if self.state is None else self.state
        query = {**(self.answer or {}), **({"state": state} if state else {})}
        return f"{self.consent_query['redirect_uri']}?{urlencode(query)}"

    def visit(self, url: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        address = url if url.startswith("http") else self.consent_query["redirect_uri"].replace("/callback/", url)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(urllib.request.Request(address, headers=dict(headers)), timeout=10) as page:
                self.pages.append((page.status, page.read().decode()))
        except urllib.error.HTTPError as page:
            self.pages.append((page.code, page.read().decode()))


def failure(result: Result, *, exit_code: int = 1) -> str:
    """The stderr of a run that failed, wrote no file and printed no secret."""
    assert result.exit_code == exit_code
    assert not DEFAULT_OUTPUT.exists()
    assert [
        s for s in (SECRET, CODE, "Traceback", TOKEN_RESPONSE["access_token"]) if s in result.out + result.err
    ] == []
    return result.err.strip()
