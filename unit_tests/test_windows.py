"""Windows: which periods a sync reads, how a worker splits a window, and that no video is lost between windows."""

from contextlib import nullcontext
from itertools import pairwise, product
from types import SimpleNamespace
from typing import Any

import pytest
from airbyte_cdk import StreamSlice
from airbyte_cdk.models import AirbyteStateMessageSerializer
from freezegun.api import FrozenDateTimeFactory

from source_tiktok_organic.cursor import END_OF_TIME_S, Window
from source_tiktok_organic.source import SourceTiktokOrganic
from unit_tests.connector import Connector
from unit_tests.tiktok import OAUTH_CONFIG, TikTok, VideoList, page, video
from unit_tests.video_factory import (
    DAY,
    FIRST_POST,
    INVALID_CURSOR,
    NOW_S,
    OWN,
    Reading,
    at,
    config,
    day_of,
    pages_of,
    posts,
    read_list,
    state_of,
    times,
)

SMALL = 36 * 20  # so many remaining videos are read by one worker


def list_of(*create_times: int, **switches: Any) -> VideoList:
    return VideoList([second * 1000 for second in create_times], **switches)


def assert_complete(reading: Reading, listed: VideoList) -> None:
    """Each video since the start was emitted once, before a state counted it; the last state is a finished sync's."""
    expected = [v for v in listed.videos if v["create_time"] >= reading.start]
    assert (reading.errors, reading.claimed_before_emitted) == ([], 0)
    assert sorted(reading.ids) == sorted(v["id"] for v in expected)
    newest = max([reading.start, *(v["create_time"] for v in expected if v["create_time"] <= NOW_S)])
    assert reading.state == {"create_time": str(newest)}


# --- which windows a sync starts with ---


def windows_of(state: Any, options: Any) -> list[tuple[int, int]]:
    """The windows of a sync that starts with a stream state, in order."""
    descriptor = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "videos"}, "stream_state": state}}
    _, videos = SourceTiktokOrganic(None, options, [AirbyteStateMessageSerializer.load(descriptor)]).streams(options)
    slices = list(videos.cursor.stream_slices())
    windows = [stream_slice.extra_fields["window"] for stream_slice in slices]
    found = [(window.start, window.end) for window in windows]
    ends = [END_OF_TIME_S if window.is_open else window.end for window in windows]
    assert [(int(s["start_time"]), int(s["end_time"])) for s in slices] == [
        (window.start, end) for window, end in zip(windows, ends, strict=True)
    ]
    return found


def ranges(*slices: tuple[int, int]) -> dict[str, Any]:
    """The state of a stopped sync that has read these periods."""
    cursor = {"state_type": "date-range", "slices": [{"start": str(a), "end": str(b)} for a, b in slices]}
    return {"states": [{"partition": {"open_id": OWN, "parent_slice": {}}, "cursor": cursor}]}


START = at("2024-01-01")


