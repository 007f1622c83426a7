"""The state: where the next sync starts, and that nothing is lost between two syncs."""

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from unit_tests.connector import Connector
from unit_tests.tiktok import USER, TikTok, error_response, ok_response, page, video
from unit_tests.video_factory import DAY, NOW_S, OTHER, OWN, at, config, day_of, posts, state_of, times


def ranges_of(*slices: tuple[int, int], newest: int | None = None) -> dict[str, Any]:
    """The state of a sync that was stopped when it had read these periods (s)."""
    parts = [{"start": str(start), "end": str(end)} for start, end in slices]
    if newest is not None:
        parts[-1]["most_recent_cursor_value"] = str(newest)
    partition = {"open_id": OWN, "parent_slice": {}}
    return {"states": [{"partition": partition, "cursor": {"state_type": "date-range", "slices": parts}}]}


def test_first_state_is_at_the_newest_video(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S - 5 * DAY, NOW_S - 90 * DAY)
    outcome = connector.read(config(), "videos")
    assert outcome.states[-1]["states"] == state_of(NOW_S - 5 * DAY)["states"]


@pytest.mark.parametrize(("lookback", "first"), [(30, 30), (0, 0), (7, 7), (None, 30)])
def test_read_starts_a_lookback_before_the_state(
    lookback: int | None, first: int, tiktok: TikTok, connector: Connector
) -> None:
    _old = NOW_S - 10 * DAY - first * DAY - 1
    _same = NOW_S - 10 * DAY - first * DAY
    expected = {_same, NOW_S - 10 * DAY, NOW_S - DAY}
    tiktok.with_videos(_old, *expected)
    options = {} if lookback is None else {"lookback_window_days": lookback}

    outcome = connector.read(config(**options), "videos", state=state_of(NOW_S - 10 * DAY))

    assert outcome.errors == []
    assert times(outcome) == sorted(expected)
    assert len(tiktok.bodies()) == 1
    assert outcome.states[-1]["states"] == state_of(NOW_S - DAY)["states"]


def test_state_is_unchanged_without_new_videos(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S - 10 * DAY)
    outcome = connector.read(config(), "videos", state=state_of(NOW_S - 10 * DAY))
    assert outcome.states[-1]["states"] == state_of(NOW_S - 10 * DAY)["states"]


@pytest.mark.parametrize(
    ("today", "setting", "everything"),
    [
        ("2026-11-01T12:00:00Z", "weekly", True),  # a Sunday and the first of a month
        ("2026-11-01T12:00:00Z", "monthly", True),
        ("2026-11-01T12:00:00Z", "never", False),
        ("2026-11-08T00:00:00Z", "weekly", True),
        ("2026-11-08T12:00:00Z", "monthly", False),
        ("2026-11-07T23:59:59Z", "weekly", False),
        ("2026-12-01T00:00:00Z", "monthly", True),
        ("2026-12-01T12:00:00Z", "weekly", False),
    ],
)
def test_additional_full_sync_reads_everything_again(
    today: str, setting: str, everything: bool, tiktok: TikTok, connector: Connector, clock: FrozenDateTimeFactory
) -> None:
    clock.move_to(today)
    recent, old = at("2026-10-20"), at("2024-02-01")
    tiktok.with_videos(recent, old)

    outcome = connector.read(config(additional_full_sync=setting), "videos", state=state_of(recent))

    assert outcome.errors == []
    assert times(outcome) == ([old, recent] if everything else [recent])


def test_state_of_another_account_is_not_applied(tiktok: TikTok, connector: Connector) -> None:
    """The CDK would start at the other account's cursor."""
    old = at("2024-01-02")
    tiktok.with_videos(old, NOW_S - DAY)
    other = {**state_of(NOW_S - 2 * DAY, OTHER), "state": {"create_time": str(NOW_S - 2 * DAY)}, "lookback_window": 5}

    outcome = connector.read(config(), "videos", state=other)

    assert (outcome.errors, times(outcome)) == ([], [old, NOW_S - DAY])
    assert outcome.states[-1]["states"] == state_of(NOW_S - 2 * DAY, OTHER)["states"] + state_of(NOW_S - DAY)["states"]


def test_future_state_is_treated_as_now(tiktok: TikTok, connector: Connector) -> None:
    """Otherwise nothing would ever be read."""
    tiktok.with_videos(NOW_S - DAY)
    outcome = connector.read(config(), "videos", state=state_of(4_102_444_800))
    assert (outcome.errors, times(outcome)) == ([], [NOW_S - DAY])
    assert outcome.warnings == ["The state of the stream videos is in the future (4102444800); it is treated as now."]
    assert outcome.states[-1] == state_of(NOW_S)


