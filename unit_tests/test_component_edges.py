"""Edge cases that a whole sync reaches by luck or never: found by property tests, coverage and mutants."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from airbyte_cdk import FailureType, StreamSlice
from freezegun.api import FrozenDateTimeFactory

from source_tiktok_organic.components import (
    AccountStateMigration,
    BackwardCursorPaginationStrategy,
    FieldsRequester,
    StreamError,
)
from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector
from unit_tests.outcome import Outcome
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, USER, TikTok, good, page, refused, video

START, START_S = "2026-01-01", 1_767_225_600


def read(connector: Connector, config: Any = ACCESS_TOKEN_CONFIG) -> Outcome:
    """Read the videos from START on."""
    return connector.read({**config, "start_date": START}, "videos")


def test_first_second_of_a_window_is_read_whole(tiktok: TikTok, connector: Connector) -> None:
    """The cursor is at the window's start, and the page before it may include that second."""
    crowd = [video(START_S, id=str(n)) for n in range(1, 4)]
    pages = page(crowd[:2], True), page(crowd[:2], True), page([*crowd, video(START_S - 1)], True)
    tiktok.with_an_account(*pages)

    outcome = read(connector)

    assert (outcome.errors, [v["id"] for v in outcome.records("videos")]) == ([], ["1", "2", "3"])
    cursors = [body.get("cursor") for body in tiktok.bodies()]
    assert cursors == [None, (START_S + 1) * 1000, START_S * 1000]