@pytest.mark.parametrize(
    ("state", "options", "expected"),
    [
        ({}, {}, [(START, NOW_S)]),
        ({}, {"start_date": "2014-01-01"}, [(FIRST_POST, NOW_S)]),
        (state_of(NOW_S - DAY), {}, [(NOW_S - 31 * DAY, NOW_S)]),
        (state_of(NOW_S - DAY), {"lookback_window_days": 0}, [(NOW_S - DAY, NOW_S)]),
        (state_of(START + 5 * DAY), {}, [(START, NOW_S)]),
        (state_of(NOW_S), {"lookback_window_days": 0}, [(NOW_S, NOW_S)]),
        (state_of(NOW_S - DAY, "_000somebody_else"), {}, [(START, NOW_S)]),
        (ranges((NOW_S - 9 * DAY, NOW_S)), {}, [(START, NOW_S - 9 * DAY - 1)]),
        (ranges((START, NOW_S - 9)), {}, [(NOW_S - 8, NOW_S)]),
        (ranges((START + 9, NOW_S - 9)), {}, [(NOW_S - 8, NOW_S), (START, START + 8)]),
        (
            ranges((START + 100, START + 199), (START + 300, START + 399)),
            {},
            [(START + 400, NOW_S), (START + 200, START + 299), (START, START + 99)],
        ),
        (
            ranges((START + 300, START + 399), (START + 100, START + 299)),
            {},
            [(START + 400, NOW_S), (START, START + 99)],
        ),
        (ranges((START, NOW_S)), {}, []),
        (ranges((START - 99, START - 9)), {}, [(START, NOW_S)]),
        (ranges((START - 99, START + 9)), {}, [(START + 10, NOW_S)]),
    ],
)
def test_windows_are_the_gaps_of_what_was_read(state: Any, options: Any, expected: Any, tiktok: TikTok) -> None:
    """A finished state gives one window, from the lookback before it to now; the newest window comes first."""
    tiktok.with_an_account()
    assert windows_of(state, config(**options)) == expected


def test_cursor_leaves_every_record_to_the_filter(tiktok: TikTok) -> None:
    tiktok.with_an_account()
    _, videos = SourceTiktokOrganic(None, config(), None).streams(config())
    assert videos.cursor.should_be_synced(video(START - 1))


def test_first_requests_start_at_the_ends_of_their_windows(tiktok: TikTok, connector: Connector) -> None:
    """The newest window's starts at the top of the list, whatever this machine's clock is."""
    posted = [NOW_S - DAY, START + 250, START + 50]
    tiktok.with_videos(*posted)
    state = ranges((START + 100, START + 199), (START + 300, START + 399))

    outcome = connector.read(config(num_workers=2), "videos", state=state)

    assert (outcome.errors, times(outcome)) == ([], sorted(posted))
    assert outcome.states[-1]["states"] == state_of(NOW_S - DAY)["states"]
    assert sorted(body.get("cursor", 0) for body in tiktok.bodies()) == [0, (START + 100) * 1000, (START + 300) * 1000]
    assert {body["max_count"] for body in tiktok.bodies()} == {20}


def test_stopped_sync_keeps_what_earlier_syncs_have_read(tiktok: TikTok, connector: Connector) -> None:
    """Videos older than the lookback were read by the sync of the state."""
    new = NOW_S - 60
    same = NOW_S - DAY
    state = NOW_S - 2 * DAY
    tiktok.with_an_account(page([video(new), video(same)], True), page([video(same)], True, cursor=5))

    outcome = connector.read(config(), "videos", state=state_of(state))

    assert outcome.errors[:-1] == [INVALID_CURSOR]
    period = {"start": str(same + 1), "end": str(new), "most_recent_cursor_value": str(new)}
    slices = [{"start": str(START), "end": str(state - 30 * DAY - 1)}, period]
    assert outcome.states[-1]["states"][0]["cursor"] == {"state_type": "date-range", "slices": slices}


def test_gap_is_read_from_its_end(tiktok: TikTok, connector: Connector) -> None:
    """The list has nothing between the end of the gap and the newest video in it."""
    newest = video(START + 5_000)
    oldest = video(START + 4_000)
    tiktok.with_an_account(page([newest, oldest], True), page([oldest], True, cursor=5))

    outcome = connector.read(config(), "videos", state=ranges((START + 10_000, NOW_S)))

    assert outcome.errors[:-1] == [INVALID_CURSOR]
    assert times(outcome) == [START + 4_000, START + 5_000]
    (period,) = outcome.states[-1]["states"][0]["cursor"]["slices"]
    assert (period["start"], period["end"]) == (str(START + 4_001), str(NOW_S))


