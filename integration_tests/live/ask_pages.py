"""Probes of `video/list`: order, cursor, pages, end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

from integration_tests.live import Json
from integration_tests.live.listing import PAGE_SIZE, Listing, Page
from integration_tests.live.probe import Finding, Live, NotSeenError, expected, probe
from sandbox.facts import DEFAULT_PAGE_SIZE

MS = 1_000
SMALL = 1_000_000


@probe("In which order are videos listed?", "by `create_time`, newest first", rule="order")
def order(live: Live) -> Finding:
    times = [video["create_time"] for video in live.listing.in_order]
    if len(times) < 2:
        raise NotSeenError("too few videos")
    wrong = sum(earlier < later for earlier, later in pairwise(times))
    seen = f"{wrong} of {len(times)} videos are newer than the one before" if wrong else "newest first"
    return Finding(f"{seen} ({len(times)} videos)", agrees=not wrong)


@probe("Where do pinned posts come?", rule="pinned")
def pinned(live: Live) -> Finding:
    listing = _with_pins(live)
    ids = listing.ids_on_top
    tops = sum(len(bare.videos) < len(page.videos) for page, bare in zip(listing.pages, listing.bare, strict=True))
    again = any(ids & set(page.ids) for page in listing.bare)
    where = "of the first page" if tops == 1 else f"of {tops} of {len(listing.pages)} pages"
    place = "and at their own position" if again else "and not at their own position, in the pages read"
    return Finding(f"{len(ids)} on top {where}, {place}", agrees=tops == 1 and again)


@probe("Do pinned posts count toward `max_count`?", rule="pinned")
def pinned_places(live: Live) -> Finding:
    """They don't if a page has more videos than requested; they do if pages of two sizes have no more."""
    listing = _with_pins(live)
    first = next(page for page in listing.pages if page.videos)
    smaller = live.page(size=DEFAULT_PAGE_SIZE)
    if first.has_more is not True or smaller.has_more is not True:
        raise NotSeenError("one page holds all videos")
    sizes = f"{len(first.videos)} and {len(smaller.videos)} videos"
    seen = f"{sizes} for requests of {PAGE_SIZE} and {DEFAULT_PAGE_SIZE}"
    counted = len(first.videos) <= PAGE_SIZE and len(smaller.videos) <= DEFAULT_PAGE_SIZE
    return Finding(seen, {"pins_counted": counted})


@probe("In which order do several pinned posts come?", rule="")
def pinned_order(live: Live) -> Finding:
    times = [video["create_time"] for video in _with_pins(live).pinned]
    if len(times) < 2:
        raise NotSeenError("one video is out of order at the top")
    if times == sorted(times, reverse=True):
        return Finding("newest first")
    return Finding("oldest first" if times == sorted(times) else "not by their times")


def _with_pins(live: Live) -> Listing:
    if not live.listing.pinned:
        raise NotSeenError("no video is out of order at the top")
    return live.listing


@probe("Are pages full while more follow?", "short and empty ones in v1", rule="full_pages")
def full_pages(live: Live) -> Finding:
    pages = [page for page in live.listing.bare if page.has_more is True]
    if not pages:
        raise NotSeenError("one page holds all videos")
    first, *later = pages
    empty = sum(not page.videos for page in later)
    room = PAGE_SIZE - len(live.listing.pinned)  # on the first page, if pinned posts count toward `max_count`
    pairs = [(page, then) for page, then in _pairs(live) if len(page.videos) < (room if page == first else PAGE_SIZE)]
    short = sum(not _avoids_split(page, then) for page, then in pairs)
    sizes = f"{min(map(_size, pages))} to {max(map(_size, pages))} videos on {len(pages)} pages"
    seen = f"{sizes}; {empty + (not first.videos)} empty, {short} short without a reason"
    settings = {"short_pages": short > 0, "empty_pages": empty > 0, "empty_first_page": not (first.videos or empty)}
    return Finding(seen, settings)


def _size(page: Page) -> int:
    return len(page.videos)


def _pairs(live: Live) -> list[tuple[Page, Page]]:
    """Each non-empty page with the next non-empty one."""
    pages = [page for page in live.listing.bare if page.videos]
    return list(pairwise(pages))


def _avoids_split(page: Page, then: Page) -> bool:
    """Whether a page is short because the next second's videos would not all fit on it."""
    times = Counter(video["create_time"] for video in then.videos)
    return len(page.videos) + times[then.videos[0]["create_time"]] > PAGE_SIZE


