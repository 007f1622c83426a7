"""README.md and docs/growth.md show what the commands print."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from integration_tests.history_accounts import DAY, START
from integration_tests.test_sync_days import run_driver, started_driver
from integration_tests.warehouse import PYTHON, ROOT, duckdb
from sandbox import Sandbox

pytestmark = pytest.mark.sync_tests
TERMINAL = 80  # columns
RIVER = "Back to the river, now with rain #running"


def shown(page: str, containing: str) -> str:
    """The block of a page that contains a text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    (block,) = (block for block in re.findall(r"^```\n(.*?)^```$", text, re.M | re.S) if containing in block)
    return str(block)


def lines_of(text: str) -> list[str]:
    """Lines without trailing spaces, versions, durations and the progress of a step."""
    lines = [re.sub(r"version [\d.]+", "version …", line).rstrip() for line in text.strip("\n").splitlines()]
    lines = [re.sub(r"\((…|[\d.]+ s)\)$", "(…)", line) for line in lines]
    return [re.sub(r"(day \d+ \.\.\. )+", "", line) for line in lines]


def test_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    env = {**os.environ, "COLUMNS": str(TERMINAL), "PYTHONPATH": str(ROOT)}
    command = [PYTHON, "-m", "examples.demo"]
    process = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600)
    assert (process.returncode, process.stderr) == (0, "")
    _, _, story = shown("README.md", "$ make demo").partition("…\n")
    *printed, to_try = lines_of(process.stdout)
    assert printed == lines_of(story)

    answer = subprocess.run(to_try, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "The dog has learned to open the fridge" in answer.stdout
    assert [name for name in ("date_day", "caption", "views_gained") if name not in answer.stdout] == []


def change_accounts(sandbox: Sandbox, day: int) -> None:
    """Change the accounts as on the second and third day; each account's likes are those of its videos."""
    first, second = sandbox.accounts
    if day == 1:
        first.post(START + DAY - 4 * 3_600, title=RIVER, video_description=RIVER, view_count=3_400)
    if day == 2:
        first.change(first.videos[0]["id"], view_count=11_900)
        for account in (first, second):
            least_viewed = min(account.videos[:10], key=lambda video: video["view_count"])
            account.delete(least_viewed["id"])
    for account, gained in ((first, 13), (second, 20)):
        likes = sum(video["like_count"] for video in account.videos)
        followers = account.user["follower_count"] + day * gained
        account.change_user(follower_count=followers, likes_count=likes)


def test_growth_page_shows_what_make_sync_prints(tmp_path: Path) -> None:
    warehouse = duckdb(tmp_path)
    report = tmp_path / "report.txt"
    picture = tmp_path / "tiktok.duckdb.svg"
    began = time.time()
    with (
        Sandbox(accounts=2, videos=140, years=1, now=START, growing=True) as sandbox,
        started_driver(sandbox, warehouse, tmp_path / "stderr.txt") as driver,
    ):
        files = [tmp_path / f"{account.user['username']}.json" for account in sandbox.accounts]
        for path, account in zip(files, sandbox.accounts, strict=True):
            path.write_text(json.dumps(sandbox.config(account=account)))
        for day in range(3):
            if day:
                sandbox.advance(DAY)
            change_accounts(sandbox, day)
            lag = began - START - day * DAY
            names = [str(path) for path in files]
            assert run_driver(driver, files=names, lag=lag, work=str(tmp_path / ".sync"), build=day == 2) == []
        run_driver(driver, show=str(report), picture=str(picture), width=TERMINAL)
    printed = report.read_text().replace(f"{tmp_path}/", "")
    assert lines_of(printed) == lines_of(shown("docs/growth.md", "Views by month of posting"))
