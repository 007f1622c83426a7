"""Ten days of `make sync` with failures; every model and every printed number is calculated independently.

Two accounts, one read with the default lookback and one in full; a third whose credentials are no longer valid; a day
on which one fails half-way; a count that is missing in one reading; deleted videos; invalid rows in the tables.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from integration_tests.history_accounts import START, Landed, expected
from integration_tests.test_models import assert_models, by_key, page_sql
from integration_tests.warehouse import PYTHON, ROOT, Row, Warehouse
from sandbox import Sandbox
from sandbox.facts import VIDEO_LIST_PATH as VIDEO_LIST

pytestmark = pytest.mark.sync_tests
DAY = 86_400  # s
DAYS = 10
HALF_READ_ON = 4
MISSING_ON = 2
REVOKED_FROM = 6
GONE_ON = 7
LOOKBACK = 30 * DAY
WIDTH = 220
OTHER_ADDRESS = "requests and credentials go to that address instead of TikTok."
# One process for all days: PyAirbyte takes seconds to load. Each account's clock is behind this machine's.
DRIVER = f"""
import json, os, sys
from dataclasses import replace
from pathlib import Path
from rich.console import Console
import examples.sync.__main__ as command
from examples.sync.steps import Steps
from examples.sync.warehouse import warehouse_at

answers = os.fdopen(os.dup(1), "w")
account_of_file, build = command.account_of_file, command.build
warehouse = warehouse_at(sys.argv[1])
for line in sys.stdin:
    day = json.loads(line)
    if day.get("show"):
        with open(day["show"], "w") as file:
            console = Console(file=file, width=day.get("width", {WIDTH}), color_system=None)
            command.show(console, warehouse, Path(day["picture"]))
        problems = []
    else:
        command.account_of_file = lambda path: replace(account_of_file(path), lag=day["lag"])
        command.build = build if day["build"] else lambda steps, warehouse, work: []
        files = [Path(name) for name in day["files"]]
        problems = command.sync(Steps(Console(quiet=True)), files, warehouse, Path(day["work"]))
    print(json.dumps(problems), file=answers, flush=True)
