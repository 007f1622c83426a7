"""Accounts and their videos, generated from the seed, and the changes that a person makes between two syncs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.content import make_user, make_video
from sandbox.facts import USER_FIELDS, VIDEO_FIELDS
from sandbox.messages import Json
from sandbox.settings import SECONDS_PER_YEAR, Settings
from sandbox.timeline import Timeline, millisecond_of

_PAGE_EDGE = 20  # videos
_SHARED_SECOND_GROUPS = 8
_ID_LAG = (3, 59)  # s, the shortest and the longest lag in the recordings


@dataclass(frozen=True)
class Pin:
    """A pinned post, listed on top and out of order.

    Attributes:
        every_page: on top of every page, not only of the first one.
        listed_again: also listed at its own position.
    """

    video_id: int
    every_page: bool
    listed_again: bool


class Account:
    """One TikTok account: the ground truth of the API's responses.

    Attributes:
        claimed_video_count: the profile's `video_count`; None for the real number.
    """

    def __init__(self, settings: Settings, number: int, now: int, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._rng = random.Random(f"{settings.seed}/{number}")
        self._user = make_user(self._rng, number)
        self._now = now
        self._clock = clock
        self._changes: dict[int, Json] = {}
        # create_time (s) of every post, deleted ones included: a page in flight still needs them.
        self._times = _make_posts(self._rng, settings, now)
        self._public = set(self._times)
        self.pins: tuple[Pin, ...] = ()
        self.claimed_video_count: int | None = None
        self._rebuild_timeline()

    @property
    def open_id(self) -> str:
        """Identifier of the account for this app."""
        return str(self._user["open_id"])

    @property
    def user(self) -> Json:
        """All user fields."""
        count = len(self._public) if self.claimed_video_count is None else self.claimed_video_count
        return {**self._user, "video_count": count}

    @property
    def videos(self) -> list[Json]:
        """All fields of each public video, create_time descending; a new copy on each call."""
        return [self.video(video_id) for video_id in self._timeline_of(self._public).ids]

    def video(self, video_id: int) -> Json:
        """One video by its id, public or deleted."""
        now = int(self._clock()) // 3_600 * 3_600 if self._settings.growing else self._now
        made = make_video(video_id, self._times[video_id], str(self._user["username"]), now)
        video = {**made, **self._changes.get(video_id, {})}
        if video_id in self._without_view_count:
            del video["view_count"]
        return video

    def __contains__(self, video_id: int) -> bool:
        """Whether the account has a public video with this id."""
        return video_id in self._public

    def pinned_ids(self, *, first_page: bool) -> list[int]:
        """The posts on top of a page, the most recently pinned first."""
        return [pin.video_id for pin in self.pins if first_page or pin.every_page]

    def post(self, create_time: int | None = None, **fields: Any) -> Json:
        """Publish a video at `create_time` (s; default: now) and return it; `fields` override generated values."""
        time = int(self._clock()) if create_time is None else create_time
        video_id = _new_id(self._rng, time, self._times, self._settings)
        self._change(video_id, fields)
        self._times[video_id] = time
        self._public.add(video_id)
        self._rebuild_timeline()
        return self.video(video_id)

    def post_many(self, create_times: Iterable[int]) -> list[str]:
        """Publish a video at each of these times (s) and return their ids; rebuilds the timeline only once."""
        ids = []
        for time in create_times:
            video_id = _new_id(self._rng, time, self._times, self._settings)
            self._times[video_id] = time
            ids.append(video_id)
        self._public.update(ids)
        self._rebuild_timeline()
        return [str(video_id) for video_id in ids]

    def add_videos(self, count: int) -> list[Json]:
        """Publish `count` videos, evenly spread between the newest one and now; returns them newest first."""
        now = int(self._clock())
        newest = max((self._times[video_id] for video_id in self._public), default=now - 86_400)
        step = (now - newest) / (count + 1)
        ids = self.post_many(newest + int(step * number) for number in range(count, 0, -1))
        return [self.video(int(video_id)) for video_id in ids]

    def pin(self, video_id: str, every_page: bool = False, *, listed_again: bool = True) -> None:
        """List a video on top of the first page or of every page; `listed_again` keeps its own position too."""
        number = self._known(video_id)
        self._unpin(number)
        self.pins = (Pin(number, every_page, listed_again), *self.pins)
        self._rebuild_timeline()

    def change(self, video_id: str, **fields: Any) -> Json:
        """Set fields of a video, such as grown counts, and return it."""
        self._change(self._known(video_id), fields)
        return self.video(int(video_id))

    def change_user(self, **fields: Any) -> Json:
        """Set fields of the profile, such as the bio, and return all of them."""
        _check_names(fields, USER_FIELDS, own=("open_id", "video_count"))
        self._user = {**self._user, **fields}
        return self.user

    def delete(self, video_id: str) -> None:
        """Remove a video: the person deleted it or made it private."""
        gone = self._known(video_id)
        self._public.remove(gone)
        self._unpin(gone)
        self._rebuild_timeline()

    def _rebuild_timeline(self) -> None:
        only_on_top = {pin.video_id for pin in self.pins if not pin.listed_again}
        self.timeline = self._timeline_of(self._public - only_on_top)
        self._without_view_count = self._oldest(self._settings.missing_counts)

    def _oldest(self, share: float) -> frozenset[int]:
        number = round(len(self._public) * share)
        return frozenset(self._timeline_of(self._public).ids[-number:]) if number else frozenset()

    def _timeline_of(self, ids: set[int]) -> Timeline:
        with_milliseconds = self._settings.cursor_milliseconds
        return Timeline.of(
            (self._times[video_id] * 1000 + (millisecond_of(video_id) if with_milliseconds else 0), video_id)
            for video_id in ids
        )

    def _unpin(self, video_id: int) -> None:
        self.pins = tuple(pin for pin in self.pins if pin.video_id != video_id)

    def _known(self, video_id: str) -> int:
        number = int(video_id)
        if number not in self:
            raise ValueError(f"The account has no public video {video_id}.")
        return number

    def _change(self, video_id: int, fields: Json) -> None:
        _check_names(fields, VIDEO_FIELDS, own=("id", "create_time"))
        if fields:
            self._changes[video_id] = {**self._changes.get(video_id, {}), **fields}


def make_accounts(settings: Settings, now: int, clock: Callable[[], float]) -> tuple[Account, ...]:
    """All accounts of the sandbox; `now` is in s, `clock` returns the sandbox's time in s."""
    return tuple(Account(settings, number, now, clock) for number in range(settings.accounts))


