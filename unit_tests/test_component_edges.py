"""Edge cases that a whole sync reaches by luck or never: found by property tests, coverage and mutants."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from airbyte_cdk import FailureType
from freezegun.api import FrozenDateTimeFactory

from source_tiktok_organic.components import (
    AccountStateMigration,
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
