"""Shapes that a whole sync does not reach, or not without luck: found by property tests, coverage and mutants."""

import logging
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteConnectionStatus, Status
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from freezegun.api import FrozenDateTimeFactory

from source_tiktok_organic.components import AccountStateMigration, FieldsRequester
from unit_tests.connector import Connector
from unit_tests.outcome import Outcome
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, TOKEN_ANSWER, USER, TikTok, good, page, refused, video

START, START_S = "2026-01-01", 1_767_225_600


def read(connector: Connector, config: Any = ACCESS_TOKEN_CONFIG) -> Outcome:
    """Read the videos from START on."""
    return connector.read({**config, "start_date": START}, "videos")


def test_given_a_page_that_lies_within_the_windows_first_second_when_read_then_the_rest_of_that_second_too(
    tiktok: TikTok, connector: Connector
) -> None:
    """The cursor stands at the window's start, and a page before it may include that second."""
    crowd = [video(START_S, id=str(n)) for n in range(1, 4)]
    pages = page(crowd[:2], True), page(crowd[:2], True), page([*crowd, video(START_S - 1)], True)
    tiktok.with_an_account(*pages)

    outcome = read(connector)

    assert (outcome.errors, [v["id"] for v in outcome.records("videos")]) == ([], ["1", "2", "3"])
    cursors = [body.get("cursor") for body in tiktok.bodies()]
    assert cursors == [None, (START_S + 1) * 1000, START_S * 1000]


@pytest.mark.parametrize(("last", "requests"), [(START_S, 2), (START_S - 1, 1)], ids=["at_the_start", "before_it"])
def test_given_a_page_that_ends_at_the_windows_start_when_read_then_one_request_more_only_if_it_may_bring_some(
    last: int, requests: int, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account(page([video(START_S + 9), video(last)], True), page([video(START_S - 9)], False))
    assert read(connector).errors == []
    assert len(tiktok.bodies()) == requests


@pytest.mark.parametrize("code", [200, 429])
def test_given_the_limit_reached_for_good_when_read_then_the_same_sentence_whatever_the_status(
    code: int, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account(refused("rate_limit_exceeded", code))
    ((failure, sentence), *_) = connector.read(ACCESS_TOKEN_CONFIG, "videos").errors
    assert (failure, sentence.split(",")[0]) == (
        "transient_error",
        "TikTok's limit of 600 requests a minute stayed reached",
    )


@pytest.mark.parametrize("name", ["scope", "open_id", "refresh_expires_in"])
def test_given_a_token_answer_that_lacks_a_word_when_refreshed_then_what_was_known_is_kept(
    name: str, tiktok: TikTok, connector: Connector
) -> None:
    known = {"scope": "user.info.basic", "open_id": "_000before", "refresh_token_expiry_date": "2027-01-01T00:00:00Z"}
    stored = {"refresh_expires_in": "refresh_token_expiry_date"}.get(name, name)
    config = {"credentials": {**OAUTH_CONFIG["credentials"], stored: known[stored]}}
    tiktok.with_an_account().answers("token", {"json": {k: v for k, v in TOKEN_ANSWER.items() if k != name}})

    outcome = connector.check(config)

    assert [c["credentials"][stored] for c in outcome.configs] == [known[stored]]


def test_given_a_refresh_that_failed_for_good_when_another_worker_needs_it_then_it_is_not_posted_again(
    tiktok: TikTok, connector: Connector
) -> None:
    """Each stream's authenticator posts once; their workers do not."""
    expired = {"access_token": "act.stored", "token_expiry_date": "2026-11-02T13:00:00Z"}
    tiktok.with_an_account(refused("access_token_invalid", 401), video_count=5000)
    tiktok.answers("token", {"json": {"error": "invalid_grant"}})

    outcome = connector.read({"credentials": {**OAUTH_CONFIG["credentials"], **expired}}, "videos")

    assert len(tiktok.bodies()) == 53
    assert len(tiktok.forms()) == 1
    assert {failure for failure, _ in outcome.errors} == {"config_error"}


def test_given_a_failed_check_without_a_word_when_checked_then_failed(
    tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = AirbyteConnectionStatus(status=Status.FAILED)
    monkeypatch.setattr(ConcurrentDeclarativeSource, "check", lambda *_: silent)
    assert [s["status"] for s in connector.check(OAUTH_CONFIG).of("CONNECTION_STATUS")] == ["FAILED"]


def test_given_three_pages_when_read_then_each_is_asked_for_from_the_end_of_the_second_before(
    tiktok: TikTok, connector: Connector
) -> None:
    """TikTok's cursor may stand within a second, as after an empty page, and seconds may be odd."""
    first, second = START_S + 901, START_S + 500
    tiktok.with_an_account(
        page([video(first)], True), page([], True, cursor=second * 1000 + 1), page([video(second - 99)], False)
    )
    assert read(connector).errors == []
    cursors = [body.get("cursor") for body in tiktok.bodies()]
    assert cursors == [None, (first + 1) * 1000, (second + 1) * 1000]


def test_given_more_videos_but_the_cursor_zero_when_read_then_an_error_and_no_early_end(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account(page([video(START_S + 9)], True, cursor=0))
    assert read(connector).errors[0][0] == "system_error"


def test_given_a_window_that_ends_after_the_sync_began_when_read_then_it_begins_where_tiktoks_list_does(
    tiktok: TikTok, connector: Connector, clock: FrozenDateTimeFactory
) -> None:
    """Windows are made when the account is known, some seconds after the requester."""

    def late(*_: Any) -> dict[str, Any]:
        clock.tick(5)
        return dict(good({"user": USER})["json"])

    tiktok.with_an_account().answers("user", {"json": late})
    assert read(connector).errors == []
    assert tiktok.bodies() == [{"max_count": 20}]


def test_given_ids_that_differ_only_in_their_highest_bit_when_read_then_each_is_its_own(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account(page([video(START_S + 1, id=str(n)) for n in (7, 7 + 2**63)], False))
    assert len(read(connector).records("videos")) == 2


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, False),
        ({"states": []}, False),
        ({"states": [{"partition": {"open_id": "_000a"}, "cursor": {"create_time": "1759333357"}}]}, False),
        ({"states": [{"partition": {"open_id": "_000a"}, "cursor": {"create_time": "0"}}]}, False),
        ({"states": [{"partition": {"open_id": "_000a"}, "cursor": {"create_time": "-1"}}]}, True),
        ({"states": [], "state": {"create_time": "1759333357"}}, True),
    ],
    ids=["none", "no_account", "sound", "at_zero", "negative", "global"],
)
def test_given_a_state_when_looked_at_then_it_is_migrated_only_if_something_must_go(state: Any, expected: bool) -> None:
    assert AccountStateMigration().should_migrate(state) is expected


def test_given_a_refused_scope_when_asked_twice_then_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    config = {"credentials": {"scope": "user.info.basic"}}
    fields = {"user.info.basic": ["open_id"], "user.info.stats": ["video_count"]}
    requester = FieldsRequester("user_info", config, {}, url_base="https://x", fields_by_scope=fields, keys=["open_id"])
    with caplog.at_level(logging.WARNING):
        asked = [requester.get_request_params() for _ in range(2)]
    assert asked == [{"fields": "open_id"}] * 2
    assert [r.message for r in caplog.records] == [
        "The owner of the TikTok account did not grant the permission user.info.stats: video_count of user_info stay "
        "empty. To fill them, sign in to TikTok again and leave it on."
    ]
