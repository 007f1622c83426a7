"""Accounts with their videos, made from the seed, and what a person changes in them between two syncs."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.content import make_user, make_video
from sandbox.facts import USER_FIELDS, VIDEO_FIELDS
from sandbox.messages import Json
from sandbox.settings import SECONDS_PER_YEAR, Settings

_PAGE_EDGE = 20
_PLACES_OF_SHARED_SECONDS = 8


@dataclass(frozen=True)
class Timeline:
    """The public posts in the order of the API, newest first.

    An account replaces its timeline instead of changing it, so that a request in flight sees one state.

    Attributes:
        negated_times: create_time in s, negated: ascending, which is what bisect needs.
        ids: the video ids at the same positions.
    """

    negated_times: list[int]
    ids: list[int]

    def __len__(self) -> int:
        return len(self.ids)

    def time_at(self, position: int) -> int:
        """create_time in s of the post at `position`."""
        return -self.negated_times[position]

    def first_at_or_before(self, second: int) -> int:
        """Position of the newest post of `second` (s) or earlier; the length when there is none."""
        return bisect_left(self.negated_times, -second)


class Account:
    """One TikTok account: the ground truth of what the API answers."""

    def __init__(self, settings: Settings, number: int, now: int, clock: Callable[[], float]) -> None:
        self._rng = random.Random(f"{settings.seed}/{number}")
        self._user = make_user(self._rng, number)
        self._now = now
        self._clock = clock
        self._changes: dict[int, Json] = {}
        self._set_timeline(_make_posts(self._rng, settings, now))

    def _set_timeline(self, posts: list[tuple[int, int]]) -> None:
        """Take over posts as pairs of create_time (s) and id."""
        posts.sort(reverse=True)
        self._public = {video_id for _, video_id in posts}
        self.timeline = Timeline([-time for time, _ in posts], [video_id for _, video_id in posts])

    @property
    def open_id(self) -> str:
        """Identifier of the account for this app."""
        return str(self._user["open_id"])

    @property
    def user(self) -> Json:
        """All 14 user fields."""
        return {**self._user, "video_count": len(self.timeline)}

    @property
    def videos(self) -> list[Json]:
        """All 16 fields of each public video, create_time descending; a copy, made anew each time."""
        timeline = self.timeline
        return [self.video(video_id) for video_id in timeline.ids]

    def video(self, video_id: int) -> Json:
        """One video by its number, public or gone: a page in flight still shows what is deleted meanwhile."""
        made = make_video(video_id, _time_of(video_id), str(self._user["username"]), self._now)
        change = self._changes.get(video_id)
        return {**made, **change} if change else made

    def __contains__(self, video_id: int) -> bool:
        """Whether the account has a public video of this number."""
        return video_id in self._public

    def post(self, create_time: int | None = None, **fields: Any) -> Json:
        """Publish a video at `create_time` (s; default: now) and return it; `fields` replace what is made up."""
        time = int(self._clock()) if create_time is None else create_time
        video_id = _new_id(self._rng, time, self._public)
        self._change(video_id, fields)
        self._set_timeline([*self._posts(), (time, video_id)])
        return self.video(video_id)

    def add_videos(self, count: int) -> list[Json]:
        """Publish `count` videos, spread evenly between the newest one and now; newest first."""
        now = int(self._clock())
        newest = self.timeline.time_at(0) if len(self.timeline) else now - 86_400
        step = (now - newest) / (count + 1)
        return [self.post(newest + int(step * number)) for number in range(count, 0, -1)]

    def change(self, video_id: str, **fields: Any) -> Json:
        """Give a video other values, such as counts that have grown, and return it."""
        self._change(self._known(video_id), fields)
        return self.video(int(video_id))

    def change_user(self, **fields: Any) -> Json:
        """Give the person other values, such as another bio, and return all of them."""
        _refuse_unknown(fields, USER_FIELDS, own=("open_id", "video_count"))
        self._user = {**self._user, **fields}
        return self.user

    def delete(self, video_id: str) -> None:
        """Take a video away: removed by the person, or no longer public."""
        gone = self._known(video_id)
        self._set_timeline([post for post in self._posts() if post[1] != gone])

    def _posts(self) -> list[tuple[int, int]]:
        return [(_time_of(video_id), video_id) for video_id in self._public]

    def _known(self, video_id: str) -> int:
        number = int(video_id)
        if number not in self:
            raise ValueError(f"The account has no public video {video_id}.")
        return number

    def _change(self, video_id: int, fields: Json) -> None:
        _refuse_unknown(fields, VIDEO_FIELDS, own=("id", "create_time"))
        if fields:
            self._changes[video_id] = {**self._changes.get(video_id, {}), **fields}


def make_accounts(settings: Settings, now: int, clock: Callable[[], float]) -> tuple[Account, ...]:
    """All accounts of the sandbox; `now` is in s, `clock` tells the sandbox's time in s."""
    return tuple(Account(settings, number, now, clock) for number in range(settings.accounts))


def _refuse_unknown(fields: Json, known: tuple[str, ...], own: tuple[str, ...]) -> None:
    wrong = sorted(name for name in fields if name not in known or name in own)
    if wrong:
        raise ValueError(f"{', '.join(wrong)} cannot be set; known: {', '.join(f for f in known if f not in own)}.")


def _make_posts(rng: random.Random, settings: Settings, now: int) -> list[tuple[int, int]]:
    """Pairs of create_time (s) and id."""
    span = int(settings.years * SECONDS_PER_YEAR)
    ages = sorted(rng.sample(range(60, 60 + span), settings.videos)) if settings.videos else []
    times = _share_seconds([now - age for age in ages], settings.same_second)
    taken: set[int] = set()
    for time in times:
        taken.add(_new_id(rng, time, taken))
    return [(_time_of(video_id), video_id) for video_id in taken]


def _share_seconds(times: list[int], size: int) -> list[int]:
    """Let runs of `size` posts share one second: across the edge of the first page, and at places after it."""
    step = max(len(times) // _PLACES_OF_SHARED_SECONDS, _PAGE_EDGE + size)
    for start in range(max(0, _PAGE_EDGE - (size + 1) // 2), len(times), step):
        run = times[start : start + size]
        times[start : start + size] = run[:1] * len(run)
    return times


def _new_id(rng: random.Random, create_time: int, taken: set[int]) -> int:
    """A number of 19 digits that, like TikTok's, holds the create_time (s) in its upper 32 bits."""
    while (video_id := create_time << 32 | rng.getrandbits(32)) in taken:
        pass
    return video_id


def _time_of(video_id: int) -> int:
    """create_time (s) of a video, read from its id."""
    return video_id >> 32
