"""A client that follows the cursor gets every video, whatever TikTok's unknown details turn out to be.

Were the sandbox to lose or repeat a video on its own, no test of the connector could tell whose fault it is.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.client import Client
from sandbox.facts import VIDEO_LIST_PATH
from sandbox.messages import Json

_NOW = 1_790_000_000


def _pages(max_count: int = 20, **switches: Any) -> tuple[list[str], list[Json]]:
    """Ids of the ground truth, and the pages that a client gets which follows the cursor."""
    with Sandbox(rate_limit=0, now=_NOW, **{"videos": 150, **switches}) as sandbox, Client(sandbox) as client:
        pages = list(client.pages(("id", "create_time"), max_count))
        sandbox.check()
        return [video["id"] for video in sandbox.account.videos], pages


def _ids(pages: list[Json]) -> list[str]:
    return [video["id"] for page in pages for video in page["videos"]]


@pytest.mark.parametrize("max_count", [1, 7, 20])
@pytest.mark.parametrize(
    "switches",
    [{}, {"short_pages": True}, {"empty_pages": True}, {"short_pages": True, "empty_pages": True}, {"same_second": 30}],
    ids=["plain", "short", "empty", "short_and_empty", "second_longer_than_a_page"],
)
def test_an_exclusive_cursor_gives_each_video_once_in_order(max_count: int, switches: dict[str, Any]) -> None:
    truth, pages = _pages(max_count, **switches)

    assert _ids(pages) == truth
    assert [page["has_more"] for page in pages] == [True] * (len(pages) - 1) + [False]


def test_a_pages_cursor_is_its_last_video_in_milliseconds() -> None:
    _, pages = _pages()

    assert [page["cursor"] for page in pages] == [page["videos"][-1]["create_time"] * 1000 for page in pages]


def test_a_page_ends_before_a_second_across_its_edge() -> None:
    _, pages = _pages()

    assert len(pages[0]["videos"]) == 18
    assert len({video["create_time"] for video in pages[1]["videos"][:3]}) == 1


def test_split_seconds_skip_the_rest_of_a_second() -> None:
    truth, pages = _pages(split_seconds=True)

    assert len(pages[0]["videos"]) == 20
    assert set(truth) - set(_ids(pages)) >= {truth[20]}


@pytest.mark.parametrize("max_count", [1, 3, 20])
def test_an_inclusive_cursor_repeats_the_edges_of_pages(max_count: int) -> None:
    truth, pages = _pages(max_count, cursor_inclusive=True)

    counts = Counter(_ids(pages))
    assert set(counts) == set(truth)
    assert max(counts.values()) == 2
    assert all(first["videos"][-1] in second["videos"] for first, second in pairwise(pages))


def test_short_pages_hold_fewer_although_more_follow() -> None:
    _, pages = _pages(short_pages=True)

    assert all(0 < len(page["videos"]) < 20 for page in pages[:-1])


def test_empty_pages_move_the_cursor() -> None:
    _, pages = _pages(empty_pages=True)

    empty = [page for page in pages if not page["videos"]]
    cursors = [page["cursor"] for page in pages]
    assert empty
    assert all(page["has_more"] for page in empty)
    assert cursors == sorted(set(cursors), reverse=True)


def test_a_stuck_cursor_comes_back_unchanged() -> None:
    with Sandbox(stuck_cursor=True) as sandbox, Client(sandbox) as client:
        first, second, third = client.pages(most=3)

    assert first["cursor"] == second["cursor"] == third["cursor"]
    assert second["has_more"] is third["has_more"] is True


def test_gone_without_cursor_promises_more_without_a_cursor() -> None:
    with Sandbox(gone_without_cursor=True) as sandbox, Client(sandbox) as client:
        page = next(client.pages())

    assert set(page) == {"has_more", "videos"}
    assert page["has_more"] is True


def test_any_timestamp_gives_videos_posted_before_it() -> None:
    with Sandbox(videos=60, now=_NOW) as sandbox, Client(sandbox) as client:
        old, same, new = (sandbox.account.post(time)["id"] for time in (_NOW - 11, _NOW - 10, _NOW - 9))
        before = client.video_list(cursor=(_NOW - 10) * 1000).json()["data"]["videos"]
        one_later = client.video_list(cursor=(_NOW - 10) * 1000 + 1).json()["data"]["videos"]
        newest = client.video_list(cursor=(_NOW + 999) * 1000).json()["data"]["videos"]

    assert [before[0]["id"], one_later[0]["id"], newest[0]["id"]] == [old, same, new]


def test_cursor_before_the_first_video_gives_an_empty_last_page() -> None:
    with Sandbox(videos=5) as sandbox, Client(sandbox) as client:
        cursor = sandbox.account.videos[-1]["create_time"] * 1000
        assert client.video_list(cursor=cursor).json()["data"] == {"cursor": 0, "has_more": False, "videos": []}


def test_a_page_holds_ten_videos_unless_told() -> None:
    with Sandbox() as sandbox, Client(sandbox) as client:
        assert len(client.video_list().json()["data"]["videos"]) == 10


def test_ids_as_numbers_changes_their_type_alone() -> None:
    truth, pages = _pages(ids_as_numbers=True)

    sent: list[Any] = list(_ids(pages))
    assert sent == [int(video_id) for video_id in truth]


def test_the_in_flight_peak_counts_requests_at_one_time() -> None:
    with Sandbox(latency=0.2) as sandbox, Client(sandbox) as client:
        client.video_list()
        one = sandbox.in_flight_peak(VIDEO_LIST_PATH)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: client.video_list(), range(4)))

        assert (one, sandbox.in_flight_peak(VIDEO_LIST_PATH)) == (1, 4)
