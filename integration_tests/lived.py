"""Accounts that are read day by day, as Airbyte syncs them, and what every model must make of these readings."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from integration_tests.in_process import InProcess
from integration_tests.warehouse import Row, Warehouse
from sandbox import Sandbox
from unit_tests.outcome import Outcome

START = int(datetime(2026, 9, 1, 5, tzinfo=timezone.utc).timestamp())
DAY = 86_400  # s
COUNTS = ("view", "like", "comment", "share")
PROFILE = {"follower_count": "followers", "likes_count": "likes", "video_count": "videos"}
HASHTAG = re.compile(r"#([^#\s.,;:!?()]+)")


@dataclass(frozen=True)
class Reading:
    """One complete sync of one account.

    Attributes:
        user: the profile that the account had.
        videos: the videos that it listed, by id.
        times: when each row was written, by the video's id, the profile's by None; UTC, without time zone.
    """

    number: int
    open_id: str
    user: Row
    videos: dict[str, Row]
    times: Mapping[str | None, datetime]

    def day(self, video_id: str | None, zone: str = "UTC") -> date:
        """The day of a row in a time zone."""
        return self.times[video_id].replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone)).date()


@dataclass
class Days:
    """What the warehouse gets, and the readings that it comes from.

    Attributes:
        now: seconds since START.
        readings: those of `read`, in their order.
    """

    sandbox: Sandbox
    lookback: int = 3650
    now: int = 0
    day: int = 0
    syncs: int = 0
    user_info: list[Row] = field(default_factory=list)
    videos: list[Row] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    states: dict[str, Any] = field(default_factory=dict)
    configs: dict[str, Any] = field(default_factory=dict)

    def next(self, seconds: int = DAY) -> None:
        """Let a day pass, or less."""
        self.sandbox.advance(seconds)
        self.now += seconds
        self.day += 1

    def read(self, account: Any) -> None:
        """A complete sync, and what the account held at that time."""
        before = len(self.user_info), len(self.videos)
        number = self.sync(account)
        users, videos = self.user_info[before[0] :], self.videos[before[1] :]
        times = {None: _time(users[0])} | {row["id"]: _time(row) for row in videos}
        listed = {video["id"]: video for video in account.videos}
        self.readings.append(Reading(number, account.open_id, account.user, listed, times))

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
        for place, record in enumerate(committed.of("RECORD")):
            at = datetime.fromtimestamp(START + self.now + place * 0.001, timezone.utc).isoformat()
            meta = {"_airbyte_extracted_at": at, "_airbyte_meta": {"sync_id": number, "changes": []}}
            row = {**record["data"], **meta, "_airbyte_raw_id": f"{number}-{self.day}-{place}"}
            (self.user_info if record["stream"] == "user_info" else self.videos).append(row)

    def store(self, warehouse: Warehouse, *args: str) -> None:
        """Write all rows and build the models."""
        warehouse.fill(user_info=self.user_info, videos=self.videos)
        warehouse.build(*args)


def live(days: Days, rng: random.Random, taken: int) -> None:
    """What happens in the accounts on one day: posts, other counts, followers; every `taken` days a video is gone."""
    for account in days.sandbox.accounts:
        account.add_videos(rng.randrange(3))
        account.change_user(follower_count=max(0, account.user["follower_count"] + rng.randrange(-20, 100)))
        for video in rng.sample(account.videos, 5):
            account.change(video["id"], like_count=max(0, video["like_count"] - rng.randrange(3)))
        if days.day % taken == 0:
            account.delete(rng.choice(account.videos)["id"])


def read_daily(sandbox: Sandbox, days: int, rng: random.Random, taken: int) -> Days:
    """Days on each of which every account is read in full, and then lives on."""
    lived = Days(sandbox)
    for _ in range(days):
        for account in sandbox.accounts:
            lived.read(account)
        lived.next()
        live(lived, rng, taken)
    return lived


def expected_video_daily(readings: Iterable[Reading], zone: str = "UTC") -> list[Row]:
    """A row for each video and day: its last reading of the day beside that of the day before it in the table."""
    last: dict[tuple[str, str], dict[date, Row]] = {}
    for reading in readings:
        for video_id, video in reading.videos.items():
            row = {**video, "read_at": str(reading.times[video_id])}
            last.setdefault((reading.open_id, video_id), {})[reading.day(video_id, zone)] = row
    return [
        _day_of_a_video(*key, day, row, before)
        for key, days in last.items()
        for (day, row), before in zip(days.items(), [None, *days.items()], strict=False)
    ]


def _day_of_a_video(open_id: str, video_id: str, day: date, row: Row, before: tuple[date, Row] | None) -> Row:
    gained = {f"{count}s_gained": _minus(row, before and before[1], f"{count}_count") for count in COUNTS}
    return {
        **{"open_id": open_id, "video_id": video_id, "date_day": str(day)},
        **{"read_at": row["read_at"], "posted_at": _posted_at(row)},
        **{f"{count}_count": row[f"{count}_count"] for count in COUNTS},
        **gained,
        "days_since_previous": (day - before[0]).days if before else None,
        "is_negative": any((value or 0) < 0 for value in gained.values()),
    }


def expected_account_daily(readings: Iterable[Reading], zone: str = "UTC") -> list[Row]:
    """A row for each account and day: the profile last read, and the views of the videos that were listed with it."""
    last: dict[str, dict[date, Row]] = {}
    for reading in readings:
        views = sum(video["view_count"] for video in reading.videos.values())
        row = {**reading.user, "views_total": views, "read_at": str(reading.times[None])}
        last.setdefault(reading.open_id, {})[reading.day(None, zone)] = row
    return [
        {
            **{"open_id": open_id, "date_day": str(day)},
            **{name: row[name] for name in (*PROFILE, "username", "display_name", "following_count", "read_at")},
            **{f"{name}_gained": _minus(row, before and before[1], count) for count, name in PROFILE.items()},
            **{"views_total": row["views_total"], "views_gained": _minus(row, before and before[1], "views_total")},
            "days_since_previous": (day - before[0]).days if before else None,
        }
        for open_id, days in last.items()
        for (day, row), before in zip(days.items(), [None, *days.items()], strict=False)
    ]


def expected_videos(readings: Sequence[Reading]) -> list[Row]:
    """A row for each video as last read."""
    by_video: dict[tuple[str, str], list[Reading]] = {}
    for reading in readings:
        for video_id in reading.videos:
            by_video.setdefault((reading.open_id, video_id), []).append(reading)
    return [_video(video_id, several) for (_, video_id), several in by_video.items()]


def _video(video_id: str, readings: list[Reading]) -> Row:
    video = readings[-1].videos[video_id]
    return {
        **{"open_id": readings[-1].open_id, "video_id": video_id, "posted_at": _posted_at(video)},
        **{name: video[name] for name in ("create_time", "duration", *(f"{count}_count" for count in COUNTS))},
        "caption": video["video_description"],
        "hashtags": " ".join(HASHTAG.findall(video["video_description"])),
        "permalink": video["share_url"].partition("?")[0],
        "is_photo": video["duration"] == 0,
        **{f"views_after_{age}_days": _views_at(age * DAY, video_id, readings) for age in (1, 7, 28)},
        "first_read_at": str(readings[0].times[video_id]),
        "last_read_at": str(readings[-1].times[video_id]),
    }


def _views_at(age: int, video_id: str, readings: list[Reading]) -> int | None:
    """Views in the first reading at this age (s) or up to 36 hours later."""
    for reading in readings:
        video = reading.videos[video_id]
        old = reading.times[video_id].replace(tzinfo=timezone.utc).timestamp() - video["create_time"]
        if age <= old < age + 36 * 3600:
            return int(video["view_count"])
    return None


def expected_readings(readings: Iterable[Reading]) -> list[Row]:
    """A row for each sync, as each listed as many videos as TikTok counts."""
    return [
        {
            **{"open_id": reading.open_id, "reading_id": str(reading.number), "covers_from": 0},
            **{"began_at": str(min(reading.times.values())), "ended_at": str(max(reading.times.values()))},
            "known_by": "as many videos as TikTok counts",
        }
        for reading in readings
    ]


def expected_gone(readings: Sequence[Reading], zone: str = "UTC") -> list[Row]:
    """A row for each video that the account's next reading did not list."""
    names = ("open_id", "video_id", "posted_at", "caption", "permalink", "last_read_at")
    gone = []
    for video in expected_videos(readings):
        of_the_account = [reading for reading in readings if reading.open_id == video["open_id"]]
        place = max(n for n, reading in enumerate(of_the_account) if video["video_id"] in reading.videos)
        for reading in of_the_account[place + 1 : place + 2]:
            ended = max(reading.times.values())
            local = ended.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone))
            since = {"missing_since": str(ended), "missing_since_day": str(local.date())}
            counts = {f"{count}_count": video[f"{count}_count"] for count in COUNTS}
            gone.append({name: video[name] for name in names} | counts | since)
    return gone


def expected_rollup(readings: Sequence[Reading]) -> list[Row]:
    """A row for each video, by the names of Fivetran's social media reporting."""
    names = {reading.open_id: reading.user["display_name"] for reading in readings}
    return [
        {
            "created_timestamp": video["posted_at"],
            "post_id": video["video_id"],
            "post_message": video["caption"],
            "page_id": video["open_id"],
            "page_name": names[video["open_id"]],
            "post_url": video["permalink"],
            "platform": "tiktok",
            "clicks": None,
            "impressions": video["view_count"],
            "likes": video["like_count"],
            "shares": video["share_count"],
            "comments": video["comment_count"],
        }
        for video in expected_videos(readings)
    ]


def _time(row: Row) -> datetime:
    return datetime.fromisoformat(row["_airbyte_extracted_at"]).replace(tzinfo=None)


def _posted_at(video: Row) -> str:
    return str(datetime(1970, 1, 1) + timedelta(seconds=video["create_time"]))


def _minus(new: Row, old: Row | None, column: str) -> int | None:
    return None if old is None else new[column] - old[column]
