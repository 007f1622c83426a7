"""The commands of docs/operations.md, run as written: they change what they name in Airbyte, and nothing else.

Airbyte's API is a stand-in with the calls that the page makes. Its PATCH merges as Airbyte's does: what it doesn't name
stays, including tokens.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from integration_tests.conftest import StartSandbox
from integration_tests.truth import expected_ids, video_ids
from unit_tests import markdown
from unit_tests.connector import InProcess
from unit_tests.test_messages import OPERATIONS, alerts

Json = dict[str, Any]
SETUP, ROTATE, REPLACE, FAILURES = markdown.code_blocks(OPERATIONS, "sh")
START, START_S = "2024-01-01", 1_704_067_200
STORED = {"auth_type": "oauth2.0", "client_key": "key", "client_secret": "old", "refresh_token": "rft.1"}


def merge(stored: Json, patch: Json) -> None:
    """Apply a patch, and change nothing else."""
    for name, value in patch.items():
        if isinstance(stored.get(name), dict):
            merge(stored[name], value)
        else:
            stored[name] = value


class Airbyte:
    """Two TikTok sources and one of another kind, each with a connection.

    Attributes:
        sources: by id.
        connections: by id.
        statuses: of the connections of TikTok's sources, after each change.
        running: how many more times the API reports a running sync.
    """

    def __init__(self) -> None:
        self.sources: dict[str, Json] = {}
        self.connections: dict[str, Json] = {}
        self.statuses: list[str] = []
        self.running = 1
        for name, definition in {"brand-0": "tiktok", "brand-1": "tiktok", "shop": "another"}.items():
            configuration = {"credentials": dict(STORED), "start_date": START}
            self.sources[name] = {"sourceId": name, "definitionId": definition, "configuration": configuration}
            self.connections[f"of-{name}"] = {"connectionId": f"of-{name}", "sourceId": name, "status": "active"}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def respond(self, method: str, path: str, body: Json) -> Json:
        """The API's response."""
        kind, _, name = path.strip("/").partition("/")
        if kind == "applications":
            return {"access_token": f"token of {body['client_id']}"}
        if kind == "jobs":
            self.running -= 1
            return {"data": [{"jobId": 1}] if self.running >= 0 else []}
        found: dict[str, Json] = getattr(self, kind)
        if method == "PATCH":
            merge(found[name], body)
            self.statuses += [body["status"]] if kind == "connections" else []
            return found[name]
        return {"data": list(found.values())}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        airbyte = self

        class Handler(BaseHTTPRequestHandler):
            def respond(self) -> None:
                path = urlsplit(self.path).path
                is_allowed = path.startswith("/applications") or self.headers["Authorization"] == "Bearer token of me"
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length) or b"{}")
                text = json.dumps(airbyte.respond(self.command, path, body) if is_allowed else {}).encode()
                self.send_response(200 if is_allowed else 401)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = respond  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture
def airbyte() -> Iterator[Airbyte]:
    api = Airbyte()
    yield api
    api.stop()


def run(airbyte: Airbyte, folder: Path, *blocks: str, stdin: str = "") -> None:
    """Run blocks of the page in one shell."""
    script = "\n".join(["set -euo pipefail", SETUP, *blocks])
    for name, value in {"AIRBYTE": airbyte.url, "WORKSPACE": "w", "DEFINITION": "tiktok"}.items():
        script, count = re.subn(rf"^export {name}=\S+", f"export {name}={value}", script, flags=re.MULTILINE)
        assert count == 1
    env = {"PATH": "/usr/bin:/bin", "AIRBYTE_CLIENT_ID": "me", "AIRBYTE_CLIENT_SECRET": "mine", "NO_PROXY": "*"}
    done = subprocess.run(
        ["bash", "-c", script], input=stdin, env=env, cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_rotation_changes_only_our_sources_secret(airbyte: Airbyte, tmp_path: Path) -> None:
    expected = copy.deepcopy(airbyte.sources)
    for name in ("brand-0", "brand-1"):
        expected[name]["configuration"]["credentials"]["client_secret"] = "new"

    run(airbyte, tmp_path, ROTATE, stdin="new\n")

    assert airbyte.sources == expected
    assert airbyte.statuses == ["inactive"] * 2 + ["active"] * 2
    assert airbyte.running < 0, "the script did not wait for running syncs"


def test_pause_leaves_other_connectors_active(airbyte: Airbyte, tmp_path: Path) -> None:
    run(airbyte, tmp_path, "set_status inactive")
    assert {name: connection["status"] for name, connection in airbyte.connections.items()} == {
        "of-brand-0": "inactive",
        "of-brand-1": "inactive",
        "of-shop": "active",
    }


def test_replaced_tokens_are_used_by_the_sync(airbyte: Airbyte, start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """The file is that of tiktok-organic-sign-in; the source's other settings are unchanged."""
    sandbox = start_sandbox(videos=30)
    source = airbyte.sources["brand-0"]["configuration"]
    source["credentials"] |= sandbox.config()["credentials"] | {"refresh_token": "rft.used", "access_token": "act.old"}
    source["credentials"]["token_expiry_date"] = "2026-01-01T00:00:00Z"
    (tmp_path / "brand-0.json").write_text(json.dumps(sandbox.config()))

    run(airbyte, tmp_path, REPLACE, "replace_tokens brand-0 brand-0.json")
    outcome = InProcess(sandbox.base_url).read(source, "videos")

    assert (outcome.exit_code, outcome.errors, video_ids(outcome)) == (
        0,
        [],
        expected_ids(sandbox, since=1_704_067_200),
    )
    assert source["start_date"] == "2024-01-01"
    assert airbyte.sources["brand-1"]["configuration"]["credentials"] == STORED


def test_failures_are_listed_and_raise_one_alert(start_sandbox: StartSandbox) -> None:
    """By the page's own command for the connector's output, and by its rules for the log lines."""
    sandbox = start_sandbox(videos=3)
    config = sandbox.config()
    sandbox.expire_refresh_tokens()
    outcome = InProcess(sandbox.base_url).read(config)
    lines = "\n".join(json.dumps(message) for message in outcome.messages)

    done = subprocess.run(["bash", "-c", FAILURES], input=lines, capture_output=True, text=True, check=True)

    cells = [line.split("\t") for line in done.stdout.splitlines()]
    assert sorted(cell[:2] for cell in cells) == [["config_error", "user_info"], ["config_error", "videos"]]
    assert all("error='invalid_grant'" in cell[3] for cell in cells)
    logged = [line for log in outcome.of("LOG") for line in log["message"].splitlines()]
    assert {alert for line in logged for alert in alerts(line)} == {"TikTokRefreshTokenRejected"}
