"""Pages of `video/list`, and the list read by a plain loop: page by page, until `has_more` is false."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from integration_tests.live import Json

PAGE_SIZE = 20
FIRST_POST_MS = 1_388_534_400_000  # 2014-01-01: a cursor in ms can't be smaller


@dataclass(frozen=True)
class Page:
    """A page as TikTok returned it.

    Attributes:
        requested: the cursor of the request (ms), None or 0 for the newest page.
        videos: at least `id` and `create_time` (s) of each.
    """

    requested: int | None
    videos: list[Json]
    cursor: Any
    has_more: Any

    @property
    def ids(self) -> list[str]:
        """The ids as strings, whatever type TikTok sends."""
        return [str(video["id"]) for video in self.videos]

    def without(self, pinned: Collection[str]) -> Page:
        """The page without those of the `pinned` ids that are on top of it and out of order."""
        lead = next((place for place, video in enumerate(self.ids) if video not in pinned), len(self.videos))
        unpinned = self.videos[lead:]
        newest = unpinned[0]["create_time"] if unpinned else 0

        def belongs(video: Json) -> bool:
            is_newer = self.requested is not None and 0 < self.requested < video["create_time"] * 1000
            return not is_newer and video["create_time"] >= newest

        return replace(self, videos=[*filter(belongs, self.videos[:lead]), *unpinned])

    @property
    def position(self) -> int | None:
        """The cursor as a time in ms; None if it is not one, as TikTok may send it in another form."""
        cursor = self.cursor
        if isinstance(cursor, str) and cursor.isascii() and cursor.isdigit():
            cursor = int(cursor)
        if isinstance(cursor, float) and cursor.is_integer():
            cursor = int(cursor)
        return cursor if type(cursor) is int and cursor >= FIRST_POST_MS else None

    @property
    def moves(self) -> bool:
        """Whether its cursor moves further into the past."""
        return self.position is not None and (not self.requested or self.position < self.requested)


def page_of(requested: int | None, data: Json) -> Page:
    """The page in a response's `data`; drops videos without id or time."""
    videos = data.get("videos")
    usable = [video for video in videos or () if isinstance(video, dict) and _has_keys(video)]
    return Page(requested, usable, data.get("cursor"), data.get("has_more"))


def _has_keys(video: Json) -> bool:
    return str(video.get("id", "")).isdecimal() and isinstance(video.get("create_time"), int)


@dataclass(frozen=True)
class Listing:
    """The pages that the plain loop read.

    Attributes:
        complete: whether it reached the end of the list.
    """

    pages: list[Page]
    complete: bool

    @property
    def videos(self) -> list[Json]:
        """Each video once, in order of first appearance."""
        return list({video["id"]: video for page in self.pages for video in page.videos}.values())

    @property
    def pinned(self) -> list[Json]:
        """The videos on top of the first page that are older than the videos after them."""
        first = next((page.videos for page in self.pages if page.videos), [])
        return first[: _disorder(first)]

    @property
    def ids_on_top(self) -> set[str]:
        """The ids of the pinned posts."""
        return {str(video["id"]) for video in self.pinned}

    @property
    def bare(self) -> list[Page]:
        """The pages without pinned posts on top of them."""
        return [page.without(self.ids_on_top) for page in self.pages]

    @property
    def in_order(self) -> list[Json]:
        """Each video once, without those on top of a page."""
        return list({video["id"]: video for page in self.bare for video in page.videos}.values())

    @property
    def neighbours(self) -> Iterator[tuple[Page, Page]]:
        """Pairs of consecutive bare pages that both have videos."""
        return ((first, second) for first, second in pairwise(self.bare) if first.videos and second.videos)


def _disorder(videos: list[Json]) -> int:
    """How many videos at the beginning are out of order."""
    times = [video["create_time"] for video in videos]
    jumps = [place for place, (earlier, later) in enumerate(pairwise(times), 1) if earlier < later]
    return max(jumps, default=0)


def read_list(request: Callable[[int | None], Json], max_pages: int) -> Listing:
    """Read at most `max_pages` pages; `request` returns the `data` for a cursor (ms)."""
    pages: list[Page] = []
    cursor = None
    while len(pages) < max_pages:
        page = page_of(cursor, request(cursor))
        pages.append(page)
        if page.has_more is not True:
            return Listing(pages, page.has_more is False)
        if not page.moves:
            break
        cursor = page.position
    return Listing(pages, complete=False)
