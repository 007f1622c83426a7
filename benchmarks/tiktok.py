"""The sandbox in its own process, so that its CPU and memory don't count as the reader's."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from benchmarks.cases import YEARS, Case
from benchmarks.environments import ROOT

TIMEOUT = 300  # s; 100,000 videos are 300 MB
Json = dict[str, Any]


class TikTok:
    """A sandbox for one row; a context manager."""

    def __init__(self, case: Case) -> None:
        settings = {"videos": case.videos, "years": YEARS, "latency": case.latency, "rate-limit": case.rate_limit}
        flags = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
        command = [sys.executable, "-m", "sandbox", *flags]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.base_url: str = json.loads(self._process.stdout.readline())["base_url"]
        self._open = build_opener(ProxyHandler({})).open
        self._seen = 0

    def __enter__(self) -> TikTok:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Waits for its exit and closes the pipe.
        with self._process:
            self._process.terminate()

    def start_over(self) -> Json:
        """Reset rate windows, tokens and log; returns credentials with a refresh token."""
        self._ask("/_sandbox/reset", {})
        self._seen = 0
        credentials: Json = self._ask("/_sandbox/grant", {})["credentials"]
        return credentials

    def access_token(self) -> str:
        """Reset the sandbox like `start_over`; returns an access token that expires after two hours."""
        form = {**self.start_over(), "grant_type": "refresh_token"}
        del form["auth_type"]
        token: str = self._send("/v2/oauth/token/", urlencode(form).encode())["access_token"]
        self.new_requests()
        return token

    def new_requests(self) -> list[Json]:
        """The requests since the last call."""
        log: list[Json] = self._ask("/_sandbox/requests")["requests"]
        self._seen, new = len(log), log[self._seen :]
        return new

    def videos(self) -> dict[str, int]:
        """The ground truth: create_time (epoch s) of every video, by id."""
        account = self._ask("/_sandbox/truth")["accounts"][0]
        return {video["id"]: video["create_time"] for video in account["videos"]}

    def _ask(self, path: str, body: Json | None = None) -> Json:
        return self._send(path, None if body is None else json.dumps(body).encode(), "application/json")

    def _send(self, path: str, data: bytes | None, content_type: str = "application/x-www-form-urlencoded") -> Json:
        request = Request(self.base_url + path, data, {"Content-Type": content_type})
        with self._open(request, timeout=TIMEOUT) as response:
            parsed: Json = json.load(response)
        return parsed
