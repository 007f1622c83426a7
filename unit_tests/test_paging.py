"""Paging through video/list: every video once, whatever happens at a page's edge, and never in a loop.

The profile here counts few videos, so that one worker reads them all; test_windows.py is about several.
"""

from typing import Any

import pytest
from airbyte_cdk.sources.declarative.requesters.paginators import default_paginator

from unit_tests.command_result import Outcome
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, USER, TikTok, VideoList, ok_response, page, video
from unit_tests.video_factory import FIRST_POST, INVALID_CURSOR, OWN, config, state_of, times

_NEW, _SAME, _OLD = 1_700_000_200, 1_700_000_100, 1_700_000_000
OPTIONS = {**ACCESS_TOKEN_CONFIG, "start_date": "2014-01-01"}


def prepare(tiktok: TikTok, *pages: Any) -> None:
    """Respond with these pages, whatever cursor is requested; the profile counts 100 videos."""
    tiktok.with_an_account(*pages).responds("user", ok_response({"user": {**USER, "video_count": 100}}))


def ids(videos: list[dict[str, Any]]) -> list[str]:
    return [v["id"] for v in videos]


def requested(tiktok: TikTok) -> list[tuple[int | None, int]]:
    """The cursor and the size of each page requested."""
    return [(body.get("cursor"), body["max_count"]) for body in tiktok.bodies()]


def assert_read(outcome: Outcome, videos: list[dict[str, Any]]) -> None:
    """A complete sync emitted these videos, in this order, and its state is at the newest one."""
    assert (outcome.exit_code, outcome.errors, outcome.warnings) == (0, [], [])
    assert ids(outcome.records("videos")) == ids(videos)
    assert outcome.states[-1] == state_of(max([FIRST_POST, *(v["create_time"] for v in videos)]))
    assert outcome.statuses("videos")[-1] == "COMPLETE"


def assert_invalid_cursor(outcome: Outcome, detail: str, read: tuple[int, int] | None) -> None:
    """The sync failed with the cursors in its log, and counts only a period (s) as read."""
    assert (outcome.exit_code, outcome.errors[:-1]) == (1, [INVALID_CURSOR])
    assert outcome.statuses("videos")[-1] == "INCOMPLETE"
    assert detail in str(outcome.messages)
    expected = state_of(FIRST_POST)
    if read:
        period = {"start": str(read[0]), "end": str(read[1]), "most_recent_cursor_value": str(read[1])}
        cursor = {"state_type": "date-range", "slices": [period]}
        expected = {"states": [{"partition": {"open_id": OWN, "parent_slice": {}}, "cursor": cursor}]}
    assert outcome.states[-1] == expected


def test_page_starts_at_the_end_of_the_last_second(tiktok: TikTok, connector: Connector) -> None:
    new, same, old = video(_NEW), video(_SAME), video(_OLD)
    prepare(tiktok, page([new, same], True), page([same, old], True), page([old], False))

    outcome = connector.read(OPTIONS, "videos")

    assert_read(outcome, [new, same, old])
    assert requested(tiktok) == [(None, 20), ((_SAME + 1) * 1000, 20), ((_OLD + 1) * 1000, 20)]


def test_second_cut_by_a_page_edge_is_complete(tiktok: TikTok, connector: Connector) -> None:
    """TikTok's own cursor excludes the rest of that second."""
    new, old = video(_NEW), video(_OLD)
    first, second = video(_SAME, id="71"), video(_SAME, id="72")
    prepare(tiktok, page([new, first], True), page([first, second, old], False))
    assert_read(connector.read(OPTIONS, "videos"), [new, first, second, old])


@pytest.mark.parametrize("form", [int, str])
def test_cursor_may_be_text_and_within_a_second(form: type, tiktok: TikTok, connector: Connector) -> None:
    new, same, old = video(_NEW), video(_SAME), video(_OLD)
    first = ok_response({"videos": [new, same], "has_more": True, "cursor": form(_SAME * 1000 + 317)})
    prepare(tiktok, first, page([same, old], False))
    assert_read(connector.read(OPTIONS, "videos"), [new, same, old])
    assert requested(tiktok) == [(None, 20), ((_SAME + 1) * 1000, 20)]


