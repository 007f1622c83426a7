"""Windows and state: which time is read in which sync, and that nothing falls between two windows or two syncs."""

from datetime import datetime, timezone
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from unit_tests.connector import Connector
from unit_tests.tiktok import NOW, OAUTH_CONFIG, TikTok, page, video

DAY = 86_400
OWN, OTHER = "_000account", "_000somebody_else"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp())


NOW_S = int(datetime.fromisoformat(NOW.replace("Z", "+00:00")).timestamp())


def config(**options: Any) -> dict[str, Any]:
    return {**OAUTH_CONFIG, "start_date": "2024-01-01", **options}


def state_of(create_time: int, open_id: str = OWN) -> dict[str, Any]:
    partition = {"open_id": open_id, "parent_slice": {}}
    return {"states": [{"partition": partition, "cursor": {"create_time": str(create_time)}}]}


def times(outcome: Any) -> list[int]:
    return sorted(v["create_time"] for v in outcome.records("videos"))


def test_given_a_long_history_when_read_then_windows_of_60_days_that_touch_each_other(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_videos()
    connector.read(config(start_date="2026-01-01"), "videos")

    cursors = sorted(body["cursor"] for body in tiktok.bodies() if "cursor" in body)
    assert cursors == [(at("2026-01-01") + 60 * DAY * n) * 1000 for n in range(1, 6)]
    assert [set(body) for body in tiktok.bodies() if "cursor" not in body] == [{"max_count"}]


@pytest.mark.parametrize(
    ("start_date", "windows"), [("2014-01-01", 53), ("2018-06-01", 52), ("2022-01-01", 30), ("2026-11-01", 1)]
)
def test_given_a_start_date_when_read_then_no_more_than_53_windows(
    start_date: str, windows: int, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_videos()
    connector.read(config(start_date=start_date), "videos")
    assert len(tiktok.bodies()) == windows


def test_given_videos_around_every_edge_when_read_then_each_once(tiktok: TikTok, connector: Connector) -> None:
    edges = [at("2026-01-01") + 60 * DAY * n for n in range(6)]
    posted = [t for edge in edges for t in (edge - 1, edge, edge + 1)] + [NOW_S]
    tiktok.with_videos(*posted)

    outcome = connector.read(config(start_date="2026-01-01"), "videos")

    assert (outcome.errors, times(outcome)) == ([], [t for t in posted if t >= edges[0]])


def test_given_a_pinned_post_out_of_order_when_read_then_it_comes_once_listed_again_or_not(
    tiktok: TikTok, connector: Connector
) -> None:
    pinned, new, old = video(at("2024-05-05")), video(NOW_S - 5), video(NOW_S - 9)
    tiktok.with_an_account(page([pinned, new, old], False))
    outcome = connector.read(config(), "videos")
    assert times(outcome) == sorted(v["create_time"] for v in (pinned, new, old))


def test_given_a_small_account_when_read_then_one_window_and_no_more_requests_than_pages(
    tiktok: TikTok, connector: Connector
) -> None:
    posted = [NOW_S - 40 * DAY * n for n in range(50)]
    tiktok.with_videos(*posted, video_count=50)

    outcome = connector.read({**OAUTH_CONFIG}, "videos")

    assert (outcome.errors, times(outcome)) == ([], sorted(posted))
    assert len(tiktok.bodies()) == 3
    assert outcome.states[-1]["states"] == state_of(NOW_S)["states"]


def test_given_more_videos_than_the_profile_counts_when_read_then_all_of_them(
    tiktok: TikTok, connector: Connector
) -> None:
    """The count only helps to plan; it may be old."""
    posted = [NOW_S - DAY * n for n in range(200)]
    tiktok.with_videos(*posted, video_count=0)
    assert times(connector.read({**OAUTH_CONFIG}, "videos")) == sorted(posted)


def test_given_a_slow_clock_when_read_then_videos_of_its_future_are_read_too(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_videos(NOW_S + 3600, NOW_S - 3600)
    assert times(connector.read(config(), "videos")) == [NOW_S - 3600, NOW_S + 3600]


def test_given_a_first_sync_when_ended_then_the_state_is_the_accounts_and_stands_at_its_newest_video(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_videos(NOW_S - 5 * DAY, NOW_S - 90 * DAY)
    outcome = connector.read(config(), "videos")
    assert outcome.states[-1]["states"] == state_of(NOW_S - 5 * DAY)["states"]


@pytest.mark.parametrize(("lookback", "first"), [(30, 30), (0, 0), (7, 7), (None, 30)])
def test_given_a_state_when_read_then_from_the_lookback_before_it(
    lookback: int | None, first: int, tiktok: TikTok, connector: Connector
) -> None:
    _old = NOW_S - 10 * DAY - first * DAY - 1
    _same = NOW_S - 10 * DAY - first * DAY
    tiktok.with_videos(_old, _same, NOW_S - 10 * DAY, NOW_S - DAY)
    options = {} if lookback is None else {"lookback_window_days": lookback}

    outcome = connector.read_from(state_of(NOW_S - 10 * DAY), config(**options))

    assert outcome.errors == []
    assert times(outcome) == sorted({_same, NOW_S - 10 * DAY, NOW_S - DAY})
    assert len(tiktok.bodies()) == 1
    assert outcome.states[-1]["states"] == state_of(NOW_S - DAY)["states"]


def test_given_nothing_new_when_read_then_the_state_stays(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S - 10 * DAY)
    outcome = connector.read_from(state_of(NOW_S - 10 * DAY), config())
    assert outcome.states[-1]["states"] == state_of(NOW_S - 10 * DAY)["states"]


@pytest.mark.parametrize(
    ("today", "setting", "everything"),
    [
        ("2026-11-01T12:00:00Z", "weekly", True),  # a Sunday and the first of the month
        ("2026-11-01T12:00:00Z", "monthly", True),
        ("2026-11-01T12:00:00Z", "never", False),
        ("2026-11-08T00:00:00Z", "weekly", True),
        ("2026-11-08T12:00:00Z", "monthly", False),
        ("2026-11-07T23:59:59Z", "weekly", False),
        ("2026-12-01T00:00:00Z", "monthly", True),
        ("2026-12-01T12:00:00Z", "weekly", False),
    ],
)
def test_given_an_additional_full_sync_when_its_day_has_come_then_everything_is_read_again(
    today: str, setting: str, everything: bool, tiktok: TikTok, connector: Connector, clock: FrozenDateTimeFactory
) -> None:
    clock.move_to(today)
    recent, old = at("2026-10-20"), at("2024-02-01")
    tiktok.with_videos(recent, old)

    outcome = connector.read_from(state_of(recent), config(additional_full_sync=setting))

    assert outcome.errors == []
    assert times(outcome) == ([old, recent] if everything else [recent])


def test_given_the_state_of_another_account_when_read_then_this_one_is_read_from_its_beginning(
    tiktok: TikTok, connector: Connector
) -> None:
    """The CDK would start it where the other one stands."""
    old = at("2024-01-02")
    tiktok.with_videos(old, NOW_S - DAY)
    other = {**state_of(NOW_S - 2 * DAY, OTHER), "state": {"create_time": str(NOW_S - 2 * DAY)}, "lookback_window": 5}

    outcome = connector.read_from(other, config())

    assert (outcome.errors, times(outcome)) == ([], [old, NOW_S - DAY])
    assert outcome.states[-1]["states"] == state_of(NOW_S - 2 * DAY, OTHER)["states"] + state_of(NOW_S - DAY)["states"]


def test_given_a_state_far_in_the_future_when_read_then_no_record_and_that_state(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_videos(NOW_S - DAY)
    outcome = connector.read_from(state_of(4_102_444_800), config())
    assert (outcome.exit_code, outcome.errors, times(outcome), len(outcome.states)) == (0, [], [], 1)
    assert outcome.states[0]["states"] == state_of(4_102_444_800)["states"]


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
    ],
    ids=["flat", "states_no_list", "no_number", "no_account", "no_partition", "null", "foreign"],
)
def test_given_a_state_that_this_connector_did_not_write_when_read_then_everything_and_a_warning(
    state: Any, tiktok: TikTok, connector: Connector
) -> None:
    old = at("2024-01-02")
    tiktok.with_videos(old)

    outcome = connector.read_from(state, config())

    assert (outcome.errors, times(outcome)) == ([], [old])
    assert outcome.warnings == [
        "The state of the stream videos, or a part of it, is not one that this connector wrote. It is not used: the "
        "videos of the account are read from the start date on."
    ]


def test_given_a_sound_state_when_read_then_no_warning(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S - DAY)
    first = connector.read(config(), "videos")
    second = connector.read_from(first.states[-1], config())
    assert (first.warnings, second.warnings, times(second)) == ([], [], [NOW_S - DAY])


def test_given_a_start_date_to_come_when_read_then_an_empty_sync_a_warning_and_no_state_to_come(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_videos(NOW_S - DAY, NOW_S - 60)
    outcome = connector.read(config(start_date="2027-01-01"), "videos")
    assert (outcome.exit_code, outcome.errors, times(outcome)) == (0, [], [])
    assert outcome.warnings == ["The start date 2027-01-01 lies in the future: no videos are read before it has come."]
    assert int(outcome.states[-1]["states"][0]["cursor"]["create_time"]) <= NOW_S


def test_given_many_windows_when_read_then_the_state_is_printed_after_each(
    tiktok: TikTok, connector: Connector
) -> None:
    """The CDK prints it every 600 s: a sync that is killed would start over."""
    tiktok.with_videos(*(NOW_S - 20 * DAY * n for n in range(50)))
    outcome = connector.read(config(), "videos")
    stands = [int(s["states"][0]["cursor"]["create_time"]) for s in outcome.states]
    assert stands == sorted(stands)
    assert len(stands) == 19  # 18 windows, and the last word
