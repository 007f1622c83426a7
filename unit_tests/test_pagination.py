"""The next request after a page and its request; and lists in which many videos share a second."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from airbyte_cdk import FailureType, StreamSlice

from source_tiktok_organic.responses import StreamError
from unit_tests.tiktok import VideoList
from unit_tests.video_factory import DEFINITIONS, FIRST_POST, at, read_list, reads, response, strategy

T = at("2026-10-01") * 1000  # ms
FULL_PAGE = [{"id": str(n), "create_time": T // 1000} for n in range(20)]


def token(cursor: int | None, max_count: int = 20, after_probes: tuple[int, ...] = ()) -> dict[str, Any]:
    return {"cursor": cursor, "max_count": max_count, "after_probes": after_probes}


def of_seconds(*counts: int) -> list[dict[str, Any]]:
    """Videos of one second after the other, so many of each."""
    return [{"id": f"{n}/{k}", "create_time": T // 1000 - n} for n, count in enumerate(counts) for k in range(count)]


def next_token(previous: Any, start: int = 0, **data: Any) -> Any:
    """The token after a full page, or one with `data`, of a window that starts at `start` (s)."""
    page = response(**{"videos": FULL_PAGE, "has_more": True, **data})
    page.stream_slice = StreamSlice(partition={}, cursor_slice={"start_time": str(start), "end_time": "9"})
    return strategy().next_page_token(page, last_page_token_value=previous)


@pytest.mark.parametrize("page_size", [1, 20], ids=["check", "read"])
def test_first_request_has_a_page_size_but_no_cursor(page_size: int) -> None:
    pagination = strategy(page_size=page_size)
    assert pagination.initial_token == token(None, page_size)
    assert pagination.get_page_size() == page_size


@pytest.mark.parametrize(
    ("previous", "cursor", "expected"),
    [
        (None, T, T + 1_000),
        (None, T + 1, T + 1_000),
        (None, T + 999, T + 1_000),
        (None, str(T), T + 1_000),
        (None, FIRST_POST * 1000, FIRST_POST * 1000 + 1_000),
        (T + 1_001, T, T + 1_000),
        (T + 1_001, str(T), T + 1_000),
        (T + 2_000, T + 999, T + 1_000),
        (T + 900_000, T, T + 1_000),
    ],
)
def test_next_page_starts_at_the_end_of_the_last_second(previous: int | None, cursor: Any, expected: int) -> None:
    assert next_token(token(previous), cursor=cursor) == token(expected)


@pytest.mark.parametrize(
    ("previous", "cursor"), [(T + 1_000, T), (T + 1_000, T + 500), (T + 501, T + 499), (T + 2, T), (T + 1_000, T + 998)]
)
def test_page_within_a_second_continues_from_its_last_ms(previous: int, cursor: int) -> None:
    assert next_token(token(previous), cursor=cursor) == token(cursor + 1)


@pytest.mark.parametrize(("previous", "cursor"), [(T + 1, T), (T + 501, T + 500)])
def test_page_within_a_ms_is_followed_by_a_probe(previous: int, cursor: int) -> None:
    assert next_token(token(previous), cursor=cursor) == token(previous, 1, (cursor, cursor))


@pytest.mark.parametrize(("size", "is_probed"), [(1, False), (4, False), (20, True), (23, True)])
def test_short_page_within_a_ms_needs_no_probe(size: int, is_probed: bool) -> None:
    """A short page may have nothing new: TikTok's own cursor is followed then."""
    expected = token(T + 501, 1, (T + 500, T + 500)) if is_probed else token(T + 500)
    assert next_token(token(T + 501), cursor=T + 500, videos=of_seconds(size)) == expected


@pytest.mark.parametrize("size", [1, 19])
def test_whole_second_is_probed_even_after_a_short_page(size: int) -> None:
    assert next_token(token(T + 1), cursor=T, videos=of_seconds(size)) == token(T + 1, 1, (T, T))


@pytest.mark.parametrize(("previous", "cursor"), [(T + 1_000, T + 1), (T + 2, T + 1), (T + 1, T)])
@pytest.mark.parametrize("videos", [[], None])
def test_empty_page_within_a_second_needs_no_probe(videos: Any, previous: int, cursor: int) -> None:
    assert next_token(token(previous), cursor=cursor, videos=videos) == token(cursor)


