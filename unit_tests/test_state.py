"""The state: where the next sync begins, and that nothing is lost between two syncs."""

from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from unit_tests.connector import Connector
from unit_tests.posts import DAY, NOW_S, OTHER, OWN, at, config, edges_of_parts, posts, state_of, times
from unit_tests.tiktok import TikTok, page, refused, video


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
    tiktok.with_videos(_old, _same, NOW_S - 10 * DAY, NOW_S - DAY)
    options = {} if lookback is None else {"lookback_window_days": lookback}

    outcome = connector.read_from(state_of(NOW_S - 10 * DAY), config(**options))

    assert outcome.errors == []
    assert times(outcome) == sorted({_same, NOW_S - 10 * DAY, NOW_S - DAY})
    assert len(tiktok.bodies()) == 1
    assert outcome.states[-1]["states"] == state_of(NOW_S - DAY)["states"]


def test_state_stays_without_new_videos(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S - 10 * DAY)
    outcome = connector.read_from(state_of(NOW_S - 10 * DAY), config())
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

    outcome = connector.read_from(state_of(recent), config(additional_full_sync=setting))

    assert outcome.errors == []
    assert times(outcome) == ([old, recent] if everything else [recent])


def test_state_of_another_account_is_not_applied(tiktok: TikTok, connector: Connector) -> None:
    """The CDK would start at the other account's cursor."""
    old = at("2024-01-02")
    tiktok.with_videos(old, NOW_S - DAY)
    other = {**state_of(NOW_S - 2 * DAY, OTHER), "state": {"create_time": str(NOW_S - 2 * DAY)}, "lookback_window": 5}

    outcome = connector.read_from(other, config())

    assert (outcome.errors, times(outcome)) == ([], [old, NOW_S - DAY])
    assert outcome.states[-1]["states"] == state_of(NOW_S - 2 * DAY, OTHER)["states"] + state_of(NOW_S - DAY)["states"]


def test_future_state_is_kept_and_reads_nothing(tiktok: TikTok, connector: Connector) -> None:
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
def test_foreign_state_is_ignored_with_a_warning(state: Any, tiktok: TikTok, connector: Connector) -> None:
    old = at("2024-01-02")
    tiktok.with_videos(old)

    outcome = connector.read_from(state, config())

    assert (outcome.errors, times(outcome)) == ([], [old])
    assert outcome.warnings == [
        "The state of the stream videos, or a part of it, is not one that this connector wrote. It is not used: the "
        "videos of the account are read from the start date on."
    ]


def test_own_state_causes_no_warning(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S - DAY)
    first = connector.read(config(), "videos")
    second = connector.read_from(first.states[-1], config())
    assert (first.warnings, second.warnings, times(second)) == ([], [], [NOW_S - DAY])


