"""Edge cases that a sync rarely or never reaches: found by property tests, coverage and mutation tests."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from airbyte_cdk import FailureType, StreamSlice
from freezegun.api import FrozenDateTimeFactory

from source_tiktok_organic.components import AccountStateMigration, DeduplicatingFilter
from source_tiktok_organic.responses import StreamError
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, USER, TikTok, error_response, ok_response, page, video
from unit_tests.video_factory import DEFINITIONS, NOW_S, at, deduplicating_filter, state_of

START, START_S = "2026-01-01", at("2026-01-01")
MESSAGES = DEFINITIONS["messages"]


def test_failed_refresh_is_not_retried_by_each_worker(tiktok: TikTok, connector: Connector) -> None:
    """Each would wait for the others and post the same token again; this once took a quarter of an hour."""
    expired = {"access_token": "act.stored", "token_expiry_date": "2026-11-02T13:00:00Z"}
    head = page([video(START_S + 25_000_000 - n) for n in range(20)], True)
    tiktok.with_an_account(head, error_response("access_token_invalid", 401))
    tiktok.responds("token", {"json": {"error": "invalid_grant"}})
    config = {"credentials": {**OAUTH_CONFIG["credentials"], **expired}, "start_date": START}

    outcome = connector.read(config, "videos")

    assert 2 <= len(tiktok.bodies()) <= 5
    assert len(tiktok.forms()) == 1
    assert [failure for failure, _ in outcome.errors[:-1]] == ["config_error"]


def test_newest_window_starts_at_the_head_of_the_list(
    tiktok: TikTok, connector: Connector, clock: FrozenDateTimeFactory
) -> None:
    """Windows are created once the account is known, some seconds after the requester."""

    def late(*_: Any) -> dict[str, Any]:
        clock.tick(5)
        return dict(ok_response({"user": USER})["json"])

    tiktok.with_an_account().responds("user", {"json": late})
    assert connector.read({**ACCESS_TOKEN_CONFIG, "start_date": START}, "videos").errors == []
    assert tiktok.bodies() == [{"max_count": 20}]


def test_ids_differing_in_the_highest_bit_are_distinct(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(page([video(START_S + 1, id=str(n)) for n in (7, 7 + 2**63)], False))
    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": START}, "videos")
    assert [v["id"] for v in outcome.records("videos")] == ["7", str(7 + 2**63)]


def test_repr_of_an_error_is_its_message() -> None:
    """The CDK lists a sync's errors by their `repr`, which by default has the class and an internal message."""
    error = StreamError("internal", "What to do.", FailureType.config_error)
    assert (repr(error), error.internal_message) == ("What to do.", "internal")


# --- the filter of records ---

WINDOW = (START_S + 100, START_S + 199)


def slice_of(start: int, end: int, window_start: int | None = None) -> StreamSlice:
    """A window's slice; the window itself starts at `window_start`, if it has been split."""
    window = SimpleNamespace(start=start if window_start is None else window_start)
    times = {"start_time": str(start), "end_time": str(end)}
    return StreamSlice(partition={}, cursor_slice=times, extra_fields={"window": window})


def filtered(record_filter: DeduplicatingFilter, seconds: list[int], stream_slice: StreamSlice) -> list[int]:
    """The videos of a page that pass the filter, by their seconds since START."""
    videos = [video(START_S + second) for second in seconds]
    return [v["create_time"] - START_S for v in record_filter.filter_records(videos, stream_slice=stream_slice)]


@pytest.mark.parametrize(
    ("page_seconds", "passed"),
    [
        ([199, 150, 100], [199, 150, 100]),
        ([150, 150, 150], [150]),
        ([150, 100, 99, 50], [150, 100]),
        ([99, 50], []),
        ([], []),
        ([50, 150, 100], [50, 150, 100]),
        ([50, 60, 150, 99], [50, 60, 150]),
        ([0, 150], [0, 150]),
        ([-1, 150], [150]),
        ([250, 200, 199], [250, 200, 199]),
        ([10**6, 150], [10**6, 150]),
    ],
)
def test_page_is_emitted_without_its_tail_before_the_window(page_seconds: list[int], passed: list[int]) -> None:
    """The tail belongs to the next window. Older videos on top are pinned posts, unless before the start date."""
    assert filtered(deduplicating_filter(START_S), page_seconds, slice_of(*WINDOW)) == passed


def test_tail_starts_where_the_window_was_split() -> None:
    stream_slice = slice_of(*WINDOW, window_start=START_S + 150)
    assert filtered(deduplicating_filter(START_S), [120, 160, 150, 149, 100], stream_slice) == [120, 160, 150]


def test_slice_without_a_window_uses_its_own_times() -> None:
    times = {"start_time": str(WINDOW[0]), "end_time": str(WINDOW[1])}
    stream_slice = StreamSlice(partition={}, cursor_slice=times)
    assert filtered(deduplicating_filter(START_S), [150, 100, 99], stream_slice) == [150, 100]


def test_video_is_emitted_once_in_all_windows() -> None:
    record_filter = deduplicating_filter(START_S)
    assert filtered(record_filter, [50, 150], slice_of(*WINDOW)) == [50, 150]
    assert filtered(record_filter, [150, 50, 49], slice_of(START_S, START_S + 99)) == [49]