@pytest.mark.parametrize(("last", "requests"), [(START_S, 2), (START_S - 1, 1)], ids=["at_the_start", "before_it"])
def test_only_a_page_past_the_window_start_ends_paging(
    last: int, requests: int, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account(page([video(START_S + 9), video(last)], True), page([video(START_S - 9)], False))
    assert read(connector).errors == []
    assert len(tiktok.bodies()) == requests


def test_failed_refresh_is_not_repeated_by_each_worker(tiktok: TikTok, connector: Connector) -> None:
    """Each would wait for the others and post the same token again: for a quarter of an hour, once."""
    expired = {"access_token": "act.stored", "token_expiry_date": "2026-11-02T13:00:00Z"}
    head = page([video(START_S + 25_000_000 - n) for n in range(20)], True)
    tiktok.with_an_account(head, refused("access_token_invalid", 401))
    tiktok.responds("token", {"json": {"error": "invalid_grant"}})

    outcome = read(connector, {"credentials": {**OAUTH_CONFIG["credentials"], **expired}})

    assert 2 <= len(tiktok.bodies()) <= 5
    assert len(tiktok.forms()) == 1
    assert [failure for failure, _ in outcome.errors[:-1]] == ["config_error"]


def test_cursor_is_rounded_up_to_a_whole_second(tiktok: TikTok, connector: Connector) -> None:
    """TikTok's cursor may fall within a second, as after an empty page, and seconds may be odd numbers."""
    first, second = START_S + 901, START_S + 500
    tiktok.with_an_account(
        page([video(first)], True), page([], True, cursor=second * 1000 + 1), page([video(second - 99)], False)
    )
    assert read(connector).errors == []
    cursors = [body.get("cursor") for body in tiktok.bodies()]
    assert cursors == [None, (first + 1) * 1000, (second + 1) * 1000]


def test_has_more_with_cursor_zero_is_an_error(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(page([video(START_S + 9)], True, cursor=0))
    assert read(connector).errors[0][0] == "system_error"


def test_newest_window_starts_at_the_head_of_the_list(
    tiktok: TikTok, connector: Connector, clock: FrozenDateTimeFactory
) -> None:
    """Windows are created once the account is known, some seconds after the requester."""

    def late(*_: Any) -> dict[str, Any]:
        clock.tick(5)
        return dict(good({"user": USER})["json"])

    tiktok.with_an_account().responds("user", {"json": late})
    assert read(connector).errors == []
    assert tiktok.bodies() == [{"max_count": 20}]


def test_ids_differing_in_the_highest_bit_are_distinct(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(page([video(START_S + 1, id=str(n)) for n in (7, 7 + 2**63)], False))
    assert len(read(connector).records("videos")) == 2


def state_of(create_time: Any, **partition: Any) -> dict[str, Any]:
    return {"partition": {"open_id": "_000a", **partition}, "cursor": {"create_time": create_time}}


SOUND = state_of("1759333357", parent_slice={})


@pytest.mark.parametrize(
    ("state", "left", "warned"),
    [
        ({"states": []}, [], False),
        ({"states": [SOUND]}, [SOUND], False),
        ({"states": [state_of("1759333357")]}, [SOUND], False),
        ({"states": [state_of(1759333357)]}, [SOUND], False),
        ({"states": [state_of("1759333357", parent_slice={"x": 1})]}, [SOUND], False),
        ({"states": [state_of("0")]}, [state_of("0", parent_slice={})], False),
        ({"states": [SOUND], "state": {"create_time": "1759333999"}, "lookback_window": 5}, [SOUND], False),
        ({"states": [SOUND, None]}, [SOUND], True),
        ({"states": [state_of("-1")]}, [], True),
        ({"states": [state_of(None)]}, [], True),
        ({"states": [state_of("yesterday")]}, [], True),
        ({"states": [state_of("1759333357", open_id=3)]}, [], True),
        ({"states": [{"partition": {"open_id": "_000a"}}]}, [], True),
        ({"states": [{"cursor": {"create_time": "1759333357"}}]}, [], True),
        ({"states": [[]]}, [], True),
        ({"states": {}}, [], True),
        ({"create_time": "1759333357"}, [], True),
    ],
)
def test_state_keeps_sound_accounts_and_nothing_else(
    state: Any, left: Any, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The CDK would start an unknown account at the key `state`, and skip its older videos."""
    migration = AccountStateMigration(messages={"state_dropped": "Dropped."})
    assert migration.should_migrate(state) is True
    assert migration.migrate(state) == {"states": left}
    assert [r.message for r in caplog.records if r.levelname == "WARNING"] == ["Dropped."] * warned


def test_no_state_is_left_alone() -> None:
    assert AccountStateMigration(messages={}).should_migrate({}) is False


def requester(credentials: dict[str, str], **keys: Any) -> FieldsRequester:
    """A requester of two scopes, without what it needs to send anything."""
    fields = {"user.info.basic": ["open_id"], "user.info.stats": ["video_count", "likes_count"]}
    return FieldsRequester(
        "user_info",
        {"credentials": {"auth_type": "access_token", "access_token": "act", **credentials}},
        {},
        url_base="https://x",
        path="/p/",
        fields_by_scope=fields,
        keys=["open_id"],
        messages=load_manifest()["definitions"]["messages"],
        error_handler=SimpleNamespace(max_retries=0, max_time=0),
        **keys,
    )


def test_refused_scope_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    fields = requester({"scope": "user.info.basic"})
    with caplog.at_level(logging.WARNING):
        assert [fields.get_path() for _ in range(2)] == ["p/?fields=open_id"] * 2
    assert [r.message for r in caplog.records] == [
        "The owner of the TikTok account did not grant the permission user.info.stats: video_count, likes_count of "
        "user_info stay empty. To fill them, sign in to TikTok again and leave it on."
    ]


@pytest.mark.parametrize("between", [",", " ", ", ", ",,"])
def test_scopes_may_be_separated_otherwise(between: str) -> None:
    fields = requester({"scope": f"user.info.basic{between}user.info.stats"})
    assert fields.get_path() == "p/?fields=open_id,video_count,likes_count"


@pytest.mark.parametrize("scope", ["user.info.basic.not", "xuser.info.basic", "user.info"])
def test_similar_scope_is_another_one(scope: str) -> None:
    with pytest.raises(StreamError, match=r"needs the permission user\.info\.basic,"):
        requester({"scope": scope}).get_path()


def test_closing_repr_of_an_error_is_its_sentence() -> None:
    """The CDK sums a sync's errors up by their `repr`, which else names the class and an internal message."""
    error = StreamError("internal", "What to do.", FailureType.config_error)
    assert (repr(error), error.internal_message) == ("What to do.", "internal")


def page_of(*cursors: Any, size: int = 20, **data: Any) -> Any:
    body = {"data": {"has_more": True, "cursor": cursors[0], "videos": [{"id": n} for n in range(size)], **data}}
    return SimpleNamespace(json=lambda: body)


@pytest.mark.parametrize(
    ("cursor", "previous", "size", "following"),
    [
        (5_000, None, 20, 6_000),
        (5_001, None, 20, 6_000),
        (5_999, None, 20, 6_000),
        (1, None, 20, 1_000),
        (5_000, 7_000, 20, 6_000),
        (5_000, 6_001, 20, 6_000),
        (5_000, 6_000, 19, 5_000),
        (5_001, 6_000, 20, 5_002),
        (5_001, 5_500, 20, 5_002),
        (5_000, 5_500, 19, 5_000),
        (5_000, 6_000, 24, 5_000),
    ],
)
def test_next_cursor_is_the_end_of_the_second(cursor: int, previous: Any, size: int, following: int) -> None:
    """From the same second, only TikTok's own cursor leads on, unless it would skip what is left of a full page."""
    window = StreamSlice(partition={}, cursor_slice={"start_time": "0", "end_time": "9"})
    found = strategy().next_page_token(page_of(cursor, size=size), last_page_token_value=previous, stream_slice=window)
    assert found == following


@pytest.mark.parametrize(
    ("cursor", "previous"),
    [(0, None), (-5, None), (None, None), ("5000", None), (5.5, None), (5_000, 6_000), (6_000, 6_000), (9_000, 6_000)],
)
def test_cursor_that_leads_nowhere_is_an_error(cursor: Any, previous: Any) -> None:
    window = StreamSlice(partition={}, cursor_slice={"start_time": "0", "end_time": "9"})
    with pytest.raises(StreamError, match="Nowhere") as raised:
        strategy().next_page_token(page_of(cursor), last_page_token_value=previous, stream_slice=window)
    assert raised.value.internal_message == f"has_more with cursor {cursor!r} after a request with cursor {previous!r}"


@pytest.mark.parametrize("size", [20, 21, 23])
def test_full_second_is_an_error_also_below_pinned_posts(size: int) -> None:
    window = StreamSlice(partition={}, cursor_slice={"start_time": "0", "end_time": "9"})
    with pytest.raises(StreamError, match="Nowhere"):
        strategy().next_page_token(page_of(5_000, size=size), last_page_token_value=6_000, stream_slice=window)


@pytest.mark.parametrize(
    ("oldest", "size", "parts"),
    [
        (83, 20, 0),
        (84, 20, 2),
        (90, 20, 2),
        (91, 20, 3),
        (94, 20, 4),
        (99, 20, 4),
        (100, 20, 0),
        (95, 10, 2),
        (95, 1, 0),
        (95, 0, 0),
    ],
)
def test_window_is_shared_by_its_first_page(oldest: int, size: int, parts: int) -> None:
    """Of a window of 100 s; at 95 s, 19 pages as the first one fit into the rest."""
    shared: list[Any] = []
    times = {"start_time": "0", "end_time": "100"}
    window = StreamSlice(partition={}, cursor_slice=times, extra_fields={"share": lambda *a: shared.append(a)})
    following = strategy().next_page_token(
        page_of(oldest * 1000, size=size), last_page_token_value=None, stream_slice=window
    )
    assert shared == ([(window, oldest, parts)] if parts else [])
    assert following == (None if parts else (oldest + 1) * 1000)


@pytest.mark.parametrize(("count", "parts"), [(10_000, 4), (19_000, 2), (37_000, 2), (38_000, 0), (0, 4), ("many", 4)])
def test_windows_of_a_large_account_are_longer(count: Any, parts: int) -> None:
    """19 pages lie ahead; of 38,000 videos, a hundredth is as many."""
    shared: list[Any] = []
    extra = {"share": lambda *a: shared.append(a), "video_count": count}
    window = StreamSlice(partition={}, cursor_slice={"start_time": "0", "end_time": "100"}, extra_fields=extra)
    strategy().next_page_token(page_of(95_000, size=20), last_page_token_value=None, stream_slice=window)
    assert shared == ([(window, 95, parts)] if parts else [])


def test_later_page_shares_nothing() -> None:
    shared: list[Any] = []
    times = {"start_time": "0", "end_time": "100"}
    window = StreamSlice(partition={}, cursor_slice=times, extra_fields={"share": lambda *a: shared.append(a)})
    following = strategy().next_page_token(page_of(99_000), last_page_token_value=101_000, stream_slice=window)
    assert (following, shared) == (100_000, [])


def strategy() -> BackwardCursorPaginationStrategy:
    sizes = {"page_size": 20, "pinned_posts": 3, "pages_of_a_window": 5, "windows": 100, "parts": 4}
    return BackwardCursorPaginationStrategy(**sizes, messages={"cursor_leads_nowhere": "Nowhere."})