def test_future_start_date_is_warned_about(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_videos(NOW_S - DAY, NOW_S - 60)
    outcome = connector.read(config(start_date="2027-01-01"), "videos")
    assert (outcome.exit_code, outcome.errors, times(outcome)) == (0, [], [])
    assert outcome.warnings == ["The start date 2027-01-01 lies in the future: no videos are read before it has come."]
    assert int(outcome.states[-1]["states"][0]["cursor"]["create_time"]) <= NOW_S


def test_state_is_emitted_after_each_window(tiktok: TikTok, connector: Connector) -> None:
    """The CDK emits it only every 600 s, and a killed sync would start over."""
    head, start = posts(20, 3600), at("2026-01-01")
    middles = [cursor // 1000 - 20 * DAY for cursor in edges_of_parts(head, start)]
    tiktok.with_videos(*head, *middles)
    outcome = connector.read(config(start_date="2026-01-01", num_workers=2), "videos")
    assert (outcome.errors, len(outcome.states)) == ([], 6)
    stands = [int(s["states"][0]["cursor"]["create_time"]) for s in outcome.states]
    assert stands == sorted(stands)
    assert set(stands) <= {start, *middles, NOW_S}
    assert stands[-1] == NOW_S


def with_pinned(tiktok: TikTok, posted: list[int], pinned: int | None) -> set[int | None]:
    """Prepare an account with a pinned post on top of each page; returns the cursors (ms) to refuse, none at first."""
    refused_cursors: set[int | None] = set()
    tiktok.with_an_account()

    def respond(request: Any, context: Any) -> Any:
        cursor = request.json().get("cursor")
        if cursor in refused_cursors:
            context.status_code = 400
            return refused("never_heard_of", 400)["json"]
        found = [t for t in posted if t != pinned and (cursor is None or t * 1000 < cursor)]
        top = [] if pinned is None else [pinned]
        return page([video(t) for t in [*top, *found[: 20 - len(top)]]], len(found) > 20 - len(top))["json"]

    tiktok.responds("videos", {"json": respond})
    return refused_cursors


@pytest.mark.thorough
@pytest.mark.parametrize("pinned", [None, 5, 200], ids=["none_pinned", "new_pinned", "old_pinned"])
@pytest.mark.parametrize("failing", ["head", "0.1", "1.2", "3.1"])
@pytest.mark.parametrize("workers", [2, 20])
def test_failed_window_is_read_by_the_next_sync(
    workers: int, failing: str, pinned: int | None, tiktok: TikTok, connector: Connector
) -> None:
    """41 of 399 videos were once lost for good when a pinned post headed each page and one window failed."""
    start, posted = at("2026-01-01"), posts(500, 14 * 3600)
    listed = [t for n, t in enumerate(posted) if n != pinned]
    size = 20 if pinned is None else 19
    to_refuse = with_pinned(tiktok, posted, pinned and posted[pinned])
    if failing == "head":
        to_refuse.add(None)
    else:
        cursor = edges_of_parts(listed[:size], start)[int(failing[0])]
        first_page = [t for t in listed if t * 1000 < cursor][:size]
        to_refuse.add(cursor if failing[2] == "1" else (first_page[-1] + 1) * 1000)
    options = config(start_date="2026-01-01", lookback_window_days=0, num_workers=workers)

    first = connector.read(options, "videos")
    to_refuse.clear()
    second = connector.read_from(first.states[-1], options)

    assert [failure for failure, _ in first.errors[:-1]] == ["system_error"]
    assert second.errors == []
    assert sorted({*times(first), *times(second)}) == sorted(posted)
    assert second.states[-1]["states"] == state_of(NOW_S)["states"]


@pytest.mark.parametrize("count", [1, 19, 300], ids=["one_page", "full_page", "shared"])
def test_post_of_tomorrow_does_not_move_the_state(
    count: int, tiktok: TikTok, connector: Connector, clock: FrozenDateTimeFactory
) -> None:
    """The next sync would begin behind what is posted until then."""
    tomorrow, posted = NOW_S + 20 * 3600, posts(count, DAY)
    tiktok.with_videos(tomorrow, *posted)
    options = config(start_date="2026-01-01", lookback_window_days=0)

    first = connector.read(options, "videos")
    clock.tick(24 * 3600)
    later = NOW_S + 3600
    tiktok.with_videos(tomorrow, later, *posted)
    second = connector.read_from(first.states[-1], options)

    assert (first.errors, second.errors) == ([], [])
    assert tomorrow in times(first)
    assert first.states[-1]["states"] == state_of(NOW_S)["states"]
    assert times(second) == [NOW_S, later, tomorrow]
    assert second.states[-1]["states"] == state_of(tomorrow)["states"]


@pytest.mark.parametrize("create_time", ["1793534400", 1793534400], ids=["text", "number"])
def test_state_as_the_documentation_prints_it_is_taken(create_time: Any, tiktok: TikTok, connector: Connector) -> None:
    recent, old = at("2026-11-01T13:00:00"), at("2026-10-31")
    tiktok.with_videos(recent, old)
    state = {"states": [{"partition": {"open_id": OWN}, "cursor": {"create_time": create_time}}]}
    outcome = connector.read_from(state, config(lookback_window_days=0))
    assert (outcome.errors, outcome.warnings, times(outcome)) == ([], [], [recent])
    assert outcome.states[-1]["states"] == state_of(recent)["states"]
