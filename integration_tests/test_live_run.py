"""`make live` as a person runs it: it loses no token, prints no secret, and stops on a signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests_mock

from integration_tests.live import __main__ as command
from integration_tests.live import ask_last, probes
from integration_tests.live.api import GAP_S, WINDOW_S, Api, UnansweredError
from integration_tests.live.authorization import Authorization
from integration_tests.live.probe import Finding, ask_all
from integration_tests.live_runs import QUICK, ProbeRun
from integration_tests.waiting import wait_for
from sandbox import Sandbox
from sandbox.client import Client
from sandbox.facts import TOKEN_PATH, USER_INFO_PATH, VIDEO_LIST_PATH

ROOT = Path(__file__).parents[1]
TIKTOK = "https://open.tiktokapis.com"


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "config.json"


def write_config(path: Path, config: Any) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps(config), encoding="utf-8")


def texts(value: Any) -> Iterator[str]:
    """Every text in a value that could be a secret or personal, and each number that could be an id or a time."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str) and len(value) > 3:
        yield value
    elif isinstance(value, int) and value > 10**6:
        yield str(value)


def is_valid(sandbox: Sandbox, config: Any) -> bool:
    """Whether the refresh token of a config is valid; uses it."""
    with Client(sandbox) as client:
        return client.refresh(config["credentials"]["refresh_token"]).status_code == 200


# --- the complete command ---


def test_run_stores_the_token_and_prints_no_secret(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ask_last, "APART_S", 1.1)
    with Sandbox(videos=60) as sandbox:
        before = {**sandbox.config(), "start_date": "2015-07-09", "num_workers": 4, "note": "mine"}
        write_config(config_file, before)
        monkeypatch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)

        exit_code = command.main(["--config", str(config_file), "--out", str(tmp_path / "live"), "--spend-token"])

        after = json.loads(config_file.read_text())
        printed = capfd.readouterr()
        written = [path.read_text() for path in (tmp_path / "live").rglob("*") if path.is_file()]
        tokens = [request.body for request in sandbox.requests_to(TOKEN_PATH) if isinstance(request.body, dict)]
        account = [sandbox.account.user, sandbox.account.videos]
        assert (exit_code, printed.err, is_valid(sandbox, after)) == (0, "", True)
    assert {**after, "credentials": before["credentials"]} == before
    assert sorted(after["credentials"]) == sorted([*before["credentials"], "access_token", "token_expiry_date"])
    assert (config_file.stat().st_mode & 0o777, len(written)) == (0o600, 13)
    assert (
        "The connector read the same 60 videos as the plain list, each once." in written[0] + written[-1] + printed.out
    )
    own = {text for text in texts([before["credentials"], after["credentials"], tokens, account]) if text not in KNOWN}
    everything = "\n".join([printed.out, *written])
    assert len(own) > 300
    assert [text for text in own if text in everything or quote(text, safe="") in everything] == []


# What a config and a token request contain besides secrets.
KNOWN = {"oauth2.0", "refresh_token", "made-up", "user.info.basic,user.info.profile,user.info.stats,video.list"}


@pytest.mark.usefixtures("proof_in_process")
def test_run_without_config_uses_a_sandbox(tmp_path: Path) -> None:
    assert command.main(["--out", str(tmp_path)]) == 0

    report = (tmp_path / "report.md").read_text()
    assert "The connector read the same 300 videos as the plain list, each once." in report
    assert "No finding differs from the sandbox." in report
    assert "| = |" in report
    assert "| ≠ |" not in report


@pytest.mark.usefixtures("proof_in_process")
def test_report_names_the_switches_to_set(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Sandbox(cursor_inclusive=True, token_error_status=200, refused_fields=("is_aigc",)) as sandbox:
        write_config(config_file, sandbox.config())
        monkeypatch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)
        assert command.main(["--config", str(config_file), "--out", str(tmp_path / "live")]) == 0

    report = (tmp_path / "live" / "report.md").read_text()
    advice = "Sandbox(token_error_status=200, cursor_inclusive=True, refused_fields=('is_aigc',))"
    assert advice in report
    assert advice in capsys.readouterr().out.replace("\n", " ")
    assert "**Set cursor_inclusive=True.** | ≠ |" in report
    assert report.count("| ≠ |") == 3


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"credentials": []}',
        '{"credentials": {"auth_type": "basic", "access_token": "act.a"}}',
        '{"credentials": {"auth_type": "oauth2.0", "client_key": "a", "client_secret": "b"}}',
        '{"credentials": {"auth_type": "access_token", "access_token": "act.a b"}}',
    ],
    ids=["empty", "list", "no_credentials", "unknown_kind", "no_refresh_token", "not_one_word"],
)
def test_invalid_config_fails_in_one_line(
    content: str, config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config_file.parent.mkdir()
    config_file.write_text(content)

    assert command.main(["--config", str(config_file), "--out", str(tmp_path / "live")]) == 1

    assert config_file.read_text() == content
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "live").exists()