@pytest.mark.parametrize(
    "state",
    [
        {"create_time": "1759333357"},
        {"states": "all"},
        {"states": [{"partition": {"open_id": OWN}, "cursor": {"create_time": "yesterday"}}]},
        {"states": [{"partition": {"id": 3}, "cursor": {"create_time": "1759333357"}}]},
        {"states": [{"cursor": {"create_time": "1759333357"}}]},
        {"states": [None]},
        {"cursor": 1759333357000, "bookmark": {}},
        state_of(1_759_333_357_000),
        state_of(1_759_333_357_000_000),
        {"states": [{"partition": {"open_id": OWN}, "cursor": {"create_time": True}}]},
        {"states": [{"partition": {"open_id": OWN}, "cursor": {"create_time": 1759333357.5}}]},
        {"states": [{"partition": {"open_id": OWN}, "cursor": "1759333357"}]},
        ranges_of((1_750_000_000, 1_740_000_000)),
        ranges_of((1_750_000_000, 1_759_333_357_000)),
        {"states": [{"partition": {"open_id": OWN}, "cursor": {"slices": [{"start": "1750000000"}]}}]},
        {"states": [{"partition": {"open_id": OWN}, "cursor": {"slices": "all"}}]},
        {"states": [{"partition": {"open_id": OWN}, "cursor": {"slices": [{"start": "1", "end": "2", "by": "me"}]}}]},
    ],
)
def test_foreign_state_is_ignored_with_a_warning(state: Any, tiktok: TikTok, connector: Connector) -> None:
    old = at("2024-01-02")
    tiktok.with_videos(old)

    outcome = connector.read(config(), "videos", state=state)

    assert (outcome.errors, times(outcome)) == ([], [old])
    assert outcome.warnings == [
        "The state of the stream videos, or a part of it, was not written by this connector. It is ignored, and the "
        "account's videos are read again from the start date."
    ]


def test_own_state_causes_no_warning(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S - DAY)
    first = connector.read(config(), "videos")
    second = connector.read(config(), "videos", state=first.states[-1])
    assert (first.warnings, second.warnings, times(second)) == ([], [], [NOW_S - DAY])


def test_future_start_date_causes_a_warning(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S - DAY, NOW_S - 60)
    outcome = connector.read(config(start_date="2027-01-01"), "videos")
    assert (outcome.exit_code, outcome.errors, times(outcome)) == (0, [], [])
    assert outcome.warnings == ["start_date 2027-01-01 is in the future; no videos will be synced until then."]
    assert int(outcome.states[-1]["states"][0]["cursor"]["create_time"]) <= NOW_S


def with_video_count(tiktok: TikTok, posted: list[int]) -> None:
    """Prepare an account whose profile has its video count: a small one is read by one worker."""
    tiktok.with_videos(*posted)
    tiktok.responds("user", ok_response({"user": {**USER, "video_count": len(posted)}}))


def fail_after(tiktok: TikTok, pages: int, posted: list[int]) -> None:
    """Prepare an account of which TikTok rejects every page after the first `pages`."""
    with_video_count(tiktok, posted)
    respond_as_listed = tiktok.listed.respond

    def respond(request: Any, context: Any) -> Any:
        if len(tiktok.requests("videos")) > pages:
            context.status_code = 400
            return error_response("never_heard_of", 400)["json"]
        return respond_as_listed(request, context)

    tiktok.responds("videos", {"json": respond})


def test_failed_sync_emits_the_pages_it_read(tiktok: TikTok, connector: Connector) -> None:
    posted = posts(100, DAY)
    fail_after(tiktok, 2, posted)
    outcome = connector.read(config(), "videos")
    assert [failure for failure, _ in outcome.errors[:-1]] == ["system_error"]
    assert times(outcome) == sorted(posted[:39])
    assert outcome.states[-1] == ranges_of((posted[38] + 1, NOW_S), newest=NOW_S)


def test_stopped_sync_continues_where_it_stopped(tiktok: TikTok, connector: Connector) -> None:
    posted = posts(100, DAY)
    tiktok.with_videos(*posted)
    stopped = ranges_of((posted[38] + 1, NOW_S - 10), newest=NOW_S - DAY)
    outcome = connector.read(config(), "videos", state=stopped)
    assert (outcome.errors, times(outcome)) == ([], sorted([*posted[38:], NOW_S]))
    # Two workers: in which order their requests are sent is open.
    cursors = [body.get("cursor") for body in tiktok.bodies()]
    assert cursors.count(None) == 1
    assert max(cursor for cursor in cursors if cursor) == (posted[38] + 1) * 1000
    assert outcome.states[-1] == state_of(NOW_S)


