"""dbt's models over rows in append mode, against what the sandbox's accounts held day by day; `make sync-test`."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from integration_tests.in_process import InProcess
from integration_tests.warehouse import ROOT, Row, Warehouse
from sandbox import Sandbox
from unit_tests.markdown import code_blocks
from unit_tests.outcome import Outcome

pytestmark = pytest.mark.sync_tests
START = int(datetime(2026, 9, 1, 5, tzinfo=timezone.utc).timestamp())
DAY = 86_400  # s
DAYS = 28
COUNTS = ("view", "like", "comment", "share")


@dataclass
class Days:
    """Accounts that are read day by day, as Airbyte syncs them, and what they held on each day.

    Attributes:
        truth: by day, the accounts' users and videos at the time of the reading.
    """

    sandbox: Sandbox
    lookback: int = 3650
    day: int = 0
    syncs: int = 0
    user_info: list[Row] = field(default_factory=list)
    videos: list[Row] = field(default_factory=list)
    truth: list[dict[str, tuple[Row, dict[str, Row]]]] = field(default_factory=list)
    states: dict[str, Any] = field(default_factory=dict)
    configs: dict[str, Any] = field(default_factory=dict)

    @property
    def date(self) -> str:
        """The day, in UTC."""
        return datetime.fromtimestamp(START + self.day * DAY, timezone.utc).date().isoformat()

    def next(self) -> None:
        """Let a day pass."""
        self.sandbox.advance(DAY)
        self.day += 1

    def look(self) -> None:
        """Take down what the accounts hold."""
        self.truth.append(
            {a.open_id: (a.user, {video["id"]: video for video in a.videos}) for a in self.sandbox.accounts}
        )

    def sync(self, account: Any, *, share: float = 1.0, retry_of: int | None = None, full: bool = False) -> int:
        """One attempt of a sync; with a `share` it is killed after this part of its messages. Returns its number."""
        config = self.configs.get(account.open_id) or self.sandbox.config(account=account)
        config = {**config, "lookback_window_days": self.lookback}
        state = None if full else self.states.get(account.open_id)
        outcome = InProcess(self.sandbox.base_url).read(config, "user_info", "videos", state=state)
        assert outcome.errors == []
        self.configs[account.open_id] = (outcome.configs or [config])[-1]
        committed = Outcome(outcome.messages[: int(len(outcome.messages) * share)])
        if committed.states:
            self.states[account.open_id] = committed.states[-1]
        self.syncs += retry_of is None
        number = self.syncs if retry_of is None else retry_of
        self._write(committed, number)
        return number

    def _write(self, committed: Outcome, number: int) -> None:
        now = START + self.day * DAY
        for place, record in enumerate(committed.of("RECORD")):
            at = datetime.fromtimestamp(now + place * 0.001, timezone.utc).isoformat()
            meta = {"_airbyte_extracted_at": at, "_airbyte_meta": {"sync_id": number, "changes": []}}
            row = {**record["data"], **meta, "_airbyte_raw_id": f"{number}-{self.day}-{place}"}
            (self.user_info if record["stream"] == "user_info" else self.videos).append(row)

    def store(self, warehouse: Warehouse) -> None:
        """Write all rows and build the models."""
        warehouse.fill(user_info=self.user_info, videos=self.videos)
        warehouse.build()


def live(days: Days, rng: random.Random, taken: int) -> None:
    """What happens in the accounts on one day: posts, other counts, followers; every `taken` days a video is gone."""
    for account in days.sandbox.accounts:
        account.add_videos(rng.randrange(3))
        account.change_user(follower_count=max(0, account.user["follower_count"] + rng.randrange(-20, 100)))
        for video in rng.sample(account.videos, 5):
            account.change(video["id"], like_count=max(0, video["like_count"] - rng.randrange(3)))
        if days.day % taken == 0:
            account.delete(rng.choice(account.videos)["id"])


@pytest.fixture(scope="module")
def lived() -> Iterator[Days]:
    """28 days of three accounts with 500 videos each, read in full on every day."""
    rng = random.Random(3)
    with Sandbox(accounts=3, videos=500, years=3, now=START, growing=True) as sandbox:
        days = Days(sandbox)
        for _ in range(DAYS):
            for account in sandbox.accounts:
                days.sync(account)
            days.look()
            days.next()
            live(days, rng, taken=4)
        sandbox.check()
        yield days


def dates() -> list[str]:
    first = datetime.fromtimestamp(START, timezone.utc).date()
    return [(first + timedelta(days=number)).isoformat() for number in range(DAYS)]


def by_key(rows: list[Row], *keys: str) -> dict[Any, Row]:
    found = {tuple(row[key] for key in keys): row for row in rows}
    assert len(found) == len(rows)
    return found


def minus(new: Row | None, old: Row | None, column: str) -> int | None:
    return None if new is None or old is None else new[column] - old[column]


def expected_video_daily(days: Days) -> dict[Any, Row]:
    expected = {}
    before: dict[str, tuple[Row, dict[str, Row]]] = {}
    for date, truth in zip(dates(), days.truth, strict=True):
        for open_id, (_, videos) in truth.items():
            for video_id, video in videos.items():
                old = before.get(open_id, ({}, {}))[1].get(video_id)
                counts = {f"{c}_count": video[f"{c}_count"] for c in COUNTS}
                gained = {f"{c}s_gained": minus(video, old, f"{c}_count") for c in COUNTS}
                negative = any((value or 0) < 0 for value in gained.values())
                since = {"days_since_previous": 1 if old else None, "is_negative": negative}
                expected[open_id, video_id, date] = {**counts, **gained, **since}
        before = truth
    return expected


def test_each_day_of_each_video_is_the_truth(lived: Days, warehouse: Warehouse) -> None:
    lived.store(warehouse)
    expected = expected_video_daily(lived)
    rows = by_key(warehouse.rows("tiktok_organic__video_daily"), "open_id", "video_id", "date_day")
    names = next(iter(expected.values())).keys()
    assert {key: {name: row[name] for name in names} for key, row in rows.items()} == expected
    assert any(row["is_negative"] for row in rows.values())

    assert_accounts(lived, warehouse)
    assert_videos(lived, warehouse)
    assert_gone(lived, warehouse)
    assert_rollup(lived, warehouse)
    assert_sql_of_the_page(lived, warehouse)


def assert_accounts(days: Days, warehouse: Warehouse) -> None:
    rows = by_key(warehouse.rows("tiktok_organic__account_daily"), "open_id", "date_day")
    expected, before = {}, {}
    for date, truth in zip(dates(), days.truth, strict=True):
        for open_id, (user, videos) in truth.items():
            new = {**user, "views_total": sum(video["view_count"] for video in videos.values())}
            old = before.get(open_id)
            expected[open_id, date] = {
                **{c: new[c] for c in ("follower_count", "likes_count", "video_count", "views_total")},
                **{"username": user["username"], "days_since_previous": 1 if old else None},
                "followers_gained": minus(new, old, "follower_count"),
                "likes_gained": minus(new, old, "likes_count"),
                "videos_gained": minus(new, old, "video_count"),
                "views_gained": minus(new, old, "views_total"),
            }
            before[open_id] = new
    names = next(iter(expected.values())).keys()
    assert {key: {name: row[name] for name in names} for key, row in rows.items()} == expected


def newest(days: Days) -> dict[tuple[str, str], tuple[Row, int]]:
    """Each video as last read, with the day."""
    found = {}
    for day, truth in enumerate(days.truth):
        for open_id, (_, videos) in truth.items():
            found.update({(open_id, video_id): (video, day) for video_id, video in videos.items()})
    return found


def views_at(days: Days, open_id: str, video: Row, age: int) -> int | None:
    """Views on the first day on which the video was listed at this age (days) or up to 36 hours older."""
    ages = [START + day * DAY - video["create_time"] for day in range(DAYS)]
    in_time = [day for day in range(DAYS) if age * DAY <= ages[day] < age * DAY + 36 * 3600]
    listed = [truth[video["id"]] for day in in_time if video["id"] in (truth := days.truth[day][open_id][1])]
    return listed[0]["view_count"] if listed else None


def assert_videos(days: Days, warehouse: Warehouse) -> None:
    rows = by_key(warehouse.rows("tiktok_organic__videos"), "open_id", "video_id")
    expected = {
        (open_id, video_id): {
            **{f"{c}_count": video[f"{c}_count"] for c in COUNTS},
            "posted_at": datetime.fromtimestamp(video["create_time"], timezone.utc).strftime("%Y-%m-%d %H:%M:%S"),
            "permalink": video["share_url"].partition("?")[0],
            "is_photo": video["duration"] == 0,
            "hashtags": " ".join(re.findall(r"#([^#\s.,;:!?()]+)", video["video_description"])),
            **{f"views_after_{age}_days": views_at(days, open_id, video, age) for age in (1, 7, 28)},
        }
        for (open_id, video_id), (video, _) in newest(days).items()
    }
    names = next(iter(expected.values())).keys()
    assert {key: {name: row[name] for name in names} for key, row in rows.items()} == expected
    assert all(any(row[f"views_after_{age}_days"] for row in expected.values()) for age in (1, 7))


def assert_gone(days: Days, warehouse: Warehouse) -> None:
    rows = by_key(warehouse.rows("tiktok_organic__gone_videos"), "open_id", "video_id")
    expected = {
        key: {"view_count": video["view_count"], "missing_since_day": dates()[day + 1]}
        for key, (video, day) in newest(days).items()
        if day < DAYS - 1
    }
    assert {
        key: {name: row[name] for name in ("view_count", "missing_since_day")} for key, row in rows.items()
    } == expected
    assert len(expected) > 3 * 5


def assert_rollup(days: Days, warehouse: Warehouse) -> None:
    rows = warehouse.rows("tiktok_organic__rollup_report")
    assert list(rows[0]) == [
        "created_timestamp",
        "post_id",
        "post_message",
        "page_id",
        "page_name",
        "post_url",
        "platform",
        "clicks",
        "impressions",
        "likes",
        "shares",
        "comments",
    ]
    expected = {key: video for key, (video, _) in newest(days).items()}
    names = {open_id: user["display_name"] for open_id, (user, _) in days.truth[-1].items()}
    assert {(row["page_id"], row["post_id"]): (row["impressions"], row["page_name"]) for row in rows} == {
        key: (video["view_count"], names[key[0]]) for key, video in expected.items()
    }


def assert_sql_of_the_page(days: Days, warehouse: Warehouse) -> None:
    """The SQL for those without dbt gives the models' curve."""
    (sql,) = code_blocks(ROOT / "docs" / "growth.md", "sql")
    rows = by_key(warehouse.run(f"set search_path = '{warehouse.schema}'", sql), "id", "day")
    expected = {(key[1], key[2]): row for key, row in expected_video_daily(days).items()}
    assert {key: row["views_gained"] for key, row in rows.items()} == {
        key: row["views_gained"] for key, row in expected.items()
    }


# --- readings that were cut short ---


def gone(warehouse: Warehouse) -> set[str]:
    return {row["video_id"] for row in warehouse.rows("tiktok_organic__gone_videos")}


def really_gone(days: Days) -> set[str]:
    public = {video["id"] for account in days.sandbox.accounts for video in account.videos}
    return {row["id"] for row in days.videos} - public


def test_a_killed_sync_makes_no_video_look_gone(warehouse: Warehouse) -> None:
    """Two accounts; each day a sync is killed somewhere and, but for every third day, run again from its state."""
    rng = random.Random(5)
    with Sandbox(accounts=2, videos=150, years=1, now=START, growing=True) as sandbox:
        days = Days(sandbox, lookback=90)
        for account in sandbox.accounts:
            days.sync(account)
        for _ in range(4):
            days.next()
            live(days, rng, taken=1)
            for account in sandbox.accounts:
                number = days.sync(account, share=rng.random())
                if days.day % 3:
                    days.sync(account, retry_of=number)
            days.store(warehouse)
            assert gone(warehouse) <= really_gone(days)
        days.next()
        for account in sandbox.accounts:
            days.sync(account, full=True)
        days.store(warehouse)
        assert gone(warehouse) == really_gone(days) != set()