"""


class TenDays:
    """Ten days, and the expected videos of each.

    Attributes:
        truth: by day and account, the videos that the account listed at the time of its reading.
        problems: by day, what the run reported.
    """

    def __init__(self, folder: Path, warehouse: Warehouse, sandbox: Sandbox) -> None:
        self.folder = folder
        self.warehouse = warehouse
        self.sandbox = sandbox
        self.began = time.time()
        self.truth: dict[tuple[int, str], dict[str, Row]] = {}
        self.users: dict[tuple[int, str], Row] = {}
        self.problems: dict[int, list[str]] = {}
        self.aging = self._post_formerly_fast_video()
        self.files = [folder / name for name in ("a.json", "b.json", "c.json")]
        first, second = sandbox.accounts
        self.files[0].write_text(json.dumps(sandbox.config(account=first)))
        self.files[1].write_text(json.dumps(sandbox.config(account=second, lookback_window_days=400)))
        revoked = sandbox.config(account=second)
        revoked["credentials"]["refresh_token"] = "rft.used"
        self.files[2].write_text(json.dumps(revoked))

    def _post_formerly_fast_video(self) -> str:
        """A fast video that soon is older than the lookback: its speed must not rank forever."""
        video = self.sandbox.account.post(
            START - 26 * DAY, title="Was fast", video_description="Was fast", view_count=9
        )
        return str(video["id"])

    def run(self, driver: subprocess.Popen[str]) -> None:
        """Run all days, then print the report."""
        for day in range(DAYS):
            if day:
                self.sandbox.advance(DAY)
                self._change_accounts(day)
            for account in self.sandbox.accounts:
                self.truth[day, account.open_id] = {video["id"]: video for video in account.videos}
                self.users[day, account.open_id] = account.user
            self._read(driver, day)
        self._corrupt_rows()
        self._read(driver, DAYS, build=True)
        run_driver(driver, show=str(self.folder / "report.txt"), picture=str(self.folder / "picture.svg"))

    def _read(self, driver: subprocess.Popen[str], day: int, build: bool = False) -> None:
        """The third account is read from REVOKED_FROM on; the tenth day is read twice, to build the models."""
        lag = self.began - START - min(day, DAYS - 1) * DAY
        options = {"lag": lag, "work": str(self.folder / ".sync"), "build": False}
        problems = run_driver(driver, files=[str(self.files[0])], **options)
        if day == HALF_READ_ON:
            # The second page, also when it is requested without the columns that TikTok may not know.
            self.sandbox.fail(VIDEO_LIST, None, "unknown_code", "unknown_code")
        last = self.files[1:] if day >= REVOKED_FROM else self.files[1:2]
        problems += run_driver(driver, files=[str(path) for path in last], **{**options, "build": build})
        self.problems[day] = problems

    def _change_accounts(self, day: int) -> None:
        first, second = self.sandbox.accounts
        first.change(self.aging, view_count=100_000 * day)
        if day == DAYS - 1:
            # Public again after a long time: its gain since yesterday is unknown.
            second.post(START - 200 * DAY, title="Is back", video_description="Is back", view_count=8_000_000)
        for number, account in enumerate(self.sandbox.accounts):
            account.post(START + day * DAY - 3_600 * (number + 1), title=f"Day {day}", video_description=f"Day {day}")
            account.change_user(follower_count=1000 * (number + 1) + 7 * day * day)
            if day == MISSING_ON:
                account.change(account.videos[3]["id"], view_count=None)
            if day == MISSING_ON + 1:
                account.change(account.videos[4]["id"], view_count=2_000_000)  # one more post above it
        if day == GONE_ON:
            first.delete(first.videos[9]["id"])
            second.delete(second.videos[-2]["id"])

    def _corrupt_rows(self) -> None:
        """Add old invalid rows, as from an older connector."""
        table = f"{self.warehouse.schema}.videos"
        open_id = self.sandbox.accounts[1].open_id
        oldest = self.sandbox.accounts[1].videos[-1]["id"]
        of_the_oldest = f"where id = '{oldest}' and open_id = '{open_id}'"
        self.warehouse.run(
            f"update {table} set create_time = create_time * 1000 {of_the_oldest}",
            f"update {table} set like_count = -7 {of_the_oldest} and _airbyte_extracted_at < timestamp '2026-09-03'",
            f"create table {self.warehouse.schema}.odd as select * from {table} {of_the_oldest}",
            f"update {self.warehouse.schema}.odd set _airbyte_raw_id = 'odd-' || _airbyte_raw_id, id = null",
            f"insert into {table} select * from {self.warehouse.schema}.odd",
        )

    def landed(self) -> Landed:
        """The rows in the tables."""
        rows = [_with_meta(self.warehouse.rows(table)) for table in ("user_info", "videos")]
        return Landed(*rows, syncs=self.warehouse.rows("tiktok_syncs"))


def _with_meta(rows: list[Row]) -> list[Row]:
    return [{**row, "_airbyte_meta": {}} for row in rows]  # PyAirbyte writes no number of a sync


def run_driver(driver: subprocess.Popen[str], **question: Any) -> list[str]:
    """One run of the driver: its errors of accounts that failed."""
    assert driver.stdin
    assert driver.stdout
    driver.stdin.write(json.dumps(question) + "\n")
    driver.stdin.flush()
    line = driver.stdout.readline()
    assert line, driver.stderr and driver.stderr.read()[-3000:]
    problems: list[str] = json.loads(line)
    return problems


@contextmanager
def started_driver(sandbox: Sandbox, warehouse: Warehouse, errors: Path) -> Iterator[subprocess.Popen[str]]:
    env = {**os.environ, "TIKTOK_API_BASE_URL": sandbox.base_url, "NO_PROXY": "127.0.0.1"}
    with errors.open("w") as stderr:
        command = [PYTHON, "-c", DRIVER, warehouse.url]
        pipe = subprocess.PIPE
        driver = subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdin=pipe, stdout=pipe, stderr=stderr)
        try:
            yield driver
        finally:
            driver.kill()
            driver.communicate()


def test_ten_days_are_correct_to_the_last_number(tmp_path: Path, warehouse: Warehouse) -> None:
    with Sandbox(accounts=2, videos=60, years=1, now=START, growing=True) as sandbox:
        ten_days = TenDays(tmp_path, warehouse, sandbox)
        with started_driver(sandbox, warehouse, tmp_path / "stderr.txt") as driver:
            ten_days.run(driver)
        sandbox.check()
    landed = ten_days.landed()

    assert_problems(ten_days)
    assert_rows_are_the_truth(ten_days, landed)
    assert_models(warehouse, landed)
    assert len(warehouse.rows("tiktok_organic__odd_rows")) > 10
    models = expected(landed)
    assert_story(ten_days, models)
    assert_report(ten_days, models, (tmp_path / "report.txt").read_text())
    assert_picture(models, ten_days, tmp_path / "picture.svg")
    assert_answers_of_the_page(warehouse, models)


# --- what the runs did ---


def assert_problems(ten_days: TenDays) -> None:
    """One sentence for each account that failed, and none for the others."""
    reported = {day: problems for day, problems in ten_days.problems.items() if problems}
    assert sorted(reported) == [HALF_READ_ON, *range(REVOKED_FROM, DAYS + 1)]
    assert [problem.partition(": ")[0] for problems in reported.values() for problem in problems] == ["b"] + ["c"] * 5
    assert all(
        "\n" not in problem and "Traceback" not in problem for problems in reported.values() for problem in problems
    )
    warnings = (ten_days.folder / "stderr.txt").read_text().splitlines()
    ours = [line for line in warnings if line.endswith(OTHER_ADDRESS)]
    assert {line.partition(": ")[0] for line in ours} == {"a", "b", "c"}


def assert_rows_are_the_truth(ten_days: TenDays, landed: Landed) -> None:
    """Each reading has what the account listed then; of the first account, the videos within the lookback."""
    rows: dict[tuple[int, str], dict[str, Row]] = {}
    for row in landed.videos:
        if row["id"]:
            rows.setdefault((_day_of(row), row["open_id"]), {})[row["id"]] = row
    first, second = (account.open_id for account in ten_days.sandbox.accounts)
    newest_known = 0
    for day in range(DAYS):
        truth = ten_days.truth[day, first]
        reached = {name for name, video in truth.items() if video["create_time"] >= newest_known - LOOKBACK}
        assert rows[day, first].keys() == reached
        newest_known = max(video["create_time"] for video in truth.values())
        if day == HALF_READ_ON:
            assert rows[day, second].keys() < ten_days.truth[day, second].keys()
        elif day != HALF_READ_ON + 1:
            assert rows[day, second].keys() == ten_days.truth[day, second].keys()
    for (day, open_id), videos in rows.items():
        for video_id, row in videos.items():
            video = ten_days.truth[day, open_id][video_id]
            names = ["view_count", "comment_count", "share_count", "share_url", "duration"]
            assert {name: row[name] for name in names} == {name: video[name] for name in names}
    users = {(_day_of(row), row["open_id"]): row["follower_count"] for row in landed.user_info}
    assert users == {key: user["follower_count"] for key, user in ten_days.users.items()}


def _day_of(row: Row) -> int:
    return (datetime.fromisoformat(row["_airbyte_extracted_at"]) - datetime(2026, 9, 1)).days


def assert_story(ten_days: TenDays, models: dict[str, list[Row]]) -> None:
    """The days contain the intended cases; otherwise the test would prove less."""
    carried = [row for row in models["video_daily"] if row["is_carried"]]
    assert {row["date_day"] for row in carried} >= {str(date(2026, 9, 1) + timedelta(days=MISSING_ON))}
    (gone_of_a, gone_of_b) = (
        {row["video_id"] for row in models["gone_videos"] if row["open_id"] == account.open_id}
        for account in ten_days.sandbox.accounts
    )
    assert len(gone_of_a) == len(gone_of_b) == 1
    assert len(models["readings"]) == 2 * (DAYS + 1) - 1
    assert len({row["treatment"] for row in models["odd_rows"]}) == 3
    gained = [row["views_gained"] for row in models["video_daily"] if row["video_id"] == ten_days.aging]
    assert gained[-1] > 10 * fastest_by_hand(models)[0]["speed"]


# --- what was printed ---


def assert_report(ten_days: TenDays, models: dict[str, list[Row]], text: str) -> None:
    """Every number, date, name and caption of the report."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    words = [re.split(r"\s{2,}", line.strip()) for line in lines]
    by_account = sorted(models["account_daily"], key=lambda row: (row["open_id"], row["date_day"]))
    printed = iter(words)
    for open_id in sorted({row["open_id"] for row in by_account}):
        days = [row for row in by_account if row["open_id"] == open_id]
        next(printed)
        for name, base in (
            (f"on {days[-1]['date_day']}", None),
            *((f"since {d['date_day']}", d) for d in days[-2::-8]),
        ):
            assert next(printed) == [name, *_counts(days[-1], base)]
    assert next(printed)[0].startswith("Views: those of all public videos together")

    assert next(printed) == ["Fastest videos, by views a day since the reading before"]
    fastest = fastest_by_hand(models)[:3]
    for video in fastest:
        assert next(printed) == _listed(models, f"{video['speed']:,.0f}", f"posted {video['posted_at'][:10]}", video)
    gone = {row["video_id"] for row in models["gone_videos"]}
    public = [row for row in models["videos"] if row["video_id"] not in gone]
    stale = sum(row["last_read_at"] < began(models, row["open_id"]) for row in public)
    assert stale > 20
    assert next(printed)[0].startswith(f"{stale:,} of {len(public):,} videos were not read in the newest reading, so ")
    odd = len(models["odd_rows"])
    assert next(printed) == [f"{odd:,} invalid values in the tables: see tiktok_organic__odd_rows."]

    assert next(printed) == ["Gone: deleted or no longer public, with their last views"]
    for video in sorted(models["gone_videos"], key=lambda row: row["missing_since"], reverse=True):
        when = f"gone since {video['missing_since_day']}"
        assert next(printed) == _listed(models, f"{video['view_count']:,}", when, video)
    assert next(printed)[0] == "Views by month of posting"
    assert next(printed) == [f"Picture: {ten_days.folder / 'picture.svg'}"]
    assert next(printed, None) is None


