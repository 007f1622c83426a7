"""Orders that a client must not rely on: ids behind their times, cursors in real milliseconds, pinned videos."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.sandbox_pages import listed_ids, read_pages
from sandbox import Sandbox
from sandbox.client import Client
from sandbox.facts import VIDEO_QUERY_PATH
from sandbox.messages import Json
from sandbox.timeline import millisecond_of

_NOW = 1_790_000_000  # epoch s


def _ids(rows: list[Json]) -> list[str]:
    return [row["id"] for row in rows]


def test_id_lag_keeps_ids_3_to_59_seconds_behind_their_time() -> None:
    videos = Sandbox(videos=300, id_lag=True, now=_NOW).account.videos
    lags = {video["create_time"] - (int(video["id"]) >> 32) for video in videos}

    assert (min(lags), max(lags)) == (3, 59)
    assert videos == Sandbox(videos=300, id_lag=True, now=_NOW).account.videos


def test_id_lag_sorts_ids_and_times_differently() -> None:
    account = Sandbox(videos=0, id_lag=True, now=_NOW).account
    posted = [account.post(_NOW - 100 + second) for second in range(20)]

    assert _ids(account.videos) == _ids(posted[::-1])
    assert sorted(_ids(posted)) != _ids(posted)


def test_ids_hold_their_own_time_without_a_lag() -> None:
    assert all(video["create_time"] == int(video["id"]) >> 32 for video in Sandbox(videos=30).account.videos)


@pytest.mark.parametrize("max_count", [1, 3, 20])
@pytest.mark.parametrize("switches", [{}, {"short_pages": True}, {"empty_pages": True}, {"id_lag": True}])
def test_cursor_milliseconds_gives_each_video_once_in_order(max_count: int, switches: dict[str, Any]) -> None:
    settings = {"videos": 90, "same_second": 12, "cursor_milliseconds": True, "rate_limit": 0, "now": _NOW}
    with Sandbox(**{**settings, **switches}) as sandbox:
        assert listed_ids(read_pages(sandbox, max_count)) == _ids(sandbox.account.videos)


def test_cursor_milliseconds_returns_the_last_videos_millisecond() -> None:
    with Sandbox(videos=90, cursor_milliseconds=True) as sandbox:
        pages = read_pages(sandbox)
    last = [page["videos"][-1] for page in pages]

    assert [page["cursor"] // 1000 for page in pages] == [video["create_time"] for video in last]
    assert [page["cursor"] % 1000 for page in pages] == [millisecond_of(int(video["id"])) for video in last]
    assert any(page["cursor"] % 1000 for page in pages)


def test_cursor_milliseconds_cuts_pages_within_a_second() -> None:
    with Sandbox(videos=90, same_second=12, cursor_milliseconds=True) as sandbox:
        first, second = read_pages(sandbox)[:2]

    assert len(first["videos"]) == 20
    assert first["videos"][-1]["create_time"] == second["videos"][0]["create_time"]


def test_cursor_milliseconds_compares_with_them_exclusively() -> None:
    with Sandbox(videos=0, cursor_milliseconds=True, now=_NOW) as sandbox, Client(sandbox) as client:
        video_id = sandbox.account.post(_NOW - 10)["id"]
        posted = (_NOW - 10) * 1000 + millisecond_of(int(video_id))
        listed = [client.video_list(cursor=posted + more).json()["data"]["videos"] for more in (0, 1)]

    assert [_ids(rows) for rows in listed] == [[], [video_id]]


def test_milliseconds_are_spread_over_the_second() -> None:
    milliseconds = [millisecond_of(_NOW << 32 | low) for low in range(0, 2**32, 2**24)]

    assert all(0 <= millisecond < 1_000 for millisecond in milliseconds)
    assert len(set(milliseconds)) > 150


def test_pinned_video_tops_the_first_page_besides_its_place() -> None:
    with Sandbox(videos=60) as sandbox:
        plain = read_pages(sandbox)
        pinned = sandbox.account.videos[45]["id"]
        sandbox.account.pin(pinned)
        pages = read_pages(sandbox)

        assert _ids(pages[0]["videos"]) == [pinned, *_ids(plain[0]["videos"])]
        assert pages[1:] == plain[1:]
        assert pages[0]["cursor"] == plain[0]["cursor"]
        assert sandbox.requests[-len(pages)].videos == tuple(_ids(pages[0]["videos"]))


def test_a_video_pinned_on_every_page_tops_each_of_them() -> None:
    with Sandbox(videos=60) as sandbox:
        plain = read_pages(sandbox)
        pinned = sandbox.account.videos[45]["id"]
        sandbox.account.pin(pinned, every_page=True)
        pages = read_pages(sandbox)

    assert [_ids(page["videos"]) for page in pages] == [[pinned, *_ids(page["videos"])] for page in plain]
    assert [page["cursor"] for page in pages] == [page["cursor"] for page in plain]


def test_a_video_pinned_only_on_top_is_not_in_its_own_place() -> None:
    with Sandbox(videos=60) as sandbox:
        account = sandbox.account
        pinned = account.videos[45]["id"]
        account.pin(pinned, listed_again=False)
        listed = listed_ids(read_pages(sandbox))

        assert (listed[0], listed.count(pinned), sorted(listed)) == (pinned, 1, sorted(_ids(account.videos)))
        assert (account.user["video_count"], account.videos[45]["id"]) == (60, pinned)
        assert _query(sandbox, pinned) == [pinned]


def _query(sandbox: Sandbox, video_id: str) -> list[str]:
    body = {"filters": {"video_ids": [video_id]}}
    with Client(sandbox) as client:
        response = client.send("POST", VIDEO_QUERY_PATH, params={"fields": "id"}, json=body, headers=client.bearer)
    return _ids(response.json()["data"]["videos"])


def test_pinning_again_moves_to_the_top_and_changes_the_way() -> None:
    with Sandbox(videos=30) as sandbox:
        account = sandbox.account
        first, second = _ids(account.videos)[25:27]
        account.pin(first, listed_again=False)
        account.pin(second)
        account.pin(first)
        listed = listed_ids(read_pages(sandbox))

    assert listed[:2] == [first, second]
    assert listed[2:] == _ids(account.videos)


def test_a_deleted_video_is_pinned_no_longer() -> None:
    with Sandbox(videos=30) as sandbox:
        pinned = sandbox.account.videos[25]["id"]
        sandbox.account.pin(pinned, every_page=True, listed_again=False)
        sandbox.account.delete(pinned)

        assert listed_ids(read_pages(sandbox)) == _ids(sandbox.account.videos)
        with pytest.raises(ValueError, match="no public video"):
            sandbox.account.pin(pinned)
