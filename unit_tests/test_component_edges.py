"""Shapes that a whole sync does not reach, or not without luck: found by property tests, coverage and mutants."""

from typing import Any

import pytest
from airbyte_cdk.models import AirbyteConnectionStatus, Status
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

from unit_tests.connector import Connector
from unit_tests.outcome import Outcome
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, TOKEN_ANSWER, TikTok, page, refused, video

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