# --- how many requests an account needs ---


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (20, 1), (21, 2), (39, 2), (40, 3), (100, 6)])
def test_small_account_needs_one_request_per_page(
    count: int, requests: int, tiktok: TikTok, connector: Connector
) -> None:
    """Each page but the first has 19 new videos, as it repeats the last second of the previous one."""
    listed = list_of(*posts(count, 40 * DAY))
    listed.serve(tiktok, video_count=count)

    outcome = connector.read(config(start_date="2014-01-01"), "videos")

    assert (outcome.errors, times(outcome)) == ([], sorted(ms // 1000 for ms in listed.posted))
    assert outcome.states[-1]["states"] == state_of(NOW_S if count else FIRST_POST)["states"]
    assert len(listed.requests) == requests == pages_of(count)


@pytest.mark.parametrize("every", [60, DAY, 6 * DAY])
@pytest.mark.parametrize("count", [2, 19, 22, 100, 380, 400, 580, 700, SMALL + 19])
def test_account_of_one_worker_is_never_split(count: int, every: int) -> None:
    """TikTok's video count limits what remains: the density of the last page does not matter then."""
    listed = list_of(*posts(count, every))
    reading = read_list(listed, count)
    assert_complete(reading, listed)
    assert (len(reading.windows), len(listed.requests)) == (1, pages_of(count))


@pytest.mark.parametrize("pinned", [(0,), (0, 1, 2), (5, 6, 7), (-1, -2, -3)])
@pytest.mark.parametrize("count", [21, 22, 40, 100, 700])
def test_pinned_posts_do_not_split_a_small_account(count: int, pinned: tuple[int, ...]) -> None:
    """They are listed twice, but must be emitted once."""
    listed = list_of(*posts(count, DAY), pinned=pinned)
    reading = read_list(listed, count)
    assert_complete(reading, listed)
    assert (len(reading.windows), len(listed.requests)) == (1, pages_of(count))


BURSTS = [*posts(300, 60), *posts(100, DAY, at("2025-01-01")), *posts(600, 5, at("2021-01-01"))]
ACCOUNTS = {
    "empty": [],
    "one_page": posts(20, DAY),
    "series": posts(300, 60),
    "regular": posts(760, 6 * DAY),
    "young": posts(1_500, 3600),
    "bursts": BURSTS,
    "one_recent_video": [NOW_S, *posts(400, 3600, at("2016-01-01"))],
}
COUNTS = {"unknown": 0, "null": None, "text": "many", "tenth": 0.1, "half": 0.5, "exact": 1.0, "double": 2.0}


@pytest.mark.parametrize("counted", COUNTS.values(), ids=COUNTS)
@pytest.mark.parametrize("posted", ACCOUNTS.values(), ids=ACCOUNTS)
def test_wrong_video_count_at_most_doubles_the_requests(posted: list[int], counted: Any) -> None:
    listed = list_of(*posted)
    reading = read_list(listed, int(counted * len(posted)) if isinstance(counted, float) else counted, workers=4)
    assert_complete(reading, listed)
    assert len(listed.requests) <= 2 * pages_of(len(posted)) + 10


@pytest.mark.parametrize("count", [50, 300])
def test_too_low_video_count_still_splits(count: int) -> None:
    listed = list_of(*posts(1_500, DAY))
    reading = read_list(listed, count, workers=4)
    assert_complete(reading, listed)
    assert len(reading.windows) >= 4


@pytest.mark.thorough
@pytest.mark.parametrize(("count", "every"), [*product([180, 400], [3600, 6 * 3600, DAY]), (1500, 6 * 3600)])
def test_dense_account_needs_few_extra_requests(count: int, every: int, tiktok: TikTok, connector: Connector) -> None:
    listed = list_of(*posts(count, every))
    listed.serve(tiktok)
    start = NOW_S - count * every - DAY

    outcome = connector.read(config(start_date=str(day_of(start))), "videos")

    assert (outcome.errors, times(outcome)) == ([], sorted(ms // 1000 for ms in listed.posted))
    assert outcome.states[-1]["states"] == state_of(NOW_S)["states"]
    assert len(listed.requests) <= 1.35 * count / 20 + 3


# --- where and when a window is split ---


def split_by_first_page(listed: VideoList, video_count: Any = 0, **options: Any) -> list[tuple[int, int]]:
    """The windows after the first page, oldest first, as (start, end): the newest one stays with its worker."""
    only_first = {"max_extra_requests": 0, **options}
    reading = read_list(listed, video_count, **only_first)
    assert reading.errors == []
    start = reading.windows[0][0]
    starts = [*reading.edges, start]
    return sorted(zip(starts, [NOW_S, *(edge - 1 for edge in reading.edges)], strict=True))


@pytest.mark.parametrize(("count", "windows"), [(SMALL + 19, 1), (SMALL + 20, 4), (0, 4), (None, 4), ("many", 4)])
def test_only_more_pages_than_one_worker_reads_are_split(count: Any, windows: int) -> None:
    """19 videos of the first page count as read once it has been read."""
    assert len(split_by_first_page(list_of(*posts(SMALL + 19, DAY)), count)) == windows


@pytest.mark.parametrize(
    ("pages_ahead", "windows"), [(4.9, 1), (5.1, 2), (9.9, 2), (10.1, 3), (14.9, 3), (15.1, 4), (19.9, 4), (23, 4)]
)
def test_window_is_split_every_five_pages(pages_ahead: float, windows: int) -> None:
    """For a large account: so many pages like the first one fit into the rest of the window."""
    every = 3600
    head = 19 * every + 1  # s, of the first page
    start = NOW_S + 1 - head - round(pages_ahead * head)
    assert len(split_by_first_page(list_of(*posts(900, every)), 5_000, start=start)) == windows


@pytest.mark.parametrize(("count", "windows"), [(9_000, 4), (14_000, 3), (18_000, 3), (22_000, 2), (38_100, 1)])
def test_windows_of_a_large_account_are_longer(count: int, windows: int) -> None:
    """19 pages remain; of an account with 38,000 videos, that is a hundredth."""
    head = 19 * 3600 + 1
    listed = list_of(*posts(500, 3600))
    assert len(split_by_first_page(listed, count, start=NOW_S + 1 - 20 * head)) == windows


def test_split_windows_are_equal_and_touch_each_other() -> None:
    windows = split_by_first_page(list_of(*posts(20, 3600), *posts(20, 60, at("2015-01-01"))))
    lengths = [end + 1 - start for start, end in windows]

    assert len(windows) == 4
    assert (windows[0][0], windows[-1][1]) == (FIRST_POST, NOW_S)
    assert all(older[1] + 1 == newer[0] for older, newer in pairwise(windows))
    lengths[-1] -= 19 * 3600  # what the first page has read
    assert max(lengths) - min(lengths) <= 4


@pytest.mark.parametrize("every", [600, 3600, 6 * 3600])
def test_windows_of_a_young_account_lie_where_its_videos_are(every: int) -> None:
    """The oldest window also covers all the time before them."""
    count = 2_000
    windows = split_by_first_page(list_of(*posts(count, every)), count)
    lengths = [end + 1 - start for start, end in windows]

    assert len(windows) == 4
    assert windows[0][0] == FIRST_POST
    assert lengths[1:3] == [pytest.approx(count * every / 4, rel=0.1)] * 2
    first_video = NOW_S - (count - 1) * every
    assert windows[0][1] - first_video == pytest.approx(count * every / 4, rel=0.2)


def test_dense_period_found_later_is_split_later() -> None:
    """A burst years ago, which the first pages do not show."""
    newest = at("2025-05-05")
    oldest = newest - 60 * 1_500
    listed = list_of(*posts(40, 30 * DAY), *posts(1_500, 60, newest))
    reading = read_list(listed, workers=4)
    assert_complete(reading, listed)
    assert sum(oldest < edge < newest for edge in reading.edges) >= 3
    assert len(listed.requests) <= 1.5 * pages_of(len(listed.posted))


@pytest.mark.parametrize("page_number", [2, 5])
def test_later_page_splits_a_window_too(page_number: int) -> None:
    """The account used to post more often: only the page with those posts shows it."""
    sparse = posts(20 * page_number, 300 * 3600)
    listed = list_of(*sparse, *posts(2_000, 300, sparse[-1] - 600))
    reading = read_list(listed, 2_000 + len(sparse), start=at("2025-01-01") - page_number * 250 * DAY)
    assert_complete(reading, listed)
    assert any(sparse[-1] - 300 * 2_000 < edge < sparse[-1] for edge in reading.edges)


@pytest.mark.parametrize("share", [0, 0.1, 0.5])
@pytest.mark.parametrize("posted", [BURSTS, ACCOUNTS["series"]], ids=["bursts", "series"])
def test_splits_are_limited_by_the_pages_read(posted: list[int], share: float) -> None:
    """Each extra window may need a request that returns nothing new."""
    listed = list_of(*posted)
    reading = read_list(listed, max_extra_requests=share)
    assert_complete(reading, listed)
    assert 3 <= reading.extra_windows == len(reading.windows) - 1 <= 4 + share * reading.pages
    assert (reading.extra_windows == 3) is (share == 0)


def test_window_is_split_only_at_edges_within_it() -> None:
    """The worker keeps the newest window."""
    started: list[Any] = []
    cursor = SimpleNamespace(lock=nullcontext(), create_partition=lambda given: given, start_reading=started.append)
    account: Any = SimpleNamespace(cursor=cursor, partition=StreamSlice(partition={}, cursor_slice={}))
    account.windows_split = 0
    window = Window(account, 100, 199)
    account.windows = [window]

    window.split([250, 200, 180, 180, 150, 100, 50])

    assert [(older.start, older.end) for older in account.windows] == [(180, 199), (150, 179), (100, 149)]
    assert [given.extra_fields["window"] for given in started] == account.windows[1:]
    assert account.windows_split == 2


SWITCHES = {
    "first_page_empty": ({"is_first_page_empty": True}, 0),
    "clock_behind": ({}, 4 * DAY),
    "clock_ahead": ({}, -4 * DAY),
    "both": ({"is_first_page_empty": True}, 4 * DAY),
}


@pytest.mark.parametrize(("switches", "ahead"), SWITCHES.values(), ids=SWITCHES)
@pytest.mark.parametrize("every", [600, 6 * 3600])
def test_empty_first_page_or_wrong_clock_still_splits(every: int, switches: Any, ahead: int) -> None:
    """Otherwise one worker reads the whole history, one request after the other."""
    listed = list_of(*posts(1_500, every, NOW_S + ahead), **switches)
    reading = read_list(listed, 1_500, workers=8)
    assert_complete(reading, listed)
    assert len(reading.windows) >= 4
    assert len(listed.requests) <= 1.4 * pages_of(1_500)


@pytest.mark.parametrize("workers", [1, 2, 30])
@pytest.mark.parametrize("where", ["edges", "start_and_end"])
def test_videos_around_edges_are_emitted_once(where: str, workers: int) -> None:
    """The seconds before, at and after each edge, several videos in each."""
    head = posts(20, 3600)
    start = at("2024-01-01")
    before = posts(20, 60, start - 10)
    edges = read_list(list_of(*head, *before), start=start).edges
    seconds = edges if where == "edges" else [start, head[-1]]
    around = [second + n for second, n in product(seconds, range(-2, 3))]
    listed = list_of(*head, *around, *around, *around, *before)

    reading = read_list(listed, start=start, workers=workers)

    assert_complete(reading, listed)
    assert len(edges) == 3
    assert where == "start_and_end" or set(edges) <= set(reading.edges)


@pytest.mark.parametrize("switches", [{"is_inclusive": True}, {"pinned": (-1, -2)}, {"page_sizes": (7, 20, 13)}])
def test_split_windows_lose_no_video_with_unusual_pages(switches: Any) -> None:
    head = posts(20, 3600)
    burst = posts(300, 600, NOW_S - 90 * DAY)
    edges = read_list(list_of(*head, *burst), max_extra_requests=0).edges
    around = [edge + n for edge, n in product(edges, (-1, 0, 0, 1))]
    listed = list_of(*head, *burst, *around, **switches)
    reading = read_list(listed, workers=4)
    assert_complete(reading, listed)
    assert reading.extra_windows >= 3


# --- with threads ---


@pytest.mark.parametrize("workers", [2, 30])
def test_split_windows_are_read_by_any_number_of_workers(workers: int, tiktok: TikTok, connector: Connector) -> None:
    listed = list_of(*posts(1_500, DAY // 2), *posts(200, 1, at("2015-05-05")))
    listed.serve(tiktok, video_count=1_700)

    outcome = connector.read(config(start_date="2014-01-01", num_workers=workers), "videos")

    assert (outcome.errors, outcome.warnings) == ([], [])
    assert sorted(v["id"] for v in outcome.records("videos")) == sorted(v["id"] for v in listed.videos)
    assert outcome.states[-1]["states"] == state_of(NOW_S)["states"]
    assert outcome.statuses("videos")[-1] == "COMPLETE"
    assert len(listed.requests) <= 1.4 * pages_of(1_700)


def test_split_windows_start_at_their_edges(tiktok: TikTok, connector: Connector) -> None:
    listed = list_of(*posts(20, 3600), *posts(20, 60, at("2023-12-31")))
    edges = read_list(listed, start=START).edges
    listed.requests.clear()
    listed.serve(tiktok)

    outcome = connector.read(config(), "videos")

    assert (outcome.errors, times(outcome)) == ([], sorted(posts(20, 3600)))
    end_of_first_page = (NOW_S - 19 * 3600 + 1) * 1000
    expected = [(None, 20), *((cursor, 20) for cursor in [end_of_first_page, *(edge * 1000 for edge in edges)])]
    assert sorted(listed.requests, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("ahead", [-4 * DAY, 4 * DAY], ids=["clock_ahead", "clock_behind"])
def test_wrong_clock_misses_no_video(
    ahead: int, tiktok: TikTok, connector: Connector, clock: FrozenDateTimeFactory
) -> None:
    """Neither now nor in the next sync, whose clock is correct."""
    posted = posts(900, 3600, NOW_S + ahead)
    listed = list_of(*posted)
    listed.serve(tiktok)
    first = connector.read(config(lookback_window_days=0), "videos")
    assert (first.errors, times(first)) == ([], sorted(posted))
    assert first.states[-1]["states"] == state_of(NOW_S + min(0, ahead))["states"]

    clock.move_to("2026-11-07T12:00:00Z")
    later = list_of(*posted, NOW_S + ahead + 60)
    later.serve(tiktok)
    second = connector.read(config(lookback_window_days=0), "videos", state=first.states[-1])

    assert second.errors == []
    assert {NOW_S + ahead + 60, *(second for second in posted if second > NOW_S)} <= {*times(second)}
    assert second.states[-1]["states"] == state_of(NOW_S + ahead + 60)["states"]


def test_pinned_post_is_emitted_once(tiktok: TikTok, connector: Connector) -> None:
    pinned = video(at("2024-05-05"))
    new = video(NOW_S - 5)
    old = video(NOW_S - 9)
    tiktok.with_an_account(page([pinned, new, old, pinned], False))
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert [v["id"] for v in outcome.records("videos")] == [pinned["id"], new["id"], old["id"]]
    assert outcome.states[-1]["states"] == state_of(NOW_S - 5)["states"]