@pytest.mark.parametrize(
    ("posted", "is_probed"), [(-86_400, False), (-1, False), (0, True), (1, False), (86_400, False)]
)
def test_page_of_only_a_pinned_post_counts_as_empty(posted: int, is_probed: bool) -> None:
    """As when TikTok returns an empty page, and its cursor is a full second."""
    pinned = [{"id": "1", "create_time": T // 1000 + posted}]
    expected = token(T + 1, 1, (T, T)) if is_probed else token(T)
    assert next_token(token(T + 1), cursor=T, videos=pinned) == expected


FIRST_PROBE = token(T + 1, 1, (T, T))
LAST_PROBE = token(T, 1, (T,))


@pytest.mark.parametrize("probe", [FIRST_PROBE, LAST_PROBE], ids=["first", "last"])
@pytest.mark.parametrize("counts", [(5,), (25,), (1, 5), (3, 2, 6)])
def test_over_a_page_of_one_second_proves_that_none_is_cut(counts: Any, probe: Any) -> None:
    assert next_token(probe, cursor=T - 9_000, videos=of_seconds(*counts)) == token(T)


@pytest.mark.parametrize("counts", [(1,), (4,), (3, 1), (4, 4, 4), (0,)])
def test_up_to_three_pinned_posts_prove_nothing(counts: Any) -> None:
    data = {"cursor": T - 9_000, "videos": of_seconds(*counts), "has_more": counts != (0,)}
    assert next_token(FIRST_PROBE, **data) == LAST_PROBE
    with pytest.raises(StreamError) as raised:
        next_token(LAST_PROBE, **data)
    assert raised.value.internal_message == f"has_more with cursor {T} after a request with cursor {T}"
    assert raised.value.message == DEFINITIONS["messages"]["invalid_cursor"]


@pytest.mark.parametrize("probe", [FIRST_PROBE, LAST_PROBE], ids=["first", "last"])
@pytest.mark.parametrize("pinned", [(), (-86_400,), (86_400,), (-9, -8, -7)])
def test_empty_probe_is_repeated_from_its_cursor(pinned: tuple[int, ...], probe: Any) -> None:
    """As when TikTok returns an empty page, with or without pinned posts on top."""
    videos = [{"id": str(n), "create_time": T // 1000 + posted} for n, posted in enumerate(pinned)]
    assert next_token(probe, cursor=T - 500, videos=videos) == {**probe, "cursor": T - 500}
    assert_invalid(probe, {"cursor": probe["cursor"], "videos": videos})


def test_probe_of_one_video_may_keep_its_cursor() -> None:
    """As of a list whose cursor is inclusive: the next probe may still show more than a page."""
    assert next_token(FIRST_PROBE, cursor=T + 1, videos=of_seconds(1)) == LAST_PROBE


def test_probe_never_ends_a_window() -> None:
    """The second that it is about may be the window's first."""
    assert next_token(token(T + 1), start=T // 1000, cursor=T) == FIRST_PROBE
    assert next_token(FIRST_PROBE, start=T // 1000, cursor=T - 1, videos=of_seconds(1)) == LAST_PROBE
    assert next_token(LAST_PROBE, start=T // 1000, cursor=T - 1, videos=of_seconds(9)) is None


@pytest.mark.parametrize(
    ("cursor", "is_end"), [(T + 1_000, False), (T + 1, False), (T, False), (T - 1, True), (T - 1_000, True)]
)
def test_window_ends_when_its_first_second_was_read(cursor: int, is_end: bool) -> None:
    assert (next_token(token(None), start=T // 1000, cursor=cursor) is None) is is_end


def test_first_second_of_a_window_may_take_several_pages() -> None:
    assert next_token(token(T + 1_000), start=T // 1000, cursor=T + 400) == token(T + 401)
    assert next_token(token(T + 1_000), start=T // 1000, cursor=T) == token(T + 1)
    assert next_token(token(T + 1_000), start=T // 1000, cursor=T, videos=[]) is None


@pytest.mark.parametrize("cursor", [T, 0, None, "gone", -1])
@pytest.mark.parametrize("data", [{}, {"videos": []}, {"videos": None}])
def test_has_more_false_ends_a_window(data: Any, cursor: Any) -> None:
    assert next_token(token(T + 5_000), has_more=False, cursor=cursor, **data) is None


INVALID = {
    "missing": {},
    "null": {"cursor": None},
    "zero": {"cursor": 0},
    "small": {"cursor": 5},
    "negative": {"cursor": -T},
    "seconds": {"cursor": T // 1000},
    "seconds_text": {"cursor": str(T // 1000)},
    "before_first_post": {"cursor": FIRST_POST * 1000 - 1},
    "true": {"cursor": True},
    "float": {"cursor": float(T)},
    "text": {"cursor": "soon"},
    "empty_text": {"cursor": ""},
    "spaced_text": {"cursor": f" {T}"},
    "signed_text": {"cursor": f"+{T}"},
    "float_text": {"cursor": f"{T}.0"},
    "other_digits": {"cursor": "١٧٩٠٨١٢٨٠٠٠٠٠"},
    "list": {"cursor": [T]},
    "object": {"cursor": {"ms": T}},
}


def assert_invalid(previous: Any, data: Any) -> None:
    with pytest.raises(StreamError) as raised:
        next_token(previous, **data)
    detail = f"has_more with cursor {data.get('cursor')!r} after a request with cursor {previous['cursor']!r}"
    assert raised.value.internal_message == detail
    assert raised.value.message == DEFINITIONS["messages"]["invalid_cursor"]
    assert raised.value.failure_type is FailureType.system_error


@pytest.mark.parametrize("data", INVALID.values(), ids=INVALID)
@pytest.mark.parametrize("previous", [None, T + 5_000], ids=["first_page", "later_page"])
def test_invalid_cursor_is_a_system_error(previous: Any, data: Any) -> None:
    assert_invalid(token(previous), data)


@pytest.mark.parametrize("videos", [FULL_PAGE, []], ids=["full_page", "empty_page"])
@pytest.mark.parametrize("ahead", [0, 1, 500, 1_000, 10**9])
@pytest.mark.parametrize("form", [int, str])
def test_cursor_that_does_not_go_back_is_a_system_error(form: type, ahead: int, videos: Any) -> None:
    assert_invalid(token(T), {"cursor": form(T + ahead), "videos": videos})


# How a list may be paged, and with what sizes of pages.
FORMS: dict[str, dict[str, Any]] = {
    "exclusive": {"cuts_times": False},
    "inclusive": {"is_inclusive": True},
    "ms": {},
    "cut_seconds": {},
}
SIZES = {"full_pages": (20,), "short_pages": (14, 11, 17)}


def crowded_lists(form: str, sizes: tuple[int, ...], counts: Any) -> Iterator[VideoList]:
    """Lists with many videos in one second, from 0 to 3 posts pinned, and with none to 5 newer ones."""
    for count, newer, pinned in itertools.product(counts, (0, 1, 5), ((), (-1,), (-1, -2, -3), "crowd")):
        crowd = [T + (37 * n % 1000 if form == "ms" else 0) for n in range(count)]
        before = [T - 60_000 * n for n in range(1, 26)]
        after = [T + 60_000 * n for n in range(1, newer + 1)]
        pins = (newer, newer + 1, newer + 2) if pinned == "crowd" else pinned
        yield VideoList([*after, *crowd, *before], pinned=pins, page_sizes=sizes, **FORMS[form])


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_first_second", [False, True], ids=["", "first_second_of_the_window"])
def test_crowded_second_is_complete_or_an_error(form: str, sizes: tuple[int, ...], is_first_second: bool) -> None:
    """Only a list that cuts seconds, below a cursor that excludes them, can hide videos."""
    start = at("2026-10-01") if is_first_second else at("2026-09-01")
    for listed in crowded_lists(form, sizes, range(15, 26)):
        reading = read_list(listed, len(listed.posted), start=start)

        expected = [v["id"] for v in listed.videos if v["create_time"] >= start]
        crowd = sum(ms // 1000 == start for ms in listed.posted) if is_first_second else listed.posted.count(T)
        is_readable = form != "cut_seconds" or crowd < min(sizes)
        assert len(set(reading.ids)) == len(reading.ids)
        assert reading.claimed_before_emitted == 0
        assert set(reading.ids) <= set(expected)
        if is_readable:
            assert (reading.errors, sorted(reading.ids)) == ([], sorted(expected))
            assert list(reading.state) == ["create_time"]
        elif reading.errors:
            assert [error.message for error in reading.errors] == [DEFINITIONS["messages"]["invalid_cursor"]]
            assert f"cursor {T} " in str(reading.errors[0].internal_message)
            assert not reads(reading.state, T // 1000)
        else:
            assert sorted(reading.ids) == sorted(expected)
        assert len(listed.requests) <= len(listed.posted) / min(sizes) * 2 + 10


@pytest.mark.parametrize("count", [20, 21, 25])
@pytest.mark.parametrize("pinned", [(), (-1,), (-1, -2, -3)], ids=["0", "1", "3"])
def test_page_full_of_one_cut_second_is_an_error(pinned: tuple[int, ...], count: int) -> None:
    """How many more videos the second has cannot be known, so none of it counts as read."""
    listed = VideoList([T + 60_000, *[T] * count, *(T - 60_000 * n for n in range(1, 6))], pinned=pinned)
    reading = read_list(listed, len(listed.posted), start=at("2026-09-01"))

    assert [error.internal_message for error in reading.errors] == [
        f"has_more with cursor {T} after a request with cursor {T}"
    ]
    newest = T // 1000 + 60
    read = {"start": str(T // 1000 + 1), "end": str(newest), "most_recent_cursor_value": str(newest)}
    assert reading.state == {"state_type": "date-range", "slices": [read]}
    assert listed.requests == [(None, 20), (T + 1_000, 20), (T + 1, 20), (T + 1, 1), (T, 1)]


@pytest.mark.parametrize(
    ("form", "last_requests"),
    [("exclusive", [(T + 1, 1), (T, 20)]), ("inclusive", [(T + 1, 1), (T, 1), (T, 20), (T - 59_000, 20)])],
)
def test_probes_lead_out_of_a_second_larger_than_a_page(form: str, last_requests: Any) -> None:
    listed = VideoList([*[T] * 25, *(T - 60_000 * n for n in range(1, 6))], **FORMS[form])
    reading = read_list(listed, len(listed.posted), start=at("2026-09-30T23:50:00"))

    assert (reading.errors, sorted(reading.ids)) == ([], sorted(v["id"] for v in listed.videos))
    assert reading.state == {"create_time": str(T // 1000)}
    assert listed.requests == [(None, 20), (T + 1_000, 20), (T + 1, 20), *last_requests]


@pytest.mark.parametrize("sizes", [(1,), (1, 2), (1, 20)])
def test_pages_of_one_video_are_complete_with_real_ms(sizes: tuple[int, ...]) -> None:
    """Each page repeats the last video, and has nothing new if it has no other."""
    listed = VideoList([T + 37 * n * n for n in range(1, 30)], page_sizes=sizes)
    reading = read_list(listed, 29, start=at("2026-09-01"))
    assert (reading.errors, sorted(reading.ids)) == ([], sorted(v["id"] for v in listed.videos))
    assert reading.claimed_before_emitted == 0


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("sharing", [2, 13, 19, 20, 21, 25])
@pytest.mark.parametrize("cuts_times", [False, True])
def test_videos_of_one_ms_are_complete_or_an_error(cuts_times: bool, sharing: int, sizes: tuple[int, ...]) -> None:
    """The cursor lies before all videos of its ms, including those that the page omitted."""
    posted = [*(T + 999 - n for n in range(19)), *[T + 500] * sharing, *(T + 400 - n for n in range(19))]
    listed = VideoList(posted, cuts_times=cuts_times, page_sizes=sizes)
    reading = read_list(listed, len(posted), start=at("2026-09-01"))
    assert reading.claimed_before_emitted == 0
    if reading.errors:
        assert (cuts_times, sharing >= min(sizes)) == (True, True)
        assert not reads(reading.state, T // 1000)
    else:
        assert sorted(reading.ids) == sorted(v["id"] for v in listed.videos)
