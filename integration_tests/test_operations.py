"""The runbooks of docs/operations.md, played with five sources: real syncs, and the page's own commands.

Airbyte's API is a stand-in with the few calls that the page makes. Its PATCH merges as Airbyte's does: what it doesn't
name stays, tokens among it.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

from integration_tests.command import Command
from integration_tests.conftest import StartSandbox
from sandbox import Account, Sandbox
from sandbox.facts import TOKEN_PATH, VIDEO_LIST_PATH
from unit_tests import markdown
from unit_tests.outcome import Outcome
from unit_tests.test_operations import PAGE, alerts

Json = dict[str, Any]
SETUP, ROTATE, REPLACE, FAILURES = markdown.code_blocks(PAGE, "sh")
ACCOUNTS = 5
STREAMS = 2  # each refreshes for itself
ACCESS_TOKEN_S = 7_200


def merge(stored: Json, patch: Json) -> None:
    """Change what a patch names, and nothing else."""
    for name, value in patch.items():
        if isinstance(stored.get(name), dict):
            merge(stored[name], value)
        else:
            stored[name] = value


class Airbyte:
    """Sources with their connections, over the API calls that the page makes.

    Attributes:
        sources: by id; those with the definition `tiktok` are ours.
        connections: by id.
        running: how many more times the API says that a sync is under way.
    """

    def __init__(self) -> None:
        self.sources: dict[str, Json] = {}
        self.connections: dict[str, Json] = {}
        self.running = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, definition: str, configuration: Json) -> None:
        """Add a source and its connection."""
        self.sources[name] = {"sourceId": name, "definitionId": definition, "configuration": configuration}
        self.connections[f"of-{name}"] = {"connectionId": f"of-{name}", "sourceId": name, "status": "active"}

    def respond(self, method: str, path: str, body: Json) -> Json:
        """What the API says."""
        kind, _, name = path.strip("/").partition("/")
        if kind == "applications":
            return {"access_token": f"token of {body['client_id']}"}
        if kind == "jobs":
            self.running -= 1
            return {"data": [{"jobId": 1}] if self.running >= 0 else []}
        found: dict[str, Json] = getattr(self, kind)
        if method == "PATCH":
            merge(found[name], body)
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


class Fleet:
    """Five TikTok sources, synced as Airbyte does, beside a source of another kind."""

    def __init__(self, sandbox: Sandbox, folder: Path, airbyte: Airbyte) -> None:
        self.sandbox = sandbox
        self.airbyte = airbyte
        self.folder = folder
        self.states: dict[str, Any] = {}
        self.accounts: dict[str, Account] = {}
        for number, account in enumerate(sandbox.accounts):
            name = f"brand-{number}"
            self.accounts[name] = account
            airbyte.add(name, "tiktok", sandbox.config(account=account))
        airbyte.add("shop", "another", {"credentials": {"client_secret": "of a shop"}})

    def sync(self) -> dict[str, Outcome]:
        """Sync all active TikTok sources at once; store tokens and states."""
        active = [c["sourceId"] for c in self.airbyte.connections.values() if c["status"] == "active"]
        names = [name for name in active if name in self.accounts]
        with ThreadPoolExecutor(len(names)) as pool:
            return dict(zip(names, pool.map(self._sync, names), strict=True))

    def _sync(self, name: str) -> Outcome:
        source = self.airbyte.sources[name]
        outcome = Command(self.sandbox, self.folder).read(source["configuration"], state=self.states.get(name))
        for config in outcome.configs:
            source["configuration"] = config
        self.states[name] = outcome.states[-1]
        return outcome

    def run(self, *blocks: str, stdin: str = "") -> None:
        """Run blocks of the page in one shell."""
        replaced = {"AIRBYTE": self.airbyte.url, "WORKSPACE": "w", "DEFINITION": "tiktok"}
        script = "\n".join(["set -euo pipefail", SETUP, *blocks])
        for name, value in replaced.items():
            script, count = re.subn(rf"^export {name}=\S+", f"export {name}={value}", script, flags=re.MULTILINE)
            assert count == 1
        env = {"PATH": "/usr/bin:/bin", "AIRBYTE_CLIENT_ID": "me", "AIRBYTE_CLIENT_SECRET": "mine", "NO_PROXY": "*"}
        done = subprocess.run(
            ["bash", "-c", script], input=stdin, env=env, cwd=self.folder, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")

    def reauthenticate(self, name: str) -> str:
        """The owner runs tiktok-organic-sign-in; returns the file."""
        grant = self.sandbox.grant(self.accounts[name])
        tokens = {"access_token": grant.access_token, "refresh_token": grant.refresh_token}
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({"credentials": tokens}))
        return path.name


@pytest.fixture
def airbyte() -> Iterator[Airbyte]:
    api = Airbyte()
    yield api
    api.stop()


@pytest.fixture
def fleet(start_sandbox: StartSandbox, tmp_path: Path, airbyte: Airbyte) -> Fleet:
    """Five accounts after their first sync, with a new video each."""
    made = Fleet(start_sandbox(accounts=ACCOUNTS, videos=60, years=2), tmp_path, airbyte)
    for name, outcome in made.sync().items():
        assert (outcome.exit_code, len(outcome.records("videos"))) == (0, 60), name
    for account in made.accounts.values():
        account.post()
    made.sandbox.advance(ACCESS_TOKEN_S + 60)  # the sandbox's clock alone: TikTok ends the access tokens
    return made


def fired(outcomes: dict[str, Outcome]) -> dict[str, set[str]]:
    """The alerts that a collector of the log lines would raise, by source."""
    return {
        name: {alert for log in outcome.of("LOG") for line in log["message"].splitlines() for alert in alerts(line)}
        for name, outcome in outcomes.items()
    }


def all_of(fleet: Fleet, alert: str) -> dict[str, set[str]]:
    return {name: {alert} for name in fleet.accounts}


def assert_each_continues(fleet: Fleet) -> None:
    """A sync brings each account's new video, from its state: one page, and the account's."""
    before = len(fleet.sandbox.requests_to(VIDEO_LIST_PATH))
    outcomes = fleet.sync()
    assert {name: outcome.exit_code for name, outcome in outcomes.items()} == dict.fromkeys(fleet.accounts, 0)
    assert fired(outcomes) == {name: set() for name in fleet.accounts}
    for name, outcome in outcomes.items():
        newest = fleet.accounts[name].videos[0]
        assert newest["id"] in [video["id"] for video in outcome.records("videos")]
        cursor = fleet.states[name]["states"][0]["cursor"]
        assert cursor == {"create_time": str(newest["create_time"])}
    assert len(fleet.sandbox.requests_to(VIDEO_LIST_PATH)) - before < 3 * ACCOUNTS


def traces(outcome: Outcome) -> list[tuple[str | None, str, str]]:
    """Stream, failure type and internal message of each error trace."""
    errors = [trace["error"] for trace in outcome.of("TRACE") if trace["type"] == "ERROR"]
    return [
        ((error.get("stream_descriptor") or {}).get("name"), error["failure_type"], error["internal_message"])
        for error in errors
    ]


def test_suspended_app_needs_nothing_when_it_is_back(fleet: Fleet) -> None:
    fleet.sandbox.fail(TOKEN_PATH, *["unauthorized_client"] * ACCOUNTS * STREAMS)
    before = {name: source["configuration"] for name, source in fleet.airbyte.sources.items()}

    outcomes = fleet.sync()

    assert fired(outcomes) == all_of(fleet, "TikTokAppRejected")
    assert {name: source["configuration"] for name, source in fleet.airbyte.sources.items()} == before
    assert_each_continues(fleet)


def test_secret_is_rotated_without_reauthenticating(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.oauth.CLIENT_SECRET", "new-secret")
    before = copy.deepcopy(fleet.airbyte.sources)
    fleet.airbyte.running = 1

    assert fired(fleet.sync()) == all_of(fleet, "TikTokAppRejected")
    fleet.run(ROTATE, stdin="new-secret\n")

    for name in fleet.accounts:
        before[name]["configuration"]["credentials"]["client_secret"] = "new-secret"
    assert fleet.airbyte.sources == before
    assert {connection["status"] for connection in fleet.airbyte.connections.values()} == {"active"}
    assert_each_continues(fleet)


def restore(fleet: Fleet, backup: dict[str, Json]) -> None:
    """Put the sources of a backup back, after a sync that used their tokens."""
    for name, outcome in fleet.sync().items():
        assert outcome.exit_code == 0, name
    fleet.airbyte.sources.update(copy.deepcopy(backup))
    fleet.sandbox.advance(ACCESS_TOKEN_S + 60)
    for account in fleet.accounts.values():
        account.post(int(time.time()))  # the sandbox's clock is hours ahead


def expire(fleet: Fleet, _: dict[str, Json]) -> None:
    """Let all authorizations expire."""
    fleet.sandbox.expire_refresh_tokens()


@pytest.mark.parametrize("cause", [expire, restore], ids=["expired", "restored_backup"])
def test_invalid_grant_on_all_accounts(cause: Callable[[Fleet, dict[str, Json]], None], fleet: Fleet) -> None:
    cause(fleet, copy.deepcopy(fleet.airbyte.sources))

    outcomes = fleet.sync()

    assert fired(outcomes) == all_of(fleet, "TikTokRefreshTokenRejected")
    for outcome in outcomes.values():
        *streams, summary = traces(outcome)
        assert sorted((name, kind) for name, kind, _ in streams) == [
            ("user_info", "config_error"),
            ("videos", "config_error"),
        ]
        assert all("error='invalid_grant'" in detail for _, _, detail in streams)
        assert summary == (None, "config_error", "Concurrent read failure")

    fleet.run("set_status inactive")
    assert {c["status"] for c in fleet.airbyte.connections.values() if c["sourceId"] != "shop"} == {"inactive"}
    assert fleet.airbyte.connections["of-shop"]["status"] == "active"
    files = {name: fleet.reauthenticate(name) for name in fleet.accounts}
    fleet.run(REPLACE, *(f"replace_tokens {name} {file}" for name, file in files.items()), "set_status active")
    assert_each_continues(fleet)


def test_failures_are_listed_from_the_commands_output(fleet: Fleet) -> None:
    fleet.sandbox.expire_refresh_tokens()
    outcome = fleet.sync()["brand-0"]
    lines = "\n".join(json.dumps(message) for message in outcome.messages)

    done = subprocess.run(["bash", "-c", FAILURES], input=lines, capture_output=True, text=True, check=True)

    cells = [line.split("\t") for line in done.stdout.splitlines()]
    assert sorted(cell[:2] for cell in cells) == [["config_error", "user_info"], ["config_error", "videos"]]
    assert all("error='invalid_grant'" in cell[3] for cell in cells)


def test_failing_source_leaves_the_others_alone(fleet: Fleet) -> None:
    fleet.sandbox.fail(VIDEO_LIST_PATH, "without_id")
    outcomes = fleet.sync()

    (failed,) = [name for name, outcome in outcomes.items() if outcome.exit_code]
    assert {name: found for name, found in fired(outcomes).items() if found} == {failed: {"TikTokBug"}}
    assert [(name, kind) for name, kind, _ in traces(outcomes[failed])] == [
        ("videos", "system_error"),
        (None, "config_error"),
    ]
    assert_each_continues(fleet)


def test_expiring_tokens_raise_their_alert(fleet: Fleet) -> None:
    fleet.sandbox.token_response(refresh_expires_in=5 * 86_400)
    outcomes = fleet.sync()
    assert {name: outcome.exit_code for name, outcome in outcomes.items()} == dict.fromkeys(fleet.accounts, 0)
    assert fired(outcomes) == all_of(fleet, "TikTokRefreshTokenExpires")
