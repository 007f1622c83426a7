"""Errors of the data endpoints: what is retried, how long, and whose turn it is when it does not help."""

from typing import Any

import pytest
import requests

from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, USER, TikTok, good, page, recorded, refused, video

VIDEO = video(1_700_000_000)
PASSING = {
    "internal_error": refused("internal_error", 500),
    "internal_error_in_200": refused("internal_error", 200),
    "html_502": {"text": "<html>Bad gateway</html>", "status_code": 502},
    "html_200": {"text": "<html>Hello</html>", "status_code": 200},
    "empty_200": {"text": "", "status_code": 200},
    "cut_off_json": {"text": '{"data": {"videos": [{"id"', "status_code": 200},
    "no_answer": {"exc": requests.exceptions.ReadTimeout},
    "reset": {"exc": requests.exceptions.ConnectionError("Connection reset by peer")},
    "reset_in_the_body": {"exc": requests.exceptions.ChunkedEncodingError("IncompleteRead")},
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_given_a_passing_fault_when_read_then_the_request_is_repeated_and_no_record_is_lost(
    fault: Any, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    second = video(1_600_000_000)
    tiktok.with_an_account(page([VIDEO], True), fault, fault, page([second], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert [v["id"] for v in outcome.records("videos")] == [VIDEO["id"], second["id"]]
    cursors = [body.get("cursor") for body in tiktok.bodies()]
    assert cursors == [None] + [(VIDEO["create_time"] + 1) * 1000] * 3
    assert len([wait for wait in waits if wait >= 2]) == 2


def test_given_the_rate_limit_when_hit_then_a_wait_and_no_page_lost(
    tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_an_account(refused("rate_limit_exceeded", 429), page([VIDEO], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert (outcome.errors, [v["id"] for v in outcome.records("videos")]) == ([], [VIDEO["id"]])
    assert len(tiktok.bodies()) == 2
    assert [wait for wait in waits if wait] == [waits[0]]
    assert 2 <= waits[0] <= 3


@pytest.mark.parametrize("endpoint", ["user", "videos"])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            {"json": recorded("scope_not_authorized.401.json"), "status_code": 401},
            (
                "config_error",
                "The TikTok account did not grant this source every permission it needs: the stream user_info needs "
                "user.info.basic, user.info.profile and user.info.stats, the stream videos needs video.list. "
                "Sign in to TikTok again and leave all permissions on.",
            ),
        ),
        (
            refused("invalid_params", 400),
            (
                "system_error",
                "TikTok refused a request of this connector as invalid. This is a fault of the connector: please "
                "report it with TikTok's message and log_id, which stand in the log.",
            ),
        ),
        (
            refused("never_heard_of", 200),
            (
                "system_error",
                "TikTok answered with an error that this connector does not know. Please report it with TikTok's code, "
                "message and log_id, which stand in the log.",
            ),
        ),
    ],
    ids=["scope", "invalid_params", "unknown_code"],
)
def test_given_a_lasting_error_when_read_then_it_is_named_once_and_tiktoks_log_id_is_in_the_log(
    answer: Any, expected: tuple[str, str], endpoint: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account().answers(endpoint, answer)

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "user_info" if endpoint == "user" else "videos")

    assert (outcome.exit_code, outcome.errors[0]) == (1, expected)
    assert len(tiktok.requests(endpoint)) == 1
    assert answer["json"]["error"]["log_id"] in outcome.logs


def test_given_a_fault_that_stays_when_read_then_the_retries_are_bounded_and_grow(
    tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_an_account(refused("internal_error", 500))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.errors[0] == (
        "transient_error",
        "TikTok gave no valid answer, though the connector asked seven times in about a minute. Run the sync again "
        "later; it goes on from the last state.",
    )
    assert "TikTok reports an internal error." in str(outcome.messages)
    assert len(tiktok.bodies()) == 7
    slept = [w for w in waits if w]
    assert len(slept) == 6
    assert all(2**n + 1 <= wait <= 2**n + 2 for n, wait in enumerate(slept))


def test_given_one_stream_failing_when_read_then_the_other_is_complete(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(refused("invalid_params", 400))

    outcome = connector.read(ACCESS_TOKEN_CONFIG)

    assert outcome.records("user_info") == [USER]
    assert outcome.statuses("user_info")[-1] == "COMPLETE"
    assert outcome.statuses("videos")[-1] == "INCOMPLETE"


def test_given_an_error_when_checked_then_failed_with_its_sentence(tiktok: TikTok, connector: Connector) -> None:
    tiktok.answers("user", {"json": recorded("scope_not_authorized.401.json"), "status_code": 401})
    (status,) = connector.check(ACCESS_TOKEN_CONFIG).of("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert "Sign in to TikTok again and leave all permissions on." in status["message"]


def test_given_a_working_account_when_checked_then_succeeded(tiktok: TikTok, connector: Connector) -> None:
    tiktok.answers("user", good({"user": USER}))
    outcome = connector.check(ACCESS_TOKEN_CONFIG)
    assert (outcome.exit_code, outcome.of("CONNECTION_STATUS")) == (0, [{"status": "SUCCEEDED"}])