def test_short_and_empty_pages_are_not_the_end(tiktok: TikTok, connector: Connector) -> None:
    new, old = video(_NEW), video(_OLD)
    prepare(tiktok, page([new], True), page([], True, cursor=_SAME * 1000 + 1), page([old], False))
    assert_read(connector.read(OPTIONS, "videos"), [new, old])
    assert requested(tiktok) == [(None, 20), ((_NEW + 1) * 1000, 20), ((_SAME + 1) * 1000, 20)]


def test_empty_first_page_is_not_the_end(tiktok: TikTok, connector: Connector) -> None:
    prepare(tiktok, page([], True, cursor=_NEW * 1000 + 1), page([video(_NEW), video(_OLD)], False))
    assert_read(connector.read(OPTIONS, "videos"), [video(_NEW), video(_OLD)])


@pytest.mark.parametrize("last", [[], [video(_OLD)]], ids=["empty", "one_video"])
def test_cursor_of_the_last_page_is_not_followed(last: Any, tiktok: TikTok, connector: Connector) -> None:
    videos = [video(_NEW - n) for n in range(20)]
    prepare(tiktok, page(videos, True), page(last, False, cursor=_OLD * 1000))
    assert_read(connector.read(OPTIONS, "videos"), [*videos, *last])
    assert len(tiktok.bodies()) == 2


@pytest.mark.parametrize(
    "data",
    [{"cursor": 0, "has_more": False, "videos": []}, {"has_more": False}, {"has_more": False, "videos": None}],
    ids=["as_recorded", "no_videos_key", "null"],
)
def test_account_without_videos_syncs_completely(data: Any, tiktok: TikTok, connector: Connector) -> None:
    prepare(tiktok, ok_response(data))
    assert_read(connector.read(OPTIONS, "videos"), [])
    assert requested(tiktok) == [(None, 20)]


def test_numeric_id_becomes_text_with_every_digit(tiktok: TikTok, connector: Connector) -> None:
    prepare(tiktok, page([video(_NEW, id=7556278981167713591)], False))
    assert_read(connector.read(OPTIONS, "videos"), [video(_NEW, id="7556278981167713591")])


@pytest.mark.parametrize(("last", "requests"), [(0, 2), (-1, 1)], ids=["at_the_start", "before_it"])
def test_paging_ends_at_the_start_date(last: int, requests: int, tiktok: TikTok, connector: Connector) -> None:
    midnight = 1_700_006_400  # 2023-11-15T00:00:00Z
    videos = [video(midnight + 1), video(midnight + last), video(midnight - 2)]
    prepare(tiktok, page(videos[:2], True), page(videos[1:], True))

    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2023-11-15"}, "videos")

    assert (outcome.errors, times(outcome)) == ([], [midnight, midnight + 1] if last == 0 else [midnight + 1])
    assert outcome.states[-1] == state_of(midnight + 1)
    assert len(tiktok.bodies()) == requests