def test_rejected_token_leaves_the_file_unchanged(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Sandbox(token_error_status=200) as sandbox:
        config = sandbox.config()
        sandbox.expire_refresh_tokens()
        write_config(config_file, config)
        monkeypatch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)
        assert command.main(["--config", str(config_file), "--out", str(tmp_path / "live")]) == 1
        assert [request.path for request in sandbox.requests] == [TOKEN_PATH]

    assert json.loads(config_file.read_text()) == config
    assert "`invalid_grant`" in capsys.readouterr().err
    assert [path for path in (tmp_path / "live").rglob("*") if path.is_file()] == []


def test_finding_never_contains_a_secret() -> None:
    with Sandbox() as sandbox:
        live = ProbeRun(sandbox).live
        former, token = live.authorization.first_refresh_token, live.tokens.body["access_token"]
        secrets = [former, token, sandbox.client_secret]
        entry = replace(probes.ALL[0], ask=lambda _: Finding(f"seen: {secrets}"))
        found: list[str] = []
        ask_all(live, [entry], lambda _: None, lambda _, finding: found.append(finding.seen))
    assert found == ["seen: ['****', '****', '****']"]


# --- stopped at any moment ---


@pytest.mark.parametrize(
    ("number", "moment", "exit_code"),
    [
        (signal.SIGKILL, VIDEO_LIST_PATH, -signal.SIGKILL),
        (signal.SIGINT, VIDEO_LIST_PATH, 130),
        (signal.SIGTERM, TOKEN_PATH, 143),
    ],
    ids=["killed", "ctrl_c", "during_refresh"],
)
def test_config_file_stays_valid_when_the_run_is_stopped(
    number: signal.Signals, moment: str, exit_code: int, config_file: Path, tmp_path: Path
) -> None:
    with Sandbox(latency=0.1, token_latency=0.3) as sandbox:
        write_config(config_file, sandbox.config())
        program = [sys.executable, "-m", "integration_tests.live", "--config", config_file, "--out", tmp_path / "live"]
        env = {**os.environ, "TIKTOK_API_BASE_URL": sandbox.base_url, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(
            program, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            wait_for(lambda: sandbox.requests_to(moment))
            process.send_signal(number)
            process.communicate(timeout=30)
        sent = len(sandbox.requests_to(moment))
        assert (process.returncode, is_valid(sandbox, json.loads(config_file.read_text()))) == (exit_code, True)
    assert sent < 10
    report = tmp_path / "live" / "report.md"
    assert report.exists() is (number == signal.SIGINT)
    assert not report.exists() or "Does a refresh token rotate?" in report.read_text()


def test_new_token_is_stored_before_the_next_request() -> None:
    with Sandbox() as sandbox:
        probe_run = ProbeRun(sandbox, spend_token=True)
        stored_after: list[int] = []
        authorization = Authorization(
            probe_run.live.api, probe_run.config, lambda _: stored_after.append(len(sandbox.requests))
        )
        live = replace(probe_run.live, authorization=authorization)
        ask_all(live, QUICK, lambda _: None, lambda *_: None)
        codes = [(request.path, request.status) for request in sandbox.requests]
    refreshed = [place for place, code in enumerate(codes, 1) if code == (TOKEN_PATH, 200)]
    assert stored_after == refreshed
    assert len(refreshed) == 2


def test_unwritable_config_file_stops_the_run(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with Sandbox() as sandbox:
        write_config(config_file, config := sandbox.config())
        monkeypatch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)
        monkeypatch.setattr(os, "replace", full)
        assert command.main(["--config", str(config_file), "--out", str(tmp_path / "live")]) == 1
        assert len(sandbox.requests) == 1

    assert json.loads(config_file.read_text()) == config
    assert "No space left on device" in capsys.readouterr().err


def test_lost_token_response_is_retried() -> None:
    with Sandbox() as sandbox:
        probe_run = ProbeRun(sandbox)
        sandbox.fail(TOKEN_PATH, "reset_before")
        tokens = probe_run.live.tokens
        assert (tokens.code, len(sandbox.requests_to(TOKEN_PATH)), len(probe_run.stored_configs)) == ("ok", 2, 1)


@pytest.mark.parametrize("lifetime", [None, -1, "7200", 10**30], ids=["missing", "negative", "text", "endless"])
def test_invalid_lifetime_does_not_lose_the_token(lifetime: Any) -> None:
    with Sandbox() as sandbox:
        sandbox.token_response(expires_in=lifetime)
        probe_run = ProbeRun(sandbox).run()
        assert probe_run.stored_configs[0]["credentials"]["token_expiry_date"] == ""
        assert is_valid(sandbox, probe_run.stored_configs[0])


# --- requests ---


def test_requests_are_throttled_and_follow_no_redirect() -> None:
    waits: list[float] = []
    api = Api(TIKTOK, clock=lambda: sum(waits), sleep=waits.append)
    with requests_mock.Mocker() as mocked:
        mocked.get(TIKTOK + USER_INFO_PATH, status_code=307, headers={"Location": "https://example.com/"})
        replies = [api.once("GET", USER_INFO_PATH, "fields=a,b") for _ in range(3)]
        assert [request.url for request in mocked.request_history] == [f"{TIKTOK}{USER_INFO_PATH}?fields=a,b"] * 3

    assert waits == [0.0, GAP_S, GAP_S]
    assert GAP_S > 1
    assert [(reply.status, reply.body, str(reply)) for reply in replies] == [(307, {}, "HTTP 307 without a code")] * 3


def test_rate_limit_is_waited_out_twice_at_most() -> None:
    with Sandbox() as sandbox:
        probe_run = ProbeRun(sandbox)
        sandbox.fail(USER_INFO_PATH, *["rate_limited"] * 5)
        waits: list[float] = []
        probe_run.live.api.sleep = waits.append

        with pytest.raises(UnansweredError):
            probe_run.live.user(["open_id"])

        assert waits == [WINDOW_S] * 2
        assert len(sandbox.requests_to(USER_INFO_PATH)) == probe_run.live.api.rejected == 3


def test_rate_limit_is_reported_with_numbers_and_headers() -> None:
    """Only numbers of headers are reported: their other values are unknown."""
    now = [0.0]
    api = Api(TIKTOK, clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    good = {"json": {"data": {"user": {}}, "error": {"code": "ok"}}}
    headers = {"Retry-After": "30", "X-RateLimit-Key": "secret", "Date": "today"}
    rejection = {"status_code": 429, "text": "", "headers": headers}
    with requests_mock.Mocker() as mocked:
        mocked.get(TIKTOK + USER_INFO_PATH, [good] * 70 + [rejection] * 2 + [good])
        for _ in range(71):
            api.send("GET", USER_INFO_PATH, query="fields=username")

    (limit,) = api.limits
    assert str(limit) == (
        "`/v2/user/info/` rejected a request after accepting 54 in the last minute, 70 in total; it accepted the "
        "next 122 s later (2 rejected); rate limit headers: `retry-after: 30`, `x-ratelimit-key: `"
    )


@pytest.mark.usefixtures("proof_in_process")
def test_rate_limit_is_at_the_top_of_the_report(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("integration_tests.live.api.WINDOW_S", 1.2)
    with Sandbox(videos=20, rate_limit=7, rate_window=1.0) as sandbox:
        write_config(config_file, sandbox.config())
        monkeypatch.setenv("TIKTOK_API_BASE_URL", sandbox.base_url)
        assert command.main(["--config", str(config_file), "--out", str(tmp_path / "live")]) == 0
        used = len(sandbox.requests)

    report = (tmp_path / "live" / "report.md").read_text()
    assert "**Rate limit: `/v2/user/info/` rejected a request after accepting 7 in the last minute" in report
    assert f", {used} requests." in report
    assert "Rate limit: `/v2/user/info/`" in capsys.readouterr().out
