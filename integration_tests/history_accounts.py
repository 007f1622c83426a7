"""Accounts that are read day by day, as Airbyte syncs them, and the expected rows of every model for these readings."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from statistics import mean, median
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from integration_tests.warehouse import Row, Warehouse
from sandbox import Sandbox
from unit_tests.command_result import Outcome
from unit_tests.connector import InProcess

START = int(datetime(2026, 9, 1, 5, tzinfo=timezone.utc).timestamp())
DAY = 86_400  # s
FIRST_POST = int(datetime(2014, 1, 1, tzinfo=timezone.utc).timestamp())
COUNTS = ("view", "like", "comment", "share")
VIDEO_COUNTS = tuple(f"{count}_count" for count in COUNTS)
PROFILE_COUNTS = ("follower_count", "following_count", "likes_count", "video_count")
NO_PROFILE = {"carried": [], **dict.fromkeys((*PROFILE_COUNTS, "username", "display_name"))}
DECIMALS = ("engagement_rate", "views_a_day", "views_mean", "views_median")
DECIMALS += ("engagement_rate_mean", "engagement_rate_median")
PROFILE = {"follower_count": "followers", "likes_count": "likes", "video_count": "videos"}
HASHTAG = re.compile(r"#([^#\s.,;:!?()]+)")
Key = tuple[str, str]  # open_id and the video's id


class Landed(NamedTuple):
    """What the models are made from.

    Attributes:
        syncs: the rows of `tiktok_syncs`, which only `make sync` writes.
        source_relation: the name of the schema that they are in, if there are several.
    """

    user_info: Sequence[Row]
    videos: Sequence[Row]
    syncs: Sequence[Row] = ()
    source_relation: str = ""


@dataclass
class Days:
    """What is loaded into the warehouse.

    Attributes:
        now: seconds since START.
    """

    sandbox: Sandbox
    lookback: int = 3650
    now: int = 0
    day: int = 0
    syncs: int = 0
    user_info: list[Row] = field(default_factory=list)
    videos: list[Row] = field(default_factory=list)
    states: dict[str, Any] = field(default_factory=dict)
    configs: dict[str, Any] = field(default_factory=dict)

    def next(self, seconds: int = DAY) -> None:
        """Let a day pass, or less."""
        self.sandbox.advance(seconds)
        self.now += seconds
        self.day += 1

    def read(self, account: Any) -> None:
        """A complete sync; the rows must match the account at that time."""
        before = len(self.user_info), len(self.videos)
        self.sync(account)
        assert [_without_meta(row) for row in self.user_info[before[0] :]] == [account.user]
        landed = [_without_meta(row) for row in self.videos[before[1] :]]
        truth = [{**video, "open_id": account.open_id} for video in account.videos]
        assert sorted(landed, key=_by_id) == sorted(truth, key=_by_id)

    def sync(self, account: Any, *, share: float = 1.0, retry_of: int | None = None, full: bool = False) -> int:
        """One attempt of a sync; with a `share` it is killed after that part of its messages. Returns its number."""
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

    @property
    def landed(self) -> Landed:
        """What the models are made from."""
        return Landed(self.user_info, self.videos)


def change_accounts(days: Days, rng: random.Random, taken: int) -> None:
    """Change the accounts as on one day: posts, counts, followers; every `taken` days a video is deleted."""
    for account in days.sandbox.accounts:
        account.add_videos(rng.randrange(3))
        account.change_user(follower_count=max(0, account.user["follower_count"] + rng.randrange(-20, 100)))
        for video in rng.sample(account.videos, 5):
            account.change(video["id"], like_count=max(0, video["like_count"] - rng.randrange(3)))
        if days.day % taken == 0:
            account.delete(rng.choice(account.videos)["id"])


def read_daily(sandbox: Sandbox, days: int, rng: random.Random, taken: int) -> Days:
    """Days on each of which every account is read in full and then changes."""
    history = Days(sandbox)
    for _ in range(days):
        for account in sandbox.accounts:
            history.read(account)
        history.next()
        change_accounts(history, rng, taken)
    return history


# --- the expected rows of the models, calculated row by row ---


def expected(landed: Landed, zone: str = "UTC") -> dict[str, list[Row]]:
    """The rows of each model, by its name without the prefix; days are those of the time zone."""
    readings = _readings_of_videos(landed)
    profiles = _readings_of_profiles(landed)
    complete = expected_readings(landed)
    videos = [_video(key, several) for key, several in readings.items()]
    _rank(videos, "view_count", "views_rank")
    _rank(videos, "engagement_rate", "engagement_rank")
    gone = _gone(videos, complete, zone)
    daily = [row for key, several in readings.items() for row in _days_of_a_video(key, several, zone)]
    accounts = _account_days(profiles, daily, gone, zone)
    models = {
        "video_daily": daily,
        "account_daily": accounts,
        "videos": videos,
        "gone_videos": gone,
        "readings": complete,
        "rollup_report": _rollup(videos, accounts),
        "odd_rows": expected_odd_rows(landed),
    }
    return {
        name: [{"source_relation": landed.source_relation, **_comparable(row)} for row in rows]
        for name, rows in models.items()
    }


def comparable(rows: Iterable[Row]) -> list[Row]:
    """Rows of a model in the form of `expected`: decimals, which come as text, as numbers."""
    return [{name: _number(value) if name in DECIMALS else value for name, value in row.items()} for row in rows]


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _comparable(row: Row) -> Row:
    """Warehouses round halves differently."""
    close = {name: pytest.approx(row[name], abs=1.1e-6) for name in DECIMALS if row.get(name) is not None}
    return {**row, **close}


def _readings_of_videos(landed: Landed) -> dict[Key, list[Row]]:
    """The readings of each video in order of time; missing counts are those of the previous reading."""
    by_video: dict[Key, list[Row]] = {}
    for row in sorted(_usable(landed.videos, "id"), key=_when):
        by_video.setdefault((row["open_id"], row["id"]), []).append(_reading(row))
    for several in by_video.values():
        _carry(several, VIDEO_COUNTS)
        times = [reading["create_time"] for reading in several if reading["create_time"] is not None]
        for reading in several:
            reading["create_time"] = times[0] if times else None
    return by_video


def _readings_of_profiles(landed: Landed) -> dict[str, list[Row]]:
    by_account: dict[str, list[Row]] = {}
    for row in sorted(_usable(landed.user_info), key=_when):
        counts = {name: _count(row.get(name)) for name in PROFILE_COUNTS}
        by_account.setdefault(row["open_id"], []).append({**row, **counts, "read_at": _time(row)})
    for several in by_account.values():
        _carry(several, PROFILE_COUNTS)
    return by_account


def _usable(rows: Iterable[Row], *keys: str) -> list[Row]:
    return [row for row in rows if row["_airbyte_extracted_at"] and all(row[key] for key in ("open_id", *keys))]


def _when(row: Row) -> tuple[datetime, str]:
    return _time(row), row["_airbyte_raw_id"]


def _reading(row: Row) -> Row:
    counts = {name: _count(row.get(name)) for name in (*VIDEO_COUNTS, "duration")}
    time = row.get("create_time")
    if time is not None and time >= FIRST_POST * 1000:
        time //= 1000
    if time is not None and time < FIRST_POST:
        time = None
    return {**row, **counts, "create_time": time, "read_at": _time(row)}


def _count(value: int | None) -> int | None:
    return None if value is None or value < 0 else value


def _carry(readings: list[Row], names: Iterable[str]) -> None:
    last: Row = {}
    for reading in readings:
        carried = [name for name in names if reading[name] is None and name in last]
        reading.update({name: last[name] for name in carried})
        reading["carried"] = carried
        last.update({name: reading[name] for name in names if reading[name] is not None})


def _day(time: datetime, zone: str) -> date:
    return time.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone)).date()


def _last_of_each_day(readings: list[Row], zone: str) -> list[tuple[date, Row]]:
    return list({_day(reading["read_at"], zone): reading for reading in readings}.items())


def _rate(video: Row) -> float | None:
    parts = [video[name] for name in VIDEO_COUNTS]
    if None in parts or not video["view_count"]:
        return None
    return (video["like_count"] + video["comment_count"] + video["share_count"]) / video["view_count"]


def _days_of_a_video(key: Key, readings: list[Row], zone: str) -> list[Row]:
    """The last reading of each day, compared with that of the previous day in the table."""
    rows = []
    before: tuple[date, Row] | None = None
    counted: date | None = None
    for day, reading in _last_of_each_day(readings, zone):
        gained = {f"{count}s_gained": _minus(reading, before and before[1], f"{count}_count") for count in COUNTS}
        views_are_new = "view_count" not in reading["carried"]
        speed = None
        if views_are_new and counted and gained["views_gained"] is not None:
            speed = gained["views_gained"] / (day - counted).days
        rows.append(
            {
                **{"open_id": key[0], "video_id": key[1], "date_day": str(day), "read_at": str(reading["read_at"])},
                "posted_at": _posted_at(reading),
                **{name: reading[name] for name in VIDEO_COUNTS},
                **gained,
                **{"engagement_rate": _rate(reading), "views_a_day": speed},
                "days_since_previous": (day - before[0]).days if before else None,
                "is_carried": bool(reading["carried"]),
                "is_negative": any((value or 0) < 0 for value in gained.values()),
            }
        )
        before = day, reading
        if views_are_new:
            counted = day
    return rows


def _video(key: Key, readings: list[Row]) -> Row:
    video = readings[-1]
    caption = video.get("video_description") or ""
    return {
        **{"open_id": key[0], "video_id": key[1], "posted_at": _posted_at(video), "create_time": video["create_time"]},
        **{name: video[name] for name in VIDEO_COUNTS},
        "duration": video["duration"],
        "caption": video.get("video_description"),
        "hashtags": " ".join(HASHTAG.findall(caption)),
        "permalink": video["share_url"].partition("?")[0] if video.get("share_url") else None,
        "is_photo": None if video["duration"] is None else video["duration"] == 0,
        "engagement_rate": _rate(video),
        **{f"views_after_{age}_days": _views_at(age * DAY, readings) for age in (1, 7, 28)},
        "is_carried": bool(video["carried"]),
        "first_read_at": str(readings[0]["read_at"]),
        "last_read_at": str(video["read_at"]),
    }


def _rank(videos: list[Row], by: str, name: str) -> None:
    """Rank the videos of each account: 1 plus the number of its videos that have more."""
    for video in videos:
        others = [other[by] for other in videos if other["open_id"] == video["open_id"] and other[by] is not None]
        # To six decimals, as the models have it.
        own = video[by]
        video[name] = None if own is None else 1 + sum(round(other, 6) > round(own, 6) for other in others)


def _views_at(age: int, readings: list[Row]) -> int | None:
    """Views in the first reading at this age (s) or up to 36 hours later that had a view count."""
    for reading in readings:
        if reading["create_time"] is None or reading["view_count"] is None or "view_count" in reading["carried"]:
            continue
        old = int(reading["read_at"].replace(tzinfo=timezone.utc).timestamp()) - reading["create_time"]
        if age <= old < age + 36 * 3600:
            return int(reading["view_count"])
    return None


def expected_readings(landed: Landed) -> list[Row]:
    """A row for each sync that is known to be complete."""
    by_sync: dict[tuple[str, str], list[Row]] = {}
    for row in _usable(landed.user_info):
        if (row["_airbyte_meta"] or {}).get("sync_id") is not None:
            by_sync.setdefault((row["open_id"], str(row["_airbyte_meta"]["sync_id"])), []).append(row)
    rows = []
    for (open_id, number), profiles in by_sync.items():
        videos = [
            _reading(row)
            for row in _usable(landed.videos, "id")
            if row["open_id"] == open_id and str((row["_airbyte_meta"] or {}).get("sync_id")) == number
        ]
        read_at = _time(profiles[0])
        listed = {video["id"] for video in videos if video["create_time"] is None or _posted(video) <= read_at}
        if len(profiles) == 1 and len(listed) == _count(profiles[0]["video_count"]):
            times = [read_at, *(video["read_at"] for video in videos)]
            rows.append(_complete(open_id, number, min(times), max(times), 0, "as many videos as TikTok counts"))
    for sync in landed.syncs:
        times = [_moment(sync[name]) for name in ("started_at", "finished_at")]
        rows.append(_complete(sync["open_id"], sync["reading_id"], *times, sync["covers_from"], "the sync ended well"))
    return rows


def _complete(open_id: str, number: str, began: datetime, ended: datetime, covers_from: int, known_by: str) -> Row:
    return {
        **{"open_id": open_id, "reading_id": number, "began_at": str(began), "ended_at": str(ended)},
        **{"covers_from": covers_from, "known_by": known_by},
    }


def _gone(videos: Iterable[Row], complete: list[Row], zone: str) -> list[Row]:
    """A row for each video that the first later reading that covers it did not list."""
    names = ("open_id", "video_id", "posted_at", "caption", "permalink", "last_read_at", *VIDEO_COUNTS)
    gone = []
    for video in videos:
        later = [
            reading["ended_at"]
            for reading in complete
            if reading["open_id"] == video["open_id"]
            and reading["began_at"] > video["last_read_at"]
            and (video["create_time"] or 0) >= reading["covers_from"]
        ]
        if later:
            day = _day(datetime.fromisoformat(min(later)), zone)
            since = {"missing_since": min(later), "missing_since_day": str(day)}
            gone.append({name: video[name] for name in names} | since)
    return gone


def _account_days(profiles: dict[str, list[Row]], daily: list[Row], gone: list[Row], zone: str) -> list[Row]:
    """The profile last read on each day, and the views of all public videos, each as last read."""
    accounts = {**{row["open_id"]: [] for row in daily}, **profiles}
    rows = []
    for open_id, readings in accounts.items():
        own = [row for row in daily if row["open_id"] == open_id]
        lost = {row["video_id"]: row["missing_since_day"] for row in gone if row["open_id"] == open_id}
        days = [(str(day), reading) for day, reading in _last_of_each_day(readings, zone)]
        if not readings:  # the profile was never read
            latest = {row["date_day"]: row["read_at"] for row in sorted(own, key=lambda row: row["read_at"])}
            days = [(day, {**NO_PROFILE, "read_at": at}) for day, at in sorted(latest.items())]
        rows += _days_of_an_account(open_id, days, own, lost)
    return rows


def _days_of_an_account(open_id: str, days: Any, daily: list[Row], lost: Mapping[str, str]) -> list[Row]:
    rows: list[Row] = []
    for day, profile in days:
        newest = {row["video_id"]: row for row in daily if row["date_day"] <= day}
        public = [row for video_id, row in newest.items() if not (video_id in lost and lost[video_id] <= day)]
        views = sum(row["view_count"] or 0 for row in public)
        before = rows[-1] if rows else None
        now = {**profile, "views_total": views}
        today = [row for row in daily if row["date_day"] == day]
        counts = [row["view_count"] for row in today if row["view_count"] is not None]
        rates = [row["engagement_rate"] for row in today if row["engagement_rate"] is not None]
        rows.append(
            {
                **{"open_id": open_id, "date_day": day, "read_at": str(profile["read_at"])},
                **{name: profile[name] for name in (*PROFILE_COUNTS, "username", "display_name")},
                **{f"{name}_gained": _minus(now, before, count) for count, name in PROFILE.items()},
                **{"views_total": views, "views_gained": _minus(now, before, "views_total")},
                "videos_read": len(today),
                "views_mean": mean(counts) if counts else None,
                "views_median": median(counts) if counts else None,
                "engagement_rate_mean": mean(rates) if rates else None,
                "engagement_rate_median": median(rates) if rates else None,
                "days_since_previous": _days_between(before["date_day"], day) if before else None,
                "is_carried": bool(profile["carried"]),
            }
        )
    return rows


def _days_between(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


def _rollup(videos: Iterable[Row], accounts: Iterable[Row]) -> list[Row]:
    """A row for each video, with the column names of Fivetran's social media reporting."""
    names = {row["open_id"]: row["display_name"] or row["username"] for row in accounts}
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
        for video in videos
    ]