@probe("Does a page include the videos at its cursor?", "it has videos before it", rule="cursor_edge")
def cursor_edge(live: Live) -> Finding:
    top = live.listing.ids_on_top
    pairs = [(first, then) for first, then in live.listing.neighbours if first.ids[-1] not in top]
    if not pairs:
        first = live.page(size=1)
        if not first.videos or first.has_more is not True or not first.moves:
            raise NotSeenError("too few videos")
        pairs = [(first, live.page(first.position, 2))]
    again = sum(first.ids[-1] in then.ids for first, then in pairs)
    if 0 < again < len(pairs):
        return Finding(f"{again} of {len(pairs)} pages do, the others do not", agrees=False)
    seen = "yes, the previous page's last video comes again" if again else "no"
    return Finding(f"{seen} ({len(pairs)} edges)", {"cursor_inclusive": again > 0})


@probe("What is the cursor that a page returns?", "a time in ms", rule="cursor_form")
def cursor_form(live: Live) -> Finding:
    pages = [page for page in live.listing.bare if page.videos and page.has_more is True and page.cursor is not None]
    if not pages:
        raise NotSeenError("no page has a cursor to a next page")
    pages = [page for page in pages if page.moves or page.position is None]
    forms = {_form(page) for page in pages}
    if len(forms) != 1:
        raise NotSeenError(f"cursors have {len(forms)} forms")
    (form,) = forms
    seen = f"{FORMS[form]} ({len(pages)} pages)"
    if form == "other":
        return Finding(seen, agrees=False)
    if form != "number":
        return Finding(seen, {"cursor_form": form})
    milliseconds = any(_offset(page) for page in pages)
    seen = "create_time of the page's last video, " + ("with milliseconds" if milliseconds else "in whole seconds")
    return Finding(f"{seen} ({len(pages)} pages)", {"cursor_milliseconds": milliseconds})


FORMS = {
    "number": "the time of the page's last video, in ms",
    "text": "the time of the page's last video, in ms, as text",
    "float": "the time of the page's last video, in ms, as a float",
    "seconds": "the time of the page's last video, in s",
    "true": "`true`",
    "negative": "the time of the page's last video, negative",
    "small": "a small number",
    "other": "not the time of the page's last video",
}


def _form(page: Page) -> str:
    """The form of a page's cursor: one of FORMS."""
    cursor = page.cursor
    second = page.videos[-1]["create_time"]
    if isinstance(cursor, bool):
        return "true" if cursor else "other"
    if page.position is not None:
        kinds = {int: "number", str: "text", float: "float"}
        return kinds[type(cursor)] if 0 <= page.position - second * MS < MS else "other"
    if isinstance(cursor, int):
        if cursor == second:
            return "seconds"
        if 0 <= -cursor - second * MS < MS:
            return "negative"
        if 0 < cursor < SMALL:
            return "small"
    return "other"


def _offset(page: Page) -> int | None:
    """How many ms the cursor is after the second of the page's last video."""
    return None if page.position is None else page.position - page.videos[-1]["create_time"] * MS


@probe("Does the cursor move whenever more videos follow?", "yes", rule="cursor_moves")
def cursor_moves(live: Live) -> Finding:
    pages = [page for page in live.listing.pages if page.has_more is True]
    if not pages:
        raise NotSeenError("one page holds all videos")
    if any(page.cursor is not None and page.position is None for page in pages):
        raise NotSeenError("a cursor has another form")
    stuck = [page for page in pages if not page.moves]
    gone = any(page.cursor is None for page in stuck)
    seen = "a page has no cursor" if gone else "it does not move" if stuck else f"yes ({len(pages)} pages)"
    return Finding(seen, {"gone_without_cursor": gone, "stuck_cursor": bool(stuck) and not gone})


@probe("Is a second split between two pages?", rule="seconds")
def seconds(live: Live) -> Finding:
    if cursor_form(live).settings.get("cursor_milliseconds"):
        raise NotSeenError("cursors have milliseconds, so posts of one second differ")
    if cursor_edge(live).settings.get("cursor_inclusive"):
        raise NotSeenError("a page starts with the second of its cursor, so a split loses nothing")
    times = Counter(video["create_time"] for video in live.listing.in_order)
    second, count = max(times.items(), key=lambda item: item[1], default=(0, 0))
    if count < 2:
        raise NotSeenError("no two videos share a second")
    size = PAGE_SIZE if count > PAGE_SIZE else 1
    page = live.page((second + 1) * MS, size)
    came = sum(video["create_time"] == second for video in page.videos)
    return Finding(
        f"{came} of the {count} videos of one second for a request of {size}", {"split_seconds": came < count}
    )


