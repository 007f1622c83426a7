"""Where a page leads to, and when a window is shared, by the page alone."""

from types import SimpleNamespace
from typing import Any

import pytest
from airbyte_cdk import StreamSlice

from source_tiktok_organic.components import BackwardCursorPaginationStrategy, StreamError


def page_of(cursor: Any, size: int = 20, **data: Any) -> Any:
    body = {"data": {"has_more": True, "cursor": cursor, "videos": [{"id": n} for n in range(size)], **data}}
    return SimpleNamespace(json=lambda: body)


def following(page: Any, previous: Any) -> Any:
    """The cursor after a page of a window that nobody shares."""
    window = StreamSlice(partition={}, cursor_slice={"start_time": "0", "end_time": "9"})
    return strategy().next_page_token(page, last_page_token_value=previous, stream_slice=window)


def shared(page: Any, end: int, previous: Any = None, **extra: Any) -> tuple[Any, Any]:
    """The cursor after a page of a window from 0 to `end`, and what its worker leaves to others: (oldest, parts)."""
    left: list[Any] = []

    def share(of: Any, *what: int) -> None:
        assert of is window
        left.append(what)

    extra["share"] = share
    window = StreamSlice(partition={}, cursor_slice={"start_time": "0", "end_time": str(end)}, extra_fields=extra)
    return strategy().next_page_token(page, last_page_token_value=previous, stream_slice=window), left


@pytest.mark.parametrize(
    ("cursor", "previous", "size", "expected"),
    [
        (5_000, None, 20, 6_000),
        (5_001, None, 20, 6_000),
        (5_999, None, 20, 6_000),
        (1, None, 20, 1_000),
        (5_000, 7_000, 20, 6_000),
        (5_000, 6_001, 20, 6_000),
        (5_000, 6_000, 19, 5_000),
        (5_001, 6_000, 20, 5_002),
        (5_001, 5_500, 20, 5_002),
        (5_000, 5_500, 19, 5_000),
        (5_000, 6_000, 24, 5_000),
        (5_501, 5_503, 20, 5_502),
        (5_501, 5_502, 19, 5_501),
    ],
)
def test_next_cursor_is_the_end_of_the_second(cursor: int, previous: Any, size: int, expected: int) -> None:
    """From the same second, only TikTok's own cursor leads on, unless it would skip what is left of a full page."""
    assert following(page_of(cursor, size), previous) == expected


@pytest.mark.parametrize(
    ("cursor", "previous"),
    [
        (0, None),
        (-5, None),
        (None, None),
        ("5000", None),
        (5.5, None),
        (5_000, 6_000),
        (6_000, 6_000),
        (9_000, 6_000),
        (9_500, 6_000),
        (1_700_000_000_501, 1_700_000_000_502),
    ],
)
def test_cursor_that_leads_nowhere_is_an_error(cursor: Any, previous: Any) -> None:
    with pytest.raises(StreamError, match="Nowhere") as raised:
        following(page_of(cursor), previous)
    assert raised.value.internal_message == f"has_more with cursor {cursor!r} after a request with cursor {previous!r}"


@pytest.mark.parametrize("size", [20, 21, 23])
def test_full_second_is_an_error_also_below_pinned_posts(size: int) -> None:
    with pytest.raises(StreamError, match="Nowhere"):
        following(page_of(5_000, size), 6_000)


@pytest.mark.parametrize("pinned", [4, 6])
def test_pinned_posts_do_not_fill_a_second(pinned: int) -> None:
    videos = [{"id": n, "create_time": pinned if n < 3 else 5} for n in range(20)]
    assert following(page_of(5_000, videos=videos), 6_000) == 5_000


@pytest.mark.parametrize(
    ("oldest", "size", "parts"),
    [
        (83, 20, 0),
        (84, 20, 2),
        (90, 20, 2),
        (91, 20, 3),
        (94, 20, 4),
        (99, 20, 4),
        (99, 2, 2),
        (100, 20, 0),
        (101, 20, 0),
        (95, 10, 2),
        (95, 1, 0),
        (95, 0, 0),
    ],
)
def test_window_is_shared_by_its_first_page(oldest: int, size: int, parts: int) -> None:
    """Of a window of 100 s; at 95 s, 19 pages as the first one fit into the rest."""
    expected = (None, [(oldest, parts)]) if parts else ((oldest + 1) * 1000, [])
    assert shared(page_of(oldest * 1000, size), 100) == expected


@pytest.mark.parametrize(("count", "parts"), [(10_000, 4), (19_000, 2), (37_000, 2), (38_000, 0), (0, 4), ("many", 4)])
def test_windows_of_a_large_account_are_longer(count: Any, parts: int) -> None:
    """19 pages lie ahead; of 38,000 videos, a hundredth is as many."""
    expected = (None, [(95, parts)]) if parts else (96_000, [])
    assert shared(page_of(95_000), 100, video_count=count) == expected


@pytest.mark.parametrize(
    ("oldest", "count", "is_shared"),
    [(833, None, False), (834, None, True), (949, 37_215, True), (949, 37_216, False)],
)
def test_more_pages_than_fit_into_a_window_are_shared(oldest: int, count: int | None, is_shared: bool) -> None:
    """Of 1,000 s with pages of 20: five pages lie ahead at 833.3 s, and 18.608 at 949 s."""
    expected = (None, [(oldest, 2)]) if is_shared else ((oldest + 1) * 1000, [])
    assert shared(page_of(oldest * 1000), 1000, video_count=count) == expected


def test_later_page_shares_nothing() -> None:
    assert shared(page_of(99_000), 100, previous=101_000) == (100_000, [])


def strategy() -> BackwardCursorPaginationStrategy:
    sizes = {"page_size": 20, "pinned_posts": 3, "pages_of_a_window": 5, "windows": 100, "parts": 4}
    return BackwardCursorPaginationStrategy(**sizes, messages={"cursor_leads_nowhere": "Nowhere."})