def test_only_the_gaps_are_read(tiktok: TikTok, connector: Connector) -> None:
    """Both ends of a slice count as read."""
    start, posted = at("2024-01-01"), posts(12, 60 * DAY)
    edges = [posted[8] - 1, posted[8], posted[6], posted[6] + 1, posted[3] - 1, posted[3]]
    tiktok.with_videos(*posted, *edges, start)
    state = ranges_of((posted[8], posted[6]), (posted[3], NOW_S), newest=NOW_S)
    outcome = connector.read(config(), "videos", state=state)
    expected = [t for t in {*posted, *edges, start} if t < posted[8] or posted[6] < t < posted[3]]
    assert (outcome.errors, times(outcome)) == ([], sorted(t for t in expected if t >= start))
    assert outcome.states[-1] == state_of(NOW_S)


def test_continued_sync_reads_no_lookback(tiktok: TikTok, connector: Connector) -> None:
    """With a quota, reading the last 30 days again each time would leave nothing for the gaps."""
    tiktok.with_videos(*posts(40, DAY))
    state = ranges_of((at("2024-01-01"), at("2024-06-01")), (NOW_S - 50 * DAY, NOW_S - 1), newest=NOW_S - 1)
    outcome = connector.read(config(lookback_window_days=30), "videos", state=state)
    assert (outcome.errors, times(outcome)) == ([], [NOW_S])


def test_first_second_counts_only_once_it_was_read(tiktok: TikTok, connector: Connector) -> None:
    """The CDK's first slice includes the start date's first second before anything was read."""
    start = at("2026-01-01")
    posted = [*posts(30, DAY), start]
    fail_after(tiktok, 1, posted)
    first = connector.read(config(start_date="2026-01-01"), "videos")
    tiktok.with_videos(*posted)
    second = connector.read(config(start_date="2026-01-01"), "videos", state=first.states[-1])
    assert sorted({*times(first), *times(second)}) == sorted(posted)


def test_stopped_incremental_sync_keeps_what_was_read(tiktok: TikTok, connector: Connector) -> None:
    """Its lookback becomes a gap: older videos still count as read."""
    posted = posts(60, 12 * 3600)
    fail_after(tiktok, 1, posted)
    state = state_of(NOW_S - 2 * DAY)
    first = connector.read(config(lookback_window_days=20), "videos", state=state)
    begin = NOW_S - 22 * DAY
    assert first.states[-1] == ranges_of((at("2024-01-01"), begin - 1), (posted[19] + 1, NOW_S), newest=NOW_S)
    tiktok.with_videos(*posted)
    second = connector.read(config(lookback_window_days=20), "videos", state=first.states[-1])
    assert times(second) == sorted(t for t in posted[19:] if t >= begin)
    assert second.states[-1] == state_of(NOW_S)


def test_stopped_before_its_first_page_keeps_the_state(tiktok: TikTok, connector: Connector) -> None:
    fail_after(tiktok, 0, [NOW_S])
    for state in (state_of(NOW_S - DAY), ranges_of((NOW_S - 9 * DAY, NOW_S - DAY), newest=NOW_S - DAY)):
        assert connector.read(config(), "videos", state=state).states[-1] == state
    assert connector.read(config(), "videos").states[-1] == state_of(at("2024-01-01"))


