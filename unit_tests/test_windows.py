"""Windows: which period each sync reads, with how many requests, and that nothing is lost between two of them.

A sync reads one window. The worker that sees many pages ahead of it on the first page shares the rest with others.
"""

import itertools
from typing import Any

import pytest

from source_tiktok_organic import source
from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector
from unit_tests.posts import DAY, NOW_S, at, config, day_of, edges_of_parts, posts, state_of, times, windows
from unit_tests.tiktok import OAUTH_CONFIG, USER, TikTok, good, page, video


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (20, 1), (21, 2), (50, 3), (100, 6)])
def test_small_account_costs_its_pages(count: int, requests: int, tiktok: TikTok, connector: Connector) -> None:
    posted = posts(count, 40 * DAY)
    tiktok.with_videos(*posted).responds("user", good({"user": {**USER, "video_count": count}}))

    outcome = connector.read({**OAUTH_CONFIG, "start_date": "2014-01-01"}, "videos")

    assert (outcome.errors, times(outcome)) == ([], sorted(posted))
    assert (len(tiktok.bodies()), windows(outcome)) == (requests, 1)


@pytest.mark.parametrize("every", [3600, DAY, 7 * DAY, 30 * DAY])
@pytest.mark.parametrize(("known", "most"), [(50, 3), (0, 9), (None, 9)])
def test_fifty_videos_cost_few_requests(
    known: int | None, most: int, every: int, tiktok: TikTok, connector: Connector
) -> None:
    """Without a start date, most of the time has no videos at all: the first page cannot tell, the account can."""
    posted = posts(50, every)
    tiktok.with_videos(*posted).responds("user", good({"user": {**USER, "video_count": known}}))
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert (outcome.errors, times(outcome)) == ([], sorted(posted))
    assert len(tiktok.bodies()) <= most


@pytest.mark.parametrize(("known", "parts"), [(119, 0), (121, 2), (219, 2), (221, 3), (9_999, 4), ("many", 4)])
def test_account_has_no_more_parts_than_its_videos_fill(
    known: Any, parts: int, tiktok: TikTok, connector: Connector
) -> None:
    posted = posts(120, DAY)
    tiktok.with_videos(*posted).responds("user", good({"user": {**USER, "video_count": known}}))
    outcome = connector.read({**OAUTH_CONFIG, "start_date": "2014-01-01"}, "videos")
    assert (outcome.errors, times(outcome)) == ([], sorted(posted))
    shared = {body["cursor"] for body in tiktok.bodies()[1:]} & {*edges_of_parts(posted[:20], at("2014-01-01"), parts)}
    assert len(shared) == parts


def test_newest_window_carries_no_cursor(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S - DAY)
    connector.read(config(), "videos")
    assert tiktok.bodies() == [{"max_count": 20}]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("count", "every"),
    [*itertools.product([180, 400], [1, 60, 3600, 6 * 3600, DAY]), (1500, 60), (1500, 6 * 3600)],
)
def test_dense_account_costs_little_more_than_its_pages(
    count: int, every: int, tiktok: TikTok, connector: Connector
) -> None:
    posted = posts(count, every)
    tiktok.with_videos(*posted)

    outcome = connector.read({**OAUTH_CONFIG, "start_date": str(day_of(posted[-1]))}, "videos")

    assert (outcome.errors, times(outcome)) == ([], sorted(posted))
    assert len(tiktok.bodies()) <= 1.35 * count / 20 + 3


