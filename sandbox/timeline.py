"""The order of an account's posts, and the posts of a page."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.messages import Json
from sandbox.settings import Settings


@dataclass(frozen=True)
class Timeline:
    """The listed posts in the order of the API, newest first.

    An account replaces its timeline instead of changing it, so that a request in flight sees a consistent state.

    Attributes:
        negated_times: time of posting in ms, negated, because bisect needs ascending values.
        ids: the video ids at the same positions.
    """

    negated_times: list[int]
    ids: list[int]

    @classmethod
    def of(cls, posts: Iterable[tuple[int, int]]) -> Timeline:
        """A timeline of posts, given as pairs of time (ms) and id."""
        ordered = sorted(posts, reverse=True)
        return cls([-time for time, _ in ordered], [video_id for _, video_id in ordered])

    def __len__(self) -> int:
        return len(self.ids)

    def time_at(self, position: int) -> int:
        """Time of posting, in ms, of the post at `position`."""
        return -self.negated_times[position]

    def first_at_or_before(self, time: int) -> int:
        """Position of the newest post of `time` (ms) or earlier; the length if there is none."""
        return bisect_left(self.negated_times, -time)


def millisecond_of(video_id: int) -> int:
    """The millisecond, 0 to 999, at which a video was posted within its second."""
    # Fibonacci hashing, because ids of one second differ only in their lower bits.
    return video_id * 0x9E3779B97F4A7C15 % 2**64 * 1000 >> 64


def find_page(timeline: Timeline, cursor: int | None, size: int, settings: Settings) -> tuple[int, int]:
    """Start and stop position of a page; `cursor` is in ms.

    A page filled by pinned posts has size 0 and is treated as empty.
    """
    start = _first(timeline, cursor, settings)
    if size == 0 or _is_empty(timeline, start, cursor, settings):
        return start, start
    if settings.short_pages and start + size < len(timeline):
        size = max(1, size - 1 - start % max(1, size // 2))
    stop = min(start + size, len(timeline))
    if settings.cursor_inclusive:
        return start, _past_cursor(timeline, stop, cursor)
    return start, stop if settings.split_seconds else _without_splitting_times(timeline, start, stop)


def position_after(timeline: Timeline, start: int, stop: int, cursor: int | None, settings: Settings) -> Json:
    """`cursor` (ms) and `has_more` of a page."""
    if start == len(timeline):
        return {"cursor": 0, "has_more": False}
    # An empty page moves the cursor to just before the next video.
    moved = timeline.time_at(stop - 1) if stop > start else timeline.time_at(start) + 1
    if stop == len(timeline):
        return {"cursor": moved, "has_more": False}
    if settings.gone_without_cursor:
        return {"has_more": True}
    return {"cursor": cursor if settings.stuck_cursor and cursor else moved, "has_more": True}


def _first(timeline: Timeline, cursor: int | None, settings: Settings) -> int:
    if cursor is None:
        return 0
    return timeline.first_at_or_before(cursor if settings.cursor_inclusive else cursor - 1)


def _is_empty(timeline: Timeline, start: int, cursor: int | None, settings: Settings) -> bool:
    """Whether a page is empty although videos follow.

    With `empty_pages` half of the pages are, unless the cursor is already just before the first video.
    """
    if settings.empty_first_page and cursor is None:
        return True
    if not settings.empty_pages or start == len(timeline) or timeline.ids[start] % 2:
        return False
    return cursor is None or cursor > timeline.time_at(start) + 1


def _past_cursor(timeline: Timeline, stop: int, cursor: int | None) -> int:
    """Extend an inclusive page beyond the cursor's own time; otherwise, the cursor would never move."""
    while cursor is not None and 0 < stop < len(timeline) and timeline.time_at(stop - 1) >= cursor:
        stop += 1
    return stop


def _without_splitting_times(timeline: Timeline, start: int, stop: int) -> int:
    """Stop a page between two times: an exclusive cursor would skip the remaining videos of a split second (or ms)."""
    if stop == len(timeline):
        return stop
    edge = timeline.time_at(stop)
    before = timeline.first_at_or_before(edge)
    return before if before > start else timeline.first_at_or_before(edge - 1)
