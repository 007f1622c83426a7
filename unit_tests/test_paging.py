"""Paging through video/list: every video once, whatever TikTok does at a page's edge, and never in circles.

The account is small (`video_count` 3), so it is read in one window; test_windows.py is about the windows.
"""

import itertools
from typing import Any

import pytest

from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, TikTok, good, page, video

_NEW, _SAME, _OLD = 1_700_000_200, 1_700_000_100, 1_700_000_000


def ids(videos: list[dict[str, Any]]) -> list[str]:
    return [v["id"] for v in videos]


def test_given_two_pages_when_read_then_the_cursor_leads_to_the_second_and_has_more_ends_it(
    tiktok: TikTok, connector: Connector
) -> None:
    new, same, old = video(_NEW), video(_SAME), video(_OLD)
    tiktok.with_an_account(page([new, same], True), page([old], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.errors == []
    assert ids(outcome.records("videos")) == ids([new, same, old])
    assert tiktok.bodies() == [{"max_count": 20}, {"max_count": 20, "cursor": (_SAME + 1) * 1000}]


def test_given_a_second_split_by_a_page_edge_when_read_then_each_of_its_videos_comes_once(
    tiktok: TikTok, connector: Connector
) -> None:
    """Following TikTok's own cursor to the letter would lose the second half of that second."""
    first, second = video(_SAME, id="71"), video(_SAME, id="72")
    tiktok.with_an_account(page([video(_NEW), first], True), page([first, second, video(_OLD)], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.errors == []
    assert [v["create_time"] for v in outcome.records("videos")] == [_NEW, _SAME, _SAME, _OLD]
    assert ids(outcome.records("videos"))[1:3] == ["71", "72"]


def test_given_pages_that_lie_within_one_second_when_read_then_tiktoks_own_cursor_leads_out(
    tiktok: TikTok, connector: Connector
) -> None:
    crowd = page([video(_SAME, id=str(n)) for n in range(70, 73)], True)
    tiktok.with_an_account(crowd, crowd, page([video(_OLD, id="60")], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.errors == []
    assert ids(outcome.records("videos")) == ["70", "71", "72", "60"]
    assert [b.get("cursor") for b in tiktok.bodies()] == [None, (_SAME + 1) * 1000, _SAME * 1000]


def test_given_short_and_empty_pages_with_has_more_when_read_then_they_are_not_the_end(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account(page([video(_NEW)], True), page([], True, cursor=_SAME * 1000), page([video(_OLD)], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.errors == []
    assert [v["create_time"] for v in outcome.records("videos")] == [_NEW, _OLD]


def test_given_a_full_last_page_when_read_then_its_cursor_is_not_followed(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(page([video(_NEW - n) for n in range(20)], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert (len(outcome.records("videos")), len(tiktok.bodies())) == (20, 1)


@pytest.mark.parametrize(
    "data",
    [{"cursor": 0, "has_more": False, "videos": []}, {"has_more": False}, {"has_more": False, "videos": None}, {}],
    ids=["as_recorded", "no_videos_key", "null", "empty_data"],
)
def test_given_an_empty_account_when_read_then_a_complete_sync_without_records(
    data: Any, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account(good(data))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert (outcome.exit_code, outcome.errors, outcome.records("videos")) == (0, [], [])
    assert outcome.statuses("videos") == ["STARTED", "COMPLETE"]


@pytest.mark.parametrize(
    ("cursors", "named"),
    [
        ([_NEW * 1000] * 3, f"cursor {_NEW * 1000} after a request with cursor {_NEW * 1000}"),
        ([_OLD * 1000, _NEW * 1000], f"cursor {_NEW * 1000} after a request with cursor {(_OLD + 1) * 1000}"),
        (["gone"], "cursor 'gone' after a request with cursor None"),
        ([-1], "cursor -1 after a request with cursor None"),
    ],
    ids=["stands_still", "moves_forward", "no_number", "negative"],
)
def test_given_has_more_with_a_cursor_that_leads_nowhere_when_read_then_an_error_names_it_and_nothing_loops(
    cursors: list[Any], named: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account(*(page([video(_NEW)], True, cursor=c) for c in cursors))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.exit_code == 1
    assert outcome.errors[0] == (
        "system_error",
        "TikTok says that there are more videos, but its cursor does not lead to them. Run the sync again; if this "
        "happens every time, please report it with the cursors, which stand in the log.",
    )
    assert named in str(outcome.messages)
    assert len(tiktok.bodies()) == len(cursors)


def test_given_has_more_without_a_cursor_when_read_then_an_error(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(good({"videos": [video(_NEW)], "has_more": True}))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.errors[0][0] == "system_error"
    assert "has_more with cursor None" in str(outcome.messages)


def test_given_ids_as_numbers_when_read_then_they_are_text_to_the_last_digit(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account(page([video(_NEW, id=7556278981167713591)], False))
    assert ids(connector.read(ACCESS_TOKEN_CONFIG, "videos").records("videos")) == ["7556278981167713591"]


def test_given_a_start_date_when_read_then_nothing_older_is_emitted_and_paging_ends_there(
    tiktok: TikTok, connector: Connector
) -> None:
    midnight = 1_700_006_400  # 2023-11-15T00:00:00Z
    videos = [video(midnight + 1), video(midnight), video(midnight - 1)]
    tiktok.with_an_account(page(videos[:2], True), page(videos[1:], True), page([video(_OLD)], False))

    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2023-11-15"}, "videos")

    assert [v["create_time"] for v in outcome.records("videos")] == [midnight + 1, midnight]
    assert len(tiktok.bodies()) == 2


def test_given_many_pages_when_read_then_the_cursors_only_go_back(tiktok: TikTok, connector: Connector) -> None:
    times = [_NEW - n for n in range(100)]
    chunks = [times[i : i + 20] for i in range(0, 100, 20)]
    tiktok.with_an_account(*(page([video(t) for t in chunk], chunk is not chunks[-1]) for chunk in chunks))

    connector.read(ACCESS_TOKEN_CONFIG, "videos")

    cursors = [body["cursor"] for body in tiktok.bodies()[1:]]
    assert all(later < earlier for earlier, later in itertools.pairwise(cursors))
    assert len(cursors) == 4