def in_a_thread(target: Callable[[], None]) -> threading.Thread:
    """A function in another thread, which a failed test does not wait for."""
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("second", [50, 250], ids=["older", "newer"])
def test_pinned_post_is_queued_before_others_drop_it(second: int) -> None:
    """Another worker would count its second as read, and a stopped sync would lose it."""
    record_filter = deduplicating_filter(START_S)
    pinned = [video(START_S + second)]
    under_way = record_filter.filter_records([*pinned, video(START_S + 150)], stream_slice=slice_of(*WINDOW))
    assert next(under_way) == pinned[0]
    emitted_by_other: list[Any] = []
    own_window = slice_of(START_S + second - 9, START_S + second + 9)
    other = in_a_thread(
        lambda: emitted_by_other.append([*record_filter.filter_records(pinned, stream_slice=own_window)])
    )

    other.join(timeout=0.1)
    assert emitted_by_other == []
    next(under_way)  # the reader asks for it when the pinned post is in the queue
    other.join(timeout=5)
    assert emitted_by_other == [[]]
    assert list(under_way) == []


def test_video_within_the_window_blocks_no_worker() -> None:
    record_filter = deduplicating_filter(START_S)
    under_way = record_filter.filter_records([video(START_S + 150)], stream_slice=slice_of(*WINDOW))
    next(under_way)
    passed: list[int] = []
    other = in_a_thread(lambda: passed.extend(filtered(record_filter, [50], slice_of(START_S, START_S + 99))))
    other.join(timeout=5)
    assert passed == [50]


# --- the migration of states ---


def stream_state(cursor: Any, **partition: Any) -> dict[str, Any]:
    return {"partition": {"open_id": "_000account", **partition}, "cursor": cursor}


def at_second(value: Any, **partition: Any) -> dict[str, Any]:
    return stream_state({"create_time": value}, **partition)


def with_slices(*slices: Any, **partition: Any) -> dict[str, Any]:
    return stream_state({"state_type": "date-range", "slices": list(slices)}, **partition)


SECOND = "1759333357"
(VALID,) = state_of(int(SECOND))["states"]
VALID_SLICES = with_slices({"start": "1759000000", "end": SECOND, "most_recent_cursor_value": SECOND}, parent_slice={})


def migration() -> AccountStateMigration:
    return AccountStateMigration(messages=MESSAGES, now=str(NOW_S))


@pytest.mark.parametrize(
    ("states", "migrated"),
    [
        ([], []),
        ([VALID], [VALID]),
        ([VALID_SLICES, VALID], [VALID_SLICES, VALID]),
        ([at_second(SECOND)], [VALID]),
        ([at_second(int(SECOND))], [VALID]),
        ([at_second(SECOND, parent_slice={"x": 1})], [VALID]),
        ([at_second("0")], [at_second("0", parent_slice={})]),
        ([at_second(str(NOW_S))], [at_second(str(NOW_S), parent_slice={})]),
        ([with_slices({"start": 5, "end": 5})], [with_slices({"start": "5", "end": "5"}, parent_slice={})]),
        ([with_slices()], [with_slices(parent_slice={})]),
    ],
)
def test_valid_states_are_kept_without_a_warning(
    states: list[Any], migrated: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Without the CDK's keys: it would start an unknown account at `state`, and skip its older videos."""
    state = {"states": states, "state": {"create_time": "1759333999"}, "lookback_window": 5}
    assert migration().should_migrate(state) is True
    assert migration().migrate(state) == {"states": migrated}
    assert caplog.messages == []


@pytest.mark.parametrize(
    "invalid",
    [
        None,
        [],
        at_second("-1"),
        at_second(None),
        at_second("yesterday"),
        at_second(True),
        at_second(1759333357.0),
        at_second(f"{SECOND}000"),
        at_second(SECOND, open_id=3),
        stream_state({}),
        stream_state(None),
        stream_state(SECOND),
        with_slices({"start": SECOND, "end": "1759000000"}),
        with_slices({"start": SECOND}),
        with_slices({"start": SECOND, "end": SECOND, "by": "me"}),
        with_slices(None),
        stream_state({"slices": None}),
        {"partition": {"open_id": "_000account"}},
        {"cursor": {"create_time": SECOND}},
    ],
)
def test_invalid_account_state_is_dropped_with_a_warning(invalid: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert migration().migrate({"states": [invalid, VALID]}) == {"states": [VALID]}
    assert caplog.messages == [MESSAGES["state_dropped"]]


@pytest.mark.parametrize("state", [{"states": {}}, {"states": None}, {"create_time": SECOND}, {"cursor": 1}])
def test_foreign_state_is_dropped_with_a_warning(state: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert migration().migrate(state) == {"states": []}
    assert caplog.messages == [MESSAGES["state_dropped"]]


def test_state_in_the_future_becomes_now_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """With it, nothing would ever be read."""
    later = NOW_S + 1
    states = [at_second(str(later)), with_slices({"start": "5", "end": str(later)})]
    now = [at_second(str(NOW_S), parent_slice={}), with_slices({"start": "5", "end": str(NOW_S)}, parent_slice={})]
    assert migration().migrate({"states": states}) == {"states": now}
    assert caplog.messages == [MESSAGES["state_in_the_future"].format(second=later)] * 2


def test_missing_state_is_not_migrated() -> None:
    assert migration().should_migrate({}) is False