def _check_names(fields: Json, known: tuple[str, ...], own: tuple[str, ...]) -> None:
    wrong = sorted(name for name in fields if name not in known or name in own)
    if wrong:
        raise ValueError(f"{', '.join(wrong)} cannot be set; known: {', '.join(f for f in known if f not in own)}.")


def _make_posts(rng: random.Random, settings: Settings, now: int) -> dict[int, int]:
    """create_time (s) of each post, by its id."""
    span = int(settings.years * SECONDS_PER_YEAR)
    ages = sorted(rng.sample(range(60, 60 + span), settings.videos)) if settings.videos else []
    posts: dict[int, int] = {}
    for time in _share_seconds([now - age for age in ages], settings.same_second):
        posts[_new_id(rng, time, posts, settings)] = time
    return posts


def _share_seconds(times: list[int], size: int) -> list[int]:
    """Make groups of `size` posts share one second: across the edge of the first page, and at later positions."""
    step = max(len(times) // _SHARED_SECOND_GROUPS, _PAGE_EDGE + size)
    for start in range(max(0, _PAGE_EDGE - (size + 1) // 2), len(times), step):
        run = times[start : start + size]
        times[start : start + size] = run[:1] * len(run)
    return times


def _new_id(rng: random.Random, create_time: int, taken: dict[int, int], settings: Settings) -> int:
    """A 19-digit number with a time (s) in its upper 32 bits: the create_time, or one shortly before it."""
    time = create_time - rng.randint(*_ID_LAG) if settings.id_lag else create_time
    while (video_id := time << 32 | rng.getrandbits(32)) in taken:
        pass
    return video_id
