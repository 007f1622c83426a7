"""Errors of the data endpoints: what is retried, for how long, and what the user reads if that does not help."""

import io
from typing import Any

import pytest
import requests
from freezegun.api import FrozenDateTimeFactory

from unit_tests.connector import Connector
from unit_tests.outcome import Outcome
from unit_tests.tiktok import (
    ACCESS_TOKEN_CONFIG,
    OAUTH_CONFIG,
    OK,
    USER,
    MockedResponse,
    TikTok,
    good,
    page,
    recorded,
    refused,
    video,
)

VIDEO, OLDER = video(1_700_000_000), video(1_600_000_000)
PASSING: dict[str, MockedResponse] = {
    "internal_error": refused("internal_error", 500),
    "internal_error_in_200": refused("internal_error", 200),
    "html_502": {"text": "<html>Bad gateway</html>", "status_code": 502},
    "html_200": {"text": "<html>Hello</html>", "status_code": 200},
    "html_404": {"text": "<html>No such page</html>", "status_code": 404},
    "unknown_code_503": refused("never_heard_of", 503),
    "ok_500": {"json": {"data": {"videos": [], "has_more": False}, "error": OK}, "status_code": 500},
    "ok_without_data": {"json": {"error": OK}},
    "empty_200": {"text": "", "status_code": 200},
    "empty_204": {"text": "", "status_code": 204},
    "cut_off_json": {"text": '{"data": {"videos": [{"id"', "status_code": 200},
    "no_gzip": {"content": b"{}", "headers": {"Content-Encoding": "gzip"}},
    "endless_json": {"text": "[" * 100_000},
    "no_response": {"exc": requests.exceptions.ReadTimeout},
    "reset": {"exc": requests.exceptions.ConnectionError("Connection reset by peer")},
    "reset_in_the_body": {"exc": requests.exceptions.ChunkedEncodingError("IncompleteRead")},
    "redirect": {"status_code": 302, "headers": {"Location": "https://elsewhere.example.com/"}, "text": ""},
    "redirect_to_nowhere": {"status_code": 302, "headers": {"Location": "http://[::"}, "text": ""},
}
LASTING: dict[str, tuple[MockedResponse, str, str]] = {
    "unreadable": (
        {"text": "<html>Hello</html>"},
        "transient_error",
        "TikTok's responses are not those of its API, as when a gateway or a proxy responds in TikTok's place. The "
        "connector asked seven times in about a minute. Run the sync again later; it goes on from the last state.",
    ),
    "incomplete": (
        {"json": {"data": {}, "error": OK}},
        "transient_error",
        "TikTok's responses lack what they must hold. The connector asked seven times in about a minute. Run the sync "
        "again later; it goes on from the last state. If this happens every time, please report it.",
    ),
    "access_token_invalid": (
        refused("access_token_invalid", 401),
        "config_error",
        "TikTok does not accept new access tokens either: the owner of the account has probably removed the app. Sign "
        "in to TikTok again and put the new credentials into this source.",
    ),
    "internal_error": (
        refused("internal_error", 500),
        "transient_error",
        "TikTok reports an internal error. The connector asked seven times in about a minute. Run the sync again "
        "later; it goes on from the last state.",
    ),
    "not_available": (
        refused("never_heard_of", 503),
        "transient_error",
        "TikTok is not available. The connector asked seven times in about a minute. Run the sync again later; it "
        "goes on from the last state.",
    ),
    "no_response": (
        {"exc": requests.exceptions.ReadTimeout},
        "transient_error",
        "TikTok could not be reached, though the connector tried several times. Check the network of this machine; "
        "otherwise run the sync again later; it goes on from the last state.",
    ),
    "proxy": (
        {"exc": requests.exceptions.ProxyError("Tunnel connection failed: 407")},
        "transient_error",
        "The proxy that this machine is set up to use (HTTPS_PROXY) does not let the connector through to TikTok. "
        "Correct it, or run the sync again later.",
    ),
    "certificate": (
        {"exc": requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED")},
        "transient_error",
        "The certificate of whoever responds for TikTok cannot be verified. Where a proxy inspects traffic, give the "
        "connector its certificate authority with REQUESTS_CA_BUNDLE; otherwise run the sync again later.",
    ),
}
AT_ONCE: dict[str, tuple[MockedResponse, str, str]] = {
    "scope": (
        {"json": recorded("scope_not_authorized.401.json"), "status_code": 401},
        "config_error",
        "The TikTok account did not grant this source every permission it needs: the stream user_info needs "
        "user.info.basic, user.info.profile and user.info.stats, the stream videos needs video.list. Sign in to TikTok "
        "again and leave all permissions on.",
    ),
    "invalid_params": (
        refused("invalid_params", 400),
        "system_error",
        "TikTok refused a request of this connector as invalid. This is a fault of the connector: please report it "
        "with TikTok's message and log_id, which are in the log.",
    ),
    "unknown_code": (
        refused("never_heard_of", 200),
        "system_error",
        "TikTok responded with an error that this connector does not know. Please report it with TikTok's code, "
        "message and log_id, which are in the log.",
    ),
}


def read(connector: Connector, endpoint: str, config: Any = ACCESS_TOKEN_CONFIG) -> Outcome:
    """Read the stream that needs an endpoint."""
    return connector.read(config, "user_info" if endpoint == "user" else "videos")


def long(waits: list[float]) -> list[float]:
    """The waits between two tries; the shorter ones are for TikTok's request limit."""
    return [wait for wait in waits if wait >= 2]


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_passing_fault_is_retried_and_costs_no_record(
    fault: MockedResponse, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_an_account(page([VIDEO], True), fault, fault, page([OLDER], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert [v["id"] for v in outcome.records("videos")] == [VIDEO["id"], OLDER["id"]]
    cursors = [body.get("cursor") for body in tiktok.bodies()]
    assert cursors == [None] + [(VIDEO["create_time"] + 1) * 1000] * 3
    assert len(long(waits)) == 2


@pytest.mark.parametrize("endpoint", ["user", "videos"])
@pytest.mark.parametrize(("response", "failure", "sentence"), LASTING.values(), ids=LASTING)
def test_lasting_fault_is_explained_after_seven_tries(
    response: MockedResponse,
    failure: str,
    sentence: str,
    endpoint: str,
    tiktok: TikTok,
    connector: Connector,
    waits: list[float],
) -> None:
    tiktok.with_an_account().responds(endpoint, response)

    outcome = read(connector, endpoint, OAUTH_CONFIG)

    assert (outcome.exit_code, outcome.errors[:-1]) == (1, [(failure, sentence)])
    assert len(tiktok.requests(endpoint)) == 7
    slept = long(waits)
    assert [2**n + 1 <= wait <= 2**n + 2 for n, wait in enumerate(slept)] == [True] * 6
    assert 69 <= sum(slept) <= 75


def test_jitter_spreads_the_waits(tiktok: TikTok, connector: Connector, waits: list[float]) -> None:
    """Otherwise all workers would come back at once."""
    tiktok.with_an_account(refused("internal_error", 500))
    connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert len({wait % 1 for wait in long(waits)}) == 6


@pytest.mark.parametrize("endpoint", ["user", "videos"])
@pytest.mark.parametrize(("response", "failure", "sentence"), AT_ONCE.values(), ids=AT_ONCE)
def test_refused_request_is_logged_and_not_retried(
    response: MockedResponse,
    failure: str,
    sentence: str,
    endpoint: str,
    tiktok: TikTok,
    connector: Connector,
    waits: list[float],
) -> None:
    tiktok.with_an_account().responds(endpoint, response)

    outcome = read(connector, endpoint)

    assert (outcome.exit_code, outcome.errors[:-1]) == (1, [(failure, sentence)])
    without_optional_fields = endpoint == "videos" and failure == "system_error"
    assert len(tiktok.requests(endpoint)) == 1 + without_optional_fields
    assert response["json"]["error"]["log_id"] in outcome.logs
    assert waits == []


def test_closing_message_has_each_streams_sentence(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("user", AT_ONCE["unknown_code"][0])
    outcome = connector.read(ACCESS_TOKEN_CONFIG)
    assert [message for _, message in outcome.errors].count(AT_ONCE["unknown_code"][2]) == 2
    closing = outcome.errors[-1][1]
    assert closing.startswith("During the sync, the following streams did not sync successfully: ")
    assert f"user_info: {AT_ONCE['unknown_code'][2]}" in closing
    assert f"videos: {AT_ONCE['unknown_code'][2]}" in closing
    assert "Error(" not in closing


@pytest.mark.parametrize("workers", [2, 20])
def test_error_of_many_windows_is_met_once(workers: int, tiktok: TikTok, connector: Connector) -> None:
    """One outage once made 54 errors and 371 requests; here four parts of a window fail."""
    dense = [1_793_600_000 - 3600 * n for n in range(20)]
    tiktok.with_an_account(page([video(t) for t in dense], True), AT_ONCE["scope"][0])

    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2026-10-10", "num_workers": workers}, "videos")

    assert outcome.errors[:-1] == [AT_ONCE["scope"][1:]]
    assert 2 <= len(tiktok.bodies()) <= (3 if workers == 2 else 5)
    assert len(outcome.records("videos")) == 20


def test_outage_is_met_once_by_the_windows_under_way(tiktok: TikTok, connector: Connector) -> None:
    """Those that wait for a worker send nothing, and those that fail later say nothing."""
    dense = [1_793_600_000 - 3600 * n for n in range(20)]
    tiktok.with_an_account(page([video(t) for t in dense], True), LASTING["internal_error"][0])
    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2026-10-10", "num_workers": 2}, "videos")
    assert outcome.errors[:-1] == [LASTING["internal_error"][1:]]
    assert 8 <= len(tiktok.bodies()) <= 1 + 2 * 7


def test_failed_stream_leaves_the_other_complete(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(refused("invalid_params", 400))

    outcome = connector.read(ACCESS_TOKEN_CONFIG)

    assert outcome.records("user_info") == [USER]
    assert outcome.statuses("user_info")[-1] == "COMPLETE"
    assert outcome.statuses("videos")[-1] == "INCOMPLETE"


def test_check_fails_with_the_sentence_of_the_error(tiktok: TikTok, connector: Connector) -> None:
    response, _, sentence = AT_ONCE["scope"]
    tiktok.responds("user", response)
    outcome = connector.check(ACCESS_TOKEN_CONFIG)
    (status,) = outcome.of("CONNECTION_STATUS")
    assert status["status"] == "FAILED"
    assert sentence in status["message"]
    assert (outcome.exit_code, outcome.errors) == (0, [])


@pytest.mark.parametrize(
    ("config", "endpoint"), [(ACCESS_TOKEN_CONFIG, "user"), (OAUTH_CONFIG, "token")], ids=["user", "token"]
)
def test_check_without_network_ends_sooner_than_a_read(
    config: Any, endpoint: str, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    """Somebody waits for it; a read tries for over a minute."""
    tiktok.with_an_account().responds(endpoint, {"exc": requests.exceptions.ConnectionError})
    (result,) = connector.check(config).of("CONNECTION_STATUS")
    assert (result["status"], result["message"].split(",")[0]) == ("FAILED", "TikTok could not be reached")
    assert len(tiktok.requests(endpoint)) == 3
    assert sum(waits) <= 8


def test_check_is_as_patient_as_a_read_once_answered(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("user", refused("internal_error", 500))
    connector.check(ACCESS_TOKEN_CONFIG)
    assert len(tiktok.requests("user")) == 7


def test_working_account_passes_check(tiktok: TikTok, connector: Connector) -> None:
    tiktok.responds("user", good({"user": USER}))
    outcome = connector.check(ACCESS_TOKEN_CONFIG)
    assert (outcome.exit_code, outcome.of("CONNECTION_STATUS")) == (0, [{"status": "SUCCEEDED"}])


def test_response_that_trickles_in_is_abandoned(
    tiktok: TikTok, connector: Connector, clock: FrozenDateTimeFactory
) -> None:
    """No timeout of `requests` ends a response of which a byte comes now and then."""

    read: list[int] = []

    class Trickle(io.BytesIO):
        """A body whose every byte takes a second."""

        def read1(self, *_: Any) -> bytes:
            clock.tick(1)
            read.append(1)
            return super().read1(1)

    tiktok.with_an_account(*({"body": Trickle(b" " * 1000)} for _ in range(7)))
    tiktok.responds("token", *({"body": Trickle(b" " * 1000)} for _ in range(4)))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert outcome.errors[:-1] == [LASTING["no_response"][1:]]
    assert len(read) == 121 * len(tiktok.bodies())

    read.clear()
    assert connector.read(OAUTH_CONFIG, "videos").errors[:-1] == [LASTING["no_response"][1:]]
    assert len(read) == 61 * len(tiktok.forms()) == 244
