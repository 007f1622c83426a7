"""Paging through video/list: every video once, whatever TikTok does at a page's edge, and never in a loop.

Few videos follow here on each first page, so one worker reads them all; test_windows.py is about several.
"""

import itertools
from typing import Any

import pytest

from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, TikTok, good, page, video

_NEW, _SAME, _OLD = 1_700_000_200, 1_700_000_100, 1_700_000_000

NOWHERE = (
    "system_error",
    "TikTok says that there are more videos, but its cursor does not lead to them. Run the sync again; if this happens "
    "every time, please report it with the cursors, which are in the log.",
)


def ids(videos: list[dict[str, Any]]) -> list[str]:
    return [v["id"] for v in videos]


def test_cursor_leads_to_the_next_page(tiktok: TikTok, connector: Connector) -> None:
    new, same, old = video(_NEW), video(_SAME), video(_OLD)
    tiktok.with_an_account(page([new, same], True), page([old], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.errors == []
    assert ids(outcome.records("videos")) == ids([new, same, old])
    assert tiktok.bodies() == [{"max_count": 20}, {"max_count": 20, "cursor": (_SAME + 1) * 1000}]


def test_second_split_by_a_page_edge_is_read_whole(tiktok: TikTok, connector: Connector) -> None:
    """Following TikTok's own cursor literally would lose the rest of that second."""
    first, second = video(_SAME, id="71"), video(_SAME, id="72")
    tiktok.with_an_account(page([video(_NEW), first], True), page([first, second, video(_OLD)], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.errors == []
    assert [v["create_time"] for v in outcome.records("videos")] == [_NEW, _SAME, _SAME, _OLD]
    assert ids(outcome.records("videos"))[1:3] == ["71", "72"]


def test_tiktoks_own_cursor_leads_out_of_a_full_second(tiktok: TikTok, connector: Connector) -> None:
    crowd = page([video(_SAME, id=str(n)) for n in range(70, 73)], True)
    tiktok.with_an_account(crowd, crowd, page([video(_OLD, id="60")], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.errors == []
    assert ids(outcome.records("videos")) == ["70", "71", "72", "60"]
    assert [b.get("cursor") for b in tiktok.bodies()] == [None, (_SAME + 1) * 1000, _SAME * 1000]


def test_short_and_empty_pages_are_not_the_end(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(page([video(_NEW)], True), page([], True, cursor=_SAME * 1000), page([video(_OLD)], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.errors == []
    assert [v["create_time"] for v in outcome.records("videos")] == [_NEW, _OLD]


def test_cursor_of_the_last_page_is_not_followed(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(page([video(_NEW - n) for n in range(20)], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert (len(outcome.records("videos")), len(tiktok.bodies())) == (20, 1)


@pytest.mark.parametrize(
    "data",
    [{"cursor": 0, "has_more": False, "videos": []}, {"has_more": False}, {"has_more": False, "videos": None}],
    ids=["as_recorded", "no_videos_key", "null"],
)
def test_empty_account_is_a_complete_sync(data: Any, tiktok: TikTok, connector: Connector) -> None:
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
def test_useless_cursor_is_named_and_never_loops(
    cursors: list[Any], named: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account(*(page([video(_NEW)], True, cursor=c) for c in cursors))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert (outcome.exit_code, outcome.errors[:-1]) == (1, [NOWHERE])
    assert named in str(outcome.messages)
    assert len(tiktok.bodies()) == len(cursors)


def test_has_more_without_cursor_is_an_error(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(good({"videos": [video(_NEW)], "has_more": True}))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.errors[:-1] == [NOWHERE]
    assert "has_more with cursor None" in str(outcome.messages)


def test_numeric_ids_become_text_to_the_last_digit(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(page([video(_NEW, id=7556278981167713591)], False))
    assert ids(connector.read(ACCESS_TOKEN_CONFIG, "videos").records("videos")) == ["7556278981167713591"]


def test_paging_ends_at_the_start_date(tiktok: TikTok, connector: Connector) -> None:
    midnight = 1_700_006_400  # 2023-11-15T00:00:00Z
    videos = [video(midnight + 1), video(midnight), video(midnight - 1)]
    tiktok.with_an_account(page(videos[:2], True), page(videos[1:], True), page([video(_OLD)], False))

    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2023-11-15"}, "videos")

    assert [v["create_time"] for v in outcome.records("videos")] == [midnight + 1, midnight]
    assert len(tiktok.bodies()) == 2


def test_cursors_only_go_back(tiktok: TikTok, connector: Connector) -> None:
    times = [_NEW - n for n in range(100)]
    chunks = [times[i : i + 20] for i in range(0, 100, 20)]
    tiktok.with_an_account(*(page([video(t) for t in chunk], chunk is not chunks[-1]) for chunk in chunks))

    connector.read(ACCESS_TOKEN_CONFIG, "videos")

    cursors = [body["cursor"] for body in tiktok.bodies()[1:]]
    assert all(later < earlier for earlier, later in itertools.pairwise(cursors))
    assert len(cursors) == 4


def crowd(tiktok: TikTok, count: int, own_cursor: bool, pinned: bool) -> list[str]:
    """Prepare `count` videos of one second between a newer and an older one; returns all their ids.

    With `pinned`, every page begins with the oldest video as well.

    Requests get the 20 newest before their cursor, or, with `own_cursor`, those after the place that its ms name.
    """
    same = [video(_SAME, id=str(1_000 + n)) for n in range(count)]
    videos = [video(_NEW), *same, video(_OLD)]
    tiktok.with_an_account()

    def respond(request: Any, context: Any) -> Any:
        cursor = request.json().get("cursor", 10**16)
        found = [v for v in videos if v["create_time"] * 1000 < cursor]
        place = (1000 - cursor % 1000) % 1000
        if own_cursor and place and cursor // 1000 == _SAME:
            found = [*same, videos[-1]][place:]
        shown, last = found[:20], found[:20][-1]
        ms = last["create_time"] * 1000
        if own_cursor and last in same:
            ms += 1000 - same.index(last) - 1
        return page([*videos[-1:] * pinned, *shown], len(found) > 20, cursor=ms)["json"]

    tiktok.responds("videos", {"json": respond})
    return ids(videos)


@pytest.mark.parametrize("own_cursor", [False, True], ids=["whole_seconds", "cursor_within_the_second"])
@pytest.mark.parametrize("pinned", [False, True], ids=["", "pinned_post"])
@pytest.mark.parametrize("count", [19, 20, 21, 40, 70])
def test_crowded_second_is_whole_or_an_error(
    count: int, pinned: bool, own_cursor: bool, tiktok: TikTok, connector: Connector
) -> None:
    """A full page of one second hides how many more there are: fewer in silence must not be."""
    expected = crowd(tiktok, count, own_cursor, pinned)

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    if own_cursor or count < 20:
        assert (outcome.errors, sorted(ids(outcome.records("videos")))) == ([], sorted(expected))
    else:
        assert outcome.errors[:-1] == [NOWHERE]
        assert int(outcome.states[-1]["states"][0]["cursor"]["create_time"]) < _OLD
    assert len(tiktok.bodies()) < 20


@pytest.mark.parametrize("sharing", [2, 3, 19])
def test_videos_of_one_millisecond_are_not_split(sharing: int, tiktok: TikTok, connector: Connector) -> None:
    """TikTok's cursor within a second lies before all that share its millisecond, also those of the next page."""
    listed = [(_SAME * 1000 + 900 - n, str(n)) for n in range(19)]  # when posted (ms), and the id
    listed += [(_SAME * 1000 + 500, str(100 + n)) for n in range(sharing)]
    listed += [(_SAME * 1000 + 400 - n, str(200 + n)) for n in range(19)]

    def respond(request: Any, context: Any) -> Any:
        found = [post for post in listed if post[0] < request.json().get("cursor", 10**16)]
        shown = [video(ms // 1000, id=name) for ms, name in found[:20]]
        return page(shown, len(found) > 20, cursor=found[:20][-1][0])["json"]

    tiktok.with_an_account()
    tiktok.responds("videos", {"json": respond})
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert (outcome.errors, sorted(ids(outcome.records("videos")))) == ([], sorted(name for _, name in listed))


def test_repeated_video_comes_once(tiktok: TikTok, connector: Connector) -> None:
    videos = [video(_NEW), video(_SAME), video(_SAME), video(_NEW)]
    tiktok.with_an_account(page(videos, True, cursor=_SAME * 1000), page([video(_SAME), video(_OLD)], False))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert [v["create_time"] for v in outcome.records("videos")] == [_NEW, _SAME, _OLD]