@probe("Can any time be a cursor?", "yes", rule="order")
def any_cursor(live: Live) -> Finding:
    videos = live.listing.in_order
    for newer, older in list(pairwise(videos))[len(videos) // 2 :] + list(pairwise(videos)):
        if newer["create_time"] - older["create_time"] > 2:
            page = live.page((newer["create_time"] + older["create_time"]) // 2 * MS)
            ids = page.without(live.listing.ids_on_top).ids
            right = str(older["id"]) in ids and str(newer["id"]) not in ids
            seen = "yes: between two videos, the older one comes" if right else "no: another page came"
            return Finding(seen, agrees=right)
    raise NotSeenError("too few videos")


@probe("What does cursor 0 mean?", rule="cursor_zero")
def zero_cursor(live: Live) -> Finding:
    first, newest = live.page(0), live.page()
    if not newest.videos:
        raise NotSeenError("no videos")
    from_newest = first.ids[:1] == newest.ids[:1]
    return Finding("from the newest video" if from_newest else f"a page of {len(first.ids)} videos", agrees=from_newest)


@probe("Where does the list end?", "at `has_more` false", rule="last_cursor")
def last_page(live: Live) -> Finding:
    listing = live.listing
    if not listing.complete or not listing.videos:
        raise NotSeenError("no videos" if listing.complete else "the list has more pages than were read")
    last = listing.bare[-1]
    if last.cursor is not None and last.position is None:
        raise NotSeenError("the cursor has another form")
    offset = _offset(last) if last.videos else None
    filled = offset is not None and 0 <= offset < MS
    cursor = "that of the last video" if filled else "missing" if last.cursor is None else f"{_kind(last.cursor)}"
    return Finding(f"`has_more` false, with a cursor: {cursor}", agrees=filled)


@probe("What comes after the oldest video?", rule="cursor_zero")
def after_the_end(live: Live) -> Finding:
    if not live.listing.complete or not live.listing.in_order:
        raise NotSeenError("the oldest video is unknown")
    page = live.page((live.listing.in_order[-1]["create_time"] - 1) * MS).without(live.listing.ids_on_top)
    seen = f"{len(page.videos)} videos, cursor {_kind(page.cursor)}, `has_more` {_display(page.has_more)}"
    return Finding(seen, agrees=not page.videos and _is_zero(page.cursor) and page.has_more is False)


@probe("What does an empty account return?", rule="empty_account")
def empty_account(live: Live) -> Finding:
    listing = live.listing
    if listing.videos or not listing.complete:
        raise NotSeenError("the account has videos")
    page = listing.pages[0]
    seen = f"no videos, cursor {_kind(page.cursor)}, `has_more` {_display(page.has_more)}"
    return Finding(seen, agrees=_is_zero(page.cursor) and page.has_more is False)


@probe("Can the cursor be in the query?", "it belongs in the body", rule="cursor_in_body")
def cursor_in_query(live: Live) -> Finding:
    first = next((page for page in live.listing.pages if page.videos and page.has_more is True and page.moves), None)
    if first is None:
        raise NotSeenError("too few videos")
    reply = live.videos(query=f"&cursor={first.position}&max_count=2")
    if reply.code != "ok":
        return Finding(f"no: {expected(reply, 'invalid_params').seen}", agrees=True)
    ids = _ids(reply.data)
    seen = "it is ignored" if ids[:1] == first.ids[:1] else f"it is used, or another page of {len(ids)} videos came"
    return Finding(seen, agrees=False)


@probe("How many videos come without `max_count`?", "10", rule="page_size")
def default_size(live: Live) -> Finding:
    page = live.page()
    if len(page.videos) <= DEFAULT_PAGE_SIZE:
        raise NotSeenError("too few videos")
    reply = live.videos()
    if reply.code != "ok":
        return expected(reply, "ok")
    count = len(_ids(reply.data))
    if count < DEFAULT_PAGE_SIZE:
        raise NotSeenError(f"a page of {count}, which may be short")
    # Pinned posts may come in addition.
    return Finding(f"{count}", agrees=0 <= count - DEFAULT_PAGE_SIZE <= len(live.listing.pinned))


@probe("What does a `max_count` of 21 get?", "20 at most", rule="page_size")
def largest_size(live: Live) -> Finding:
    reply = live.videos(max_count=PAGE_SIZE + 1)
    found = expected(reply, "invalid_params")
    count = f", {len(_ids(reply.data))} videos" if reply.code == "ok" else ""
    return replace(found, seen=f"{found.seen}{count}")


def _ids(data: Json) -> list[str]:
    return [str(video.get("id")) for video in data.get("videos") or () if isinstance(video, dict)]


def _is_zero(cursor: Any) -> bool:
    """Whether it is 0, in any form of cursors."""
    return not isinstance(cursor, bool) and str(cursor) in ("0", "0.0")


def _kind(cursor: Any) -> str:
    """A cursor's kind, without its time."""
    if cursor is None:
        return "missing"
    return "0" if cursor == 0 else "a time" if isinstance(cursor, int) else "not a number"


def _display(flag: Any) -> str:
    return str(flag).lower() if isinstance(flag, bool) else "missing" if flag is None else "of another type"