def expected_odd_rows(landed: Landed) -> list[Row]:
    """A row for each value that cannot be used as it is."""
    odd = []
    for stream, rows in (("videos", landed.videos), ("user_info", landed.user_info)):
        for row in rows:
            for column, treatment in _oddities(stream, row):
                odd.append(
                    {
                        **{"stream": stream, "open_id": row["open_id"], "video_id": row.get("id")},
                        "read_at": str(_time(row)) if row["_airbyte_extracted_at"] else None,
                        "column_name": column,
                        "value": None if row.get(column) is None else str(row[column]),
                        **{"treatment": treatment, "_airbyte_raw_id": row["_airbyte_raw_id"]},
                    }
                )
    return odd


def _oddities(stream: str, row: Row) -> Iterator[tuple[str, str]]:
    keys = ("id", "open_id") if stream == "videos" else ("open_id",)
    for column in (*keys, "_airbyte_extracted_at"):
        if not row[column]:
            yield column, "the row is not used"
    for column in (*VIDEO_COUNTS, "duration") if stream == "videos" else PROFILE_COUNTS:
        if (row.get(column) or 0) < 0:
            yield column, "the value is not used"
    if stream == "videos":
        time = row.get("create_time")
        if time is None or time < FIRST_POST:
            yield "create_time", "the value is not used"
        elif time >= FIRST_POST * 1000:
            yield "create_time", "taken as milliseconds"


def _time(row: Row) -> datetime:
    return _moment(row["_airbyte_extracted_at"])


def _moment(text: str) -> datetime:
    """A time in UTC, without time zone; the text may have one."""
    time = datetime.fromisoformat(text)
    return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time


def _posted(video: Row) -> datetime:
    return datetime(1970, 1, 1) + timedelta(seconds=video["create_time"])


def _posted_at(video: Row) -> str | None:
    return None if video["create_time"] is None else str(_posted(video))


def _minus(new: Row, old: Row | None, column: str) -> int | None:
    if old is None or new[column] is None or old[column] is None:
        return None
    return new[column] - old[column]


def _without_meta(row: Row) -> Row:
    return {name: value for name, value in row.items() if not name.startswith("_airbyte")}


def _by_id(row: Row) -> str:
    return str(row["id"])