def test_later_start_date_drops_older_gaps(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(*posts(30, 10 * DAY))
    state = ranges_of((NOW_S - 25 * DAY, NOW_S), newest=NOW_S)
    start = NOW_S - 100 * DAY
    outcome = connector.read(config(start_date=str(day_of(start))), "videos", state=state)
    assert times(outcome) == sorted(t for t in posts(30, 10 * DAY) if at(str(day_of(start))) <= t < NOW_S - 25 * DAY)
    assert outcome.states[-1] == state_of(NOW_S)


@pytest.mark.parametrize("state", [state_of(NOW_S - DAY), state_of(NOW_S)])
def test_full_refresh_ignores_a_complete_state(state: Any, tiktok: TikTok, connector: Connector) -> None:
    """Otherwise it reads the lookback alone, and overwrite deletes the rest."""
    posted = posts(60, DAY)
    tiktok.with_videos(*posted)
    outcome = connector.read(config(), "videos", state=state, sync_mode="full_refresh")
    assert (outcome.errors, times(outcome)) == ([], sorted(posted))


def test_full_refresh_continues_a_stopped_attempt(tiktok: TikTok, connector: Connector) -> None:
    posted = posts(60, DAY)
    tiktok.with_videos(*posted)
    state = ranges_of((posted[19] + 1, NOW_S), newest=NOW_S)
    outcome = connector.read(config(), "videos", state=state, sync_mode="full_refresh")
    assert (outcome.errors, times(outcome)) == ([], sorted(posted[19:]))
    assert outcome.states[-1] == state_of(NOW_S)


def test_state_is_emitted_every_ten_pages(tiktok: TikTok, connector: Connector) -> None:
    """The CDK emits it every 600 s; a killed sync would start over."""
    posted = posts(600, DAY)
    with_video_count(tiktok, posted)
    outcome = connector.read(config(), "videos")
    assert (outcome.errors, len(tiktok.bodies())) == ([], 32)
    assert len(outcome.states) == 1 + 3 + 1


def test_state_is_emitted_after_three_seconds(
    tiktok: TikTok, connector: Connector, clock: FrozenDateTimeFactory
) -> None:
    with_video_count(tiktok, posts(100, DAY))
    respond_as_listed = tiktok.listed.respond

    def slow(request: Any, context: Any) -> Any:
        clock.tick(3)
        return respond_as_listed(request, context)

    tiktok.responds("videos", {"json": slow})
    outcome = connector.read(config(), "videos")
    assert (outcome.errors, len(tiktok.bodies())) == ([], 6)
    assert len(outcome.states) == 6 + 1


def test_state_claims_only_what_was_emitted(tiktok: TikTok, connector: Connector) -> None:
    posted = posts(1_000, DAY // 2)
    tiktok.with_videos(*posted)
    outcome = connector.read(config(), "videos")
    emitted: set[int] = set()
    for message in outcome.messages:
        if message["type"] == "RECORD":
            emitted.add(message["record"]["data"]["create_time"])
        elif message["type"] == "STATE":
            cursor = message["state"]["stream"]["stream_state"]["states"][0]["cursor"]
            slices = [(int(part["start"]), int(part["end"])) for part in cursor.get("slices", ())]
            claimed = {t for t in posted for start, end in slices if start <= t <= end}
            assert claimed <= emitted
    assert emitted == {t for t in posted if t >= at("2024-01-01")}


def test_pinned_post_does_not_advance_the_state(tiktok: TikTok, connector: Connector) -> None:
    """41 of 399 videos were once lost when a pinned post was on top of each page and one window failed."""
    posted = posts(100, DAY)
    pinned = video(NOW_S - 300 * DAY)
    tiktok.with_an_account(page([pinned, *map(video, posted[:19])], True), error_response("never_heard_of", 400))
    outcome = connector.read(config(), "videos")
    assert outcome.states[-1] == ranges_of((posted[18] + 1, NOW_S), newest=NOW_S)


@pytest.mark.parametrize("count", [1, 19, 300], ids=["one_page", "full_page", "shared"])
def test_post_dated_tomorrow_does_not_advance_the_state(
    count: int, tiktok: TikTok, connector: Connector, clock: FrozenDateTimeFactory
) -> None:
    """The next sync would skip what is posted until then."""
    tomorrow, posted = NOW_S + 20 * 3600, posts(count, DAY)
    tiktok.with_videos(tomorrow, *posted)
    options = config(start_date="2026-01-01", lookback_window_days=0)

    first = connector.read(options, "videos")
    clock.tick(24 * 3600)
    later = NOW_S + 3600
    tiktok.with_videos(tomorrow, later, *posted)
    second = connector.read(options, "videos", state=first.states[-1])

    assert (first.errors, second.errors) == ([], [])
    assert tomorrow in times(first)
    assert first.states[-1]["states"] == state_of(NOW_S)["states"]
    assert times(second) == [NOW_S, later, tomorrow]
    assert second.states[-1]["states"] == state_of(tomorrow)["states"]


@pytest.mark.parametrize("create_time", ["1793534400", 1793534400], ids=["text", "number"])
def test_documented_state_is_accepted(create_time: Any, tiktok: TikTok, connector: Connector) -> None:
    recent, old = at("2026-11-01T13:00:00"), at("2026-10-31")
    tiktok.with_videos(recent, old)
    state = {"states": [{"partition": {"open_id": OWN}, "cursor": {"create_time": create_time}}]}
    outcome = connector.read(config(lookback_window_days=0), "videos", state=state)
    assert (outcome.errors, outcome.warnings, times(outcome)) == ([], [], [recent])
    assert outcome.states[-1]["states"] == state_of(recent)["states"]