def test_paging_ends_at_the_start_date_before_cdk_7_35(
    tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These versions, which manifest-only connectors run with, don't tell a paginator which window it reads."""
    monkeypatch.setattr(default_paginator, "stream_slice_kwargs", lambda *_: {})
    midnight = 1_700_006_400  # 2023-11-15T00:00:00Z
    prepare(tiktok, page([video(midnight + 1), video(midnight - 1)], True))

    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2023-11-15"}, "videos")

    assert (outcome.errors, times(outcome)) == ([], [midnight + 1])
    assert len(tiktok.bodies()) == 1


def test_repeated_video_is_emitted_once(tiktok: TikTok, connector: Connector) -> None:
    new, same, old = video(_NEW), video(_SAME), video(_OLD)
    prepare(tiktok, page([new, same, same, new], True, cursor=_SAME * 1000), page([same, old], False))
    assert_read(connector.read(OPTIONS, "videos"), [new, same, old])


# --- invalid cursors ---

MS = {"new": _NEW * 1000, "same": _SAME * 1000, "old": _OLD * 1000}


@pytest.mark.parametrize(
    "cursor",
    [None, "gone", -1, 5, _NEW, str(_NEW), True, float(MS["new"]), -MS["new"], [MS["new"]], FIRST_POST * 1000 - 1],
)
def test_invalid_cursor_of_the_first_page_is_an_error(cursor: Any, tiktok: TikTok, connector: Connector) -> None:
    """Treated as ms, a cursor in seconds would end the sync after a page, with the state at now."""
    prepare(
        tiktok, ok_response({"videos": [video(_NEW)], "has_more": True, "cursor": cursor}), page([video(_OLD)], False)
    )

    outcome = connector.read(OPTIONS, "videos")

    assert_invalid_cursor(outcome, f"has_more with cursor {cursor!r} after a request with cursor None", None)
    assert ids(outcome.records("videos")) == ids([video(_NEW)])
    assert requested(tiktok) == [(None, 20)]


def test_missing_cursor_is_an_error(tiktok: TikTok, connector: Connector) -> None:
    prepare(tiktok, ok_response({"videos": [video(_NEW)], "has_more": True}), page([video(_OLD)], False))
    outcome = connector.read(OPTIONS, "videos")
    assert_invalid_cursor(outcome, "has_more with cursor None after a request with cursor None", None)
    assert requested(tiktok) == [(None, 20)]


@pytest.mark.parametrize("cursor", [(_SAME + 1) * 1000, _NEW * 1000, 10**15], ids=["not_moving", "forward", "far"])
def test_cursor_that_does_not_go_back_ends_the_window(cursor: int, tiktok: TikTok, connector: Connector) -> None:
    """The previous page still counts as read."""
    new, same, more = video(_NEW), video(_SAME), video(_SAME, id="72")
    prepare(tiktok, page([new, same], True), page([same, more], True, cursor=cursor), page([video(_OLD)], False))

    outcome = connector.read(OPTIONS, "videos")

    previous = (_SAME + 1) * 1000
    detail = f"has_more with cursor {cursor} after a request with cursor {previous}"
    assert_invalid_cursor(outcome, detail, (_SAME + 1, _NEW))
    assert ids(outcome.records("videos")) == ids([new, same, more])
    assert requested(tiktok) == [(None, 20), (previous, 20)]


def test_pages_of_a_stopped_window_are_one_period(tiktok: TikTok, connector: Connector) -> None:
    videos = [video(_NEW - 10 * n) for n in range(9)]
    pages = [page(videos[first : first + 3], True) for first in (0, 2, 4)]
    prepare(tiktok, *pages, page(videos[6:], True, cursor=5))

    outcome = connector.read(OPTIONS, "videos")

    last = (videos[6]["create_time"] + 1) * 1000
    assert_invalid_cursor(outcome, f"has_more with cursor 5 after a request with cursor {last}", (last // 1000, _NEW))
    assert ids(outcome.records("videos")) == ids(videos)


def test_empty_first_page_is_not_counted_as_read(tiktok: TikTok, connector: Connector) -> None:
    """TikTok may list videos there later."""
    prepare(tiktok, page([], True, cursor=_NEW * 1000), page([video(_NEW)], True, cursor=5))
    outcome = connector.read(OPTIONS, "videos")
    last = (_NEW + 1) * 1000
    assert_invalid_cursor(outcome, f"has_more with cursor 5 after a request with cursor {last}", None)
    assert ids(outcome.records("videos")) == ids([video(_NEW)])


def test_stopped_window_continues_in_the_next_sync(tiktok: TikTok, connector: Connector) -> None:
    new, same = video(_NEW), video(_SAME)
    prepare(tiktok, page([new, same], True), page([], True, cursor=5))
    options = config(start_date="2014-01-01", lookback_window_days=0)
    first = connector.read(options, "videos")
    listed = VideoList([MS["new"], MS["same"], MS["old"]])
    listed.serve(tiktok, video_count=3)

    second = connector.read(options, "videos", state=first.states[-1])

    assert first.errors[:-1] == [INVALID_CURSOR]
    assert ids(first.records("videos")) == ids([new, same])
    assert (second.errors, times(second)) == ([], [_OLD, _SAME])
    assert sorted(listed.requests, key=str) == [((_SAME + 1) * 1000, 20), (None, 20)]
    assert second.states[-1] == state_of(_NEW)


# --- many videos in one second ---


def test_probe_shows_that_seconds_are_not_cut(tiktok: TikTok, connector: Connector) -> None:
    """Then TikTok's own cursor loses nothing. Videos of probes are emitted too, once."""
    crowd = [video(_SAME, id=str(70 + n)) for n in range(24)]
    full = page(crowd[:20], True)
    prepare(tiktok, full, full, full, page(crowd, True), page([video(_OLD)], False))

    outcome = connector.read(OPTIONS, "videos")

    assert_read(outcome, [*crowd, video(_OLD)])
    after = (_SAME + 1) * 1000
    ms = MS["same"]
    assert requested(tiktok) == [(None, 20), (after, 20), (ms + 1, 20), (ms + 1, 1), (ms, 20)]


def test_second_probe_shows_that_the_cursor_is_inclusive(tiktok: TikTok, connector: Connector) -> None:
    crowd = [video(_SAME, id=str(70 + n)) for n in range(24)]
    full = page(crowd[:20], True)
    prepare(tiktok, full, full, full, page(crowd[:1], True), page(crowd, True), page([*crowd, video(_OLD)], False))

    outcome = connector.read(OPTIONS, "videos")

    assert_read(outcome, [*crowd, video(_OLD)])
    after = (_SAME + 1) * 1000
    ms = MS["same"]
    assert requested(tiktok) == [(None, 20), (after, 20), (ms + 1, 20), (ms + 1, 1), (ms, 1), (ms, 20)]


@pytest.mark.parametrize("pinned", range(4))
def test_probes_that_show_nothing_are_an_error(pinned: int, tiktok: TikTok, connector: Connector) -> None:
    """Up to three pinned posts of the same second come on top of each page: they prove nothing."""
    crowd = [video(_SAME, id=str(70 + n)) for n in range(23)]
    top = crowd[20 : 20 + pinned]
    full = page([*top, *crowd[:20]], True)
    probe = page([*top, crowd[0]], True)
    older = page([*top, video(_OLD)], True)
    prepare(tiktok, page([video(_NEW), *crowd[:5]], True), full, full, probe, older, page([video(_OLD)], False))

    outcome = connector.read(OPTIONS, "videos")

    detail = f"has_more with cursor {MS['same']} after a request with cursor {MS['same']}"
    assert_invalid_cursor(outcome, detail, (_SAME + 1, _NEW))
    assert sorted(ids(outcome.records("videos"))) == sorted(ids([video(_NEW), *crowd[: 20 + pinned], video(_OLD)]))
    after = (_SAME + 1) * 1000
    ms = MS["same"]
    assert requested(tiktok) == [(None, 20), (after, 20), (ms + 1, 20), (ms + 1, 1), (ms, 1)]


CROWD = [_SAME * 1000] * 25
LISTS: dict[str, tuple[list[int], dict[str, Any], bool]] = {
    "exclusive": (CROWD, {"cuts_times": False}, True),
    "inclusive": (CROWD, {"is_inclusive": True}, True),
    "ms": ([_SAME * 1000 + 37 * n for n in range(25)], {}, True),
    "cut_seconds": (CROWD, {}, False),
}


@pytest.mark.parametrize("pinned", [(), (-1, -2, -3)], ids=["", "pinned_posts"])
@pytest.mark.parametrize(("crowd", "switches", "is_readable"), LISTS.values(), ids=LISTS)
def test_crowded_second_is_complete_or_an_error(
    crowd: list[int], switches: Any, is_readable: bool, pinned: Any, tiktok: TikTok, connector: Connector
) -> None:
    """In the same forms as in test_pagination.py, with the requests that the manifest makes of the tokens."""
    listed = VideoList([MS["new"], *crowd, *(MS["old"] - 60_000 * n for n in range(5))], pinned=pinned, **switches)
    listed.serve(tiktok, video_count=len(listed.posted))

    outcome = connector.read(OPTIONS, "videos")

    if is_readable:
        assert (outcome.errors, outcome.states[-1]) == ([], state_of(_NEW))
        assert sorted(ids(outcome.records("videos"))) == sorted(ids(listed.videos))
    else:
        detail = f"has_more with cursor {MS['same']} after a request with cursor {MS['same']}"
        assert_invalid_cursor(outcome, detail, (_SAME + 1, _NEW))
    assert len(listed.requests) <= 16