def _counts(newest: Row, base: Row | None) -> list[str]:
    names = ("follower_count", "likes_count", "video_count", "views_total")
    if base is None:
        return [f"{newest[name]:,}" for name in names]
    return [f"{newest[name] - base[name]:+,}" for name in names]


def _listed(models: dict[str, list[Row]], number: str, when: str, video: Row) -> list[str]:
    names = {row["open_id"]: f"@{row['username']}" for row in models["account_daily"]}
    (caption,) = (row["caption"] for row in models["videos"] if row["video_id"] == video["video_id"])
    return [number, when, names[video["open_id"]], " ".join(caption.split()) or "(no caption)"]


def began(models: dict[str, list[Row]], open_id: str) -> str:
    """When the account's newest complete reading began."""
    return max(str(row["began_at"]) for row in models["readings"] if row["open_id"] == open_id)


def fastest_by_hand(models: dict[str, list[Row]]) -> list[Row]:
    """The videos of the newest reading by views gained per day; a video posted since gained all of its views."""
    gone = {row["video_id"] for row in models["gone_videos"]}
    newest = {row["video_id"]: row for row in models["video_daily"] if row["video_id"] not in gone}
    speeds = []
    for row in newest.values():
        if row["read_at"] < began(models, row["open_id"]):
            continue
        profiles = [day for day in models["account_daily"] if day["open_id"] == row["open_id"]]
        days = [day for day in models["video_daily"] if day["video_id"] == row["video_id"]]
        if len(days) > 1:
            gap = (date.fromisoformat(days[-1]["date_day"]) - date.fromisoformat(days[-2]["date_day"])).days
            speed = (days[-1]["view_count"] - days[-2]["view_count"]) / gap
        elif row["posted_at"] > profiles[-2]["read_at"]:
            age = datetime.fromisoformat(row["read_at"]) - datetime.fromisoformat(row["posted_at"])
            speed = row["view_count"] * DAY / max(DAY, age.total_seconds())
        else:
            continue
        speeds.append({**row, "speed": speed})
    return sorted(speeds, key=lambda row: (-row["speed"], row["video_id"]))