@pytest.mark.parametrize(
    ("pages_ahead", "parts"), [(4.9, 0), (5.1, 2), (9.9, 2), (10.1, 3), (14.9, 3), (15.1, 4), (19.9, 4), (23, 4)]
)
def test_window_is_shared_in_a_part_for_each_five_pages(
    pages_ahead: float, parts: int, tiktok: TikTok, connector: Connector
) -> None:
    """Going by its first page: as many times as its 19 intervals fit into the rest of the window."""
    start = at("2026-01-01")
    interval = round((NOW_S - start) / (19 * (pages_ahead + 1)))
    posted = posts(round(19 * (pages_ahead + 1)) + 20, interval)
    tiktok.with_videos(*posted)

    outcome = connector.read(config(start_date="2026-01-01"), "videos")

    assert (outcome.errors, windows(outcome)) == ([], 1 + parts)
    assert times(outcome) == sorted(t for t in posted if t >= start)


@pytest.mark.parametrize("edge", range(5))
def test_videos_around_the_edges_of_parts_come_once(edge: int, tiktok: TikTok, connector: Connector) -> None:
    """The parts of a window touch each other: the seconds before, at and after each edge are read once."""
    head, start = posts(20, 3600), at("2026-01-01")
    between = [start, *(cursor // 1000 for cursor in edges_of_parts(head, start))][edge]
    posted = {*head, *(between + n for n in range(-3, 4))}
    tiktok.with_videos(*posted, *posts(20, 60, last=start - 10))

    outcome = connector.read(config(start_date="2026-01-01"), "videos")

    assert (outcome.errors, times(outcome)) == ([], sorted(t for t in posted if t >= start))
    assert windows(outcome) == 5


def test_parts_are_equal_and_touch_each_other(tiktok: TikTok, connector: Connector) -> None:
    head, start = posts(20, 3600), at("2026-01-01")
    tiktok.with_videos(*head, *posts(20, 60, last=start - 10))
    connector.read(config(start_date="2026-01-01"), "videos")
    assert sorted(body.get("cursor", 0) for body in tiktok.bodies()) == [0, *edges_of_parts(head, start)]


def test_part_that_is_dense_itself_is_not_lost(tiktok: TikTok, connector: Connector) -> None:
    """A burst years ago, of which the first page tells nothing."""
    posted = [*posts(20, 3600), *posts(900, 60, last=at("2025-05-05"))]
    tiktok.with_videos(*posted)
    outcome = connector.read(config(), "videos")
    assert (outcome.errors, times(outcome)) == ([], sorted(posted))
    assert outcome.states[-1]["states"] == state_of(NOW_S)["states"]


def test_shared_window_lasts_with_two_workers(tiktok: TikTok, connector: Connector) -> None:
    posted = posts(1000, DAY // 2)
    tiktok.with_videos(*posted)
    outcome = connector.read(config(num_workers=2), "videos")
    assert (outcome.errors, times(outcome)) == ([], sorted(posted))


def test_pinned_post_comes_once(tiktok: TikTok, connector: Connector) -> None:
    pinned, new, old = video(at("2024-05-05")), video(NOW_S - 5), video(NOW_S - 9)
    tiktok.with_an_account(page([pinned, new, old], False))
    outcome = connector.read(config(), "videos")
    assert times(outcome) == sorted(v["create_time"] for v in (pinned, new, old))


def test_slow_clock_misses_no_video(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S + 3600, NOW_S - 3600)
    assert times(connector.read(config(), "videos")) == [NOW_S - 3600, NOW_S + 3600]


def test_each_window_keeps_what_was_found_in_it(tiktok: TikTok, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one, as long as the manifest's `step` is; with more, a post of one must not hide those of another."""
    manifest = load_manifest()
    manifest["definitions"]["streams"]["videos"]["incremental_sync"]["step"] = "P2000D"
    monkeypatch.setattr(source, "load_manifest", lambda **_: manifest)
    tiktok.with_an_account()
    _, videos = source.SourceTiktokOrganic(None, {**OAUTH_CONFIG}).streams(OAUTH_CONFIG)

    found = [window.extra_fields for window in videos.cursor.stream_slices()]

    starts = [at("2014-01-01"), at("2014-01-01") + 2000 * DAY, at("2014-01-01") + 4000 * DAY]
    assert [extra["newest"] for extra in found] == starts
