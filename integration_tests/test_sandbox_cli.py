"""The sandbox as a command of its own, and its control endpoints."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import Sandbox, Settings
from sandbox.__main__ import main
from sandbox.facts import TOKEN_PATH

_ROOT = Path(__file__).parents[1]
_TIMEOUT = 5  # s


@contextmanager
def _command(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """The running command and the first line that it prints."""
    command = [sys.executable, "-m", "sandbox", *arguments]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def _get(base_url: str, control: str) -> Any:
    return requests.get(f"{base_url}/_sandbox/{control}", timeout=_TIMEOUT).json()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_quietly_on_a_signal(number: signal.Signals) -> None:
    with _command("--videos", "3", "--now", "1790000000") as (process, line):
        response = _refresh(line)
        truth = _get(line["base_url"], "truth")
        process.send_signal(number)
        output, errors = process.communicate(timeout=_TIMEOUT)

    assert set(line) == {"base_url", "config"}
    assert response["access_token"].startswith("act.")
    assert truth["accounts"][0]["videos"] == Sandbox(videos=3, now=1_790_000_000).account.videos
    assert (process.returncode, output, errors) == (0, "", "")


def _refresh(line: Any) -> Any:
    """Use the printed config as a connector would."""
    form = {key: value for key, value in line["config"]["credentials"].items() if key != "auth_type"}
    form["grant_type"] = "refresh_token"
    return requests.post(line["base_url"] + TOKEN_PATH, data=form, timeout=_TIMEOUT).json()


def test_every_setting_has_a_flag_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])

    text = " ".join(capsys.readouterr().out.split())
    assert all(f"--{field.name.replace('_', '-')}" in text for field in fields(Settings))
    assert "s that each API request takes (default: 0.0)" in text
    assert "with `%2C` for the comma" in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(["--videos", "many"], "invalid int value"), (["--accounts", "0"], "accounts must be at least 1")],
)
def test_a_wrong_flag_ends_with_a_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert text in capsys.readouterr().err


def test_every_kind_of_flag_reaches_the_settings() -> None:
    flags = "--short-pages --no-rotate-refresh-tokens --latency 0.01 --app-scopes user.info.basic,video.list --videos 0"
    with _command(*flags.split()) as (_, line):
        first = _refresh(line)
        assert _refresh(line)["refresh_token"] == first["refresh_token"]


def test_a_browsers_request_for_an_icon_is_no_violation() -> None:
    with Sandbox(videos=0) as sandbox:
        status = requests.get(f"{sandbox.base_url}/favicon.ico", timeout=_TIMEOUT).status_code

        assert (status, sandbox.requests) == (204, [])