def assert_picture(models: dict[str, list[Row]], ten_days: TenDays, path: Path) -> None:
    """The names of the three fastest videos, days on the axis, thousands with separators."""
    texts = ["".join(element.itertext()) for element in ElementTree.parse(path).iter() if element.tag.endswith("text")]
    captions = {row["video_id"]: " ".join(row["caption"].split()) for row in models["videos"]}
    for video in fastest_by_hand(models)[:3]:
        name = f"posted {video['posted_at'][:10]}: {captions[video['video_id']] or '(no caption)'}"
        assert name in texts or len(name) > 90
    assert any(re.fullmatch(r"2026-09-\d\d", text) for text in texts)
    assert any(re.fullmatch(r"\d{1,3}(,\d{3})+", text) for text in texts)


# --- the queries of docs/growth.md ---


def assert_answers_of_the_page(warehouse: Warehouse, models: dict[str, list[Row]]) -> None:
    answers = [
        warehouse.run(f"set search_path = '{warehouse.schema}'", page_sql(part))
        for part in ("with week as", "missing_since_day, caption", "follower_count, followers_gained")
    ]
    grown, gone, followers = answers
    newest = max(date.fromisoformat(row["date_day"]) for row in models["account_daily"])
    first_day = newest - timedelta(days=6)
    assert [int(row["views_gained"]) for row in grown] == gained_by_hand(models, first_day)[:20]
    assert {row["caption"] for row in grown} & {f"Day {day}" for day in range(4, DAYS)}
    assert sorted(row["view_count"] for row in gone) == sorted(row["view_count"] for row in models["gone_videos"])
    days = by_key(models["account_daily"], "username", "date_day")
    assert {key: row["followers_gained"] for key, row in by_key(followers, "username", "date_day").items()} == {
        key: row["followers_gained"] for key, row in days.items()
    }


def gained_by_hand(models: dict[str, list[Row]], first_day: date) -> list[int]:
    """Views gained in the week; all views of videos posted in it."""
    gains = []
    for video in models["videos"]:
        days = [row for row in models["video_daily"] if row["video_id"] == video["video_id"]]
        before = [row["view_count"] for row in days if date.fromisoformat(row["date_day"]) < first_day]
        within = [row["view_count"] for row in days if date.fromisoformat(row["date_day"]) >= first_day]
        posted = date.fromisoformat(video["posted_at"][:10])
        if within and (before or posted >= first_day):
            gains.append(within[-1] - (before[-1] if before else 0))
    return sorted(gains, reverse=True)
