"""Errors of the data endpoints: what is retried, how often, and the message if the retries fail."""

import io
import threading
from typing import Any

import pytest
import requests
from freezegun.api import FrozenDateTimeFactory

from source_tiktok_organic.config import load_manifest
from unit_tests.command_result import Outcome
from unit_tests.connector import Connector
from unit_tests.tiktok import (
    ACCESS_TOKEN_CONFIG,
    OAUTH_CONFIG,
    OK,
    USER,
    MockedResponse,
    TikTok,
    error_response,
    ok_response,
    page,
    recorded,
    video,
)

VIDEO, OLDER = video(1_700_000_000), video(1_600_000_000)
TRANSIENT_FAULTS: dict[str, MockedResponse] = {
    "internal_error": error_response("internal_error", 500),
    "internal_error_in_200": error_response("internal_error", 200),
    "html_502": {"text": "<html>Bad gateway</html>", "status_code": 502},
    "html_200": {"text": "<html>Hello</html>", "status_code": 200},
    "html_429": {"text": "<html>Slow down</html>", "status_code": 429},
    "html_404": {"text": "<html>No such page</html>", "status_code": 404},
    "unknown_code_503": error_response("never_heard_of", 503),
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
DEFINITIONS = load_manifest()["definitions"]
FILTERS = DEFINITIONS["error_handler"]["response_filters"]
NO_RESPONSE = DEFINITIONS["no_response"]
GAVE_UP = " " + DEFINITIONS["messages"]["gave_up"].format(attempts=7)
GAVE_UP_IN_CHECK = " " + DEFINITIONS["in_check"]["messages"]["gave_up"].format(attempts=3)
RETRY_WAITS = [1, 2, 4, 8, 16, 32]


def sentence_of(code: str) -> str:
    (response_filter,) = [f for f in FILTERS if f"'{code}'" in f.get("predicate", "")]
    return str(response_filter["error_message"])


# Faults that persist after the retries; all but the rejected access token are transient errors.
PERSISTENT_FAULTS: dict[str, tuple[MockedResponse, str]] = {
    "unreadable": ({"text": "<html>Hello</html>"}, sentence_of("unreadable")),
    "html_429": ({"text": "<html>Slow down</html>", "status_code": 429}, sentence_of("unreadable")),
    "incomplete": ({"json": {"data": {}, "error": OK}}, sentence_of("incomplete")),
    "access_token_invalid": (error_response("access_token_invalid", 401), sentence_of("access_token_invalid")),
    "internal_error": (error_response("internal_error", 500), sentence_of("internal_error")),
    "unavailable": (
        error_response("never_heard_of", 503),
        next(f["error_message"] for f in FILTERS if "http_codes" in f),
    ),
    "no_response": ({"exc": requests.exceptions.ReadTimeout}, NO_RESPONSE["Exception"]),
    "proxy": ({"exc": requests.exceptions.ProxyError("Tunnel connection failed: 407")}, NO_RESPONSE["ProxyError"]),
    "certificate": ({"exc": requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED")}, NO_RESPONSE["SSLError"]),
}
TRANSIENT = [name for name in PERSISTENT_FAULTS if name != "access_token_invalid"]
# Requests that TikTok rejects; {stream} is the stream's name.
REJECTIONS: dict[str, tuple[MockedResponse, str, str]] = {
    "scope": (
        {"json": recorded("scope_not_authorized.401.json"), "status_code": 401},
        "config_error",
        DEFINITIONS["messages"]["key_scope_missing"],
    ),
    "invalid_params": (error_response("invalid_params", 400), "system_error", sentence_of("invalid_params")),
    "unknown_code": (error_response("never_heard_of", 200), "system_error", FILTERS[-1]["error_message"]),
}
KEY_SCOPES = {"user_info": "user.info.basic", "videos": "video.list"}


def failed(name: str) -> tuple[str, str]:
    """Failure type and message of a fault that persists after a sync's retries."""
    sentence = PERSISTENT_FAULTS[name][1]
    return ("transient_error", sentence + GAVE_UP) if name in TRANSIENT else ("config_error", sentence)


def rejected_as(name: str, stream: str) -> tuple[str, str]:
    """Failure type and message of a stream whose requests are rejected."""
    _, failure, message = REJECTIONS[name]
    return failure, message.format(stream=stream, scope=KEY_SCOPES[stream])


def read(connector: Connector, endpoint: str, config: Any = ACCESS_TOKEN_CONFIG) -> Outcome:
    """Read the stream that needs an endpoint."""
    return connector.read(config, "user_info" if endpoint == "user" else "videos")


def stopped_sync(windows: int) -> Any:
    """The state of a sync that was stopped when this many windows were left to read."""
    read = [
        (1_388_534_400, 1_700_000_000),
        *((1_700_000_000 + 1000 * n, 1_700_000_100 + 1000 * n) for n in range(1, windows)),
    ]
    slices = [{"start": str(start), "end": str(end)} for start, end in read]
    cursor = {"state_type": "date-range", "slices": slices}
    return {"states": [{"partition": {"open_id": "_000account", "parent_slice": {}}, "cursor": cursor}]}


@pytest.mark.parametrize("fault", TRANSIENT_FAULTS.values(), ids=TRANSIENT_FAULTS)
def test_transient_fault_is_retried_without_loss(
    fault: MockedResponse, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_an_account(page([VIDEO], True), fault, fault, page([OLDER], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert [v["id"] for v in outcome.records("videos")] == [VIDEO["id"], OLDER["id"]]
    cursors = [body.get("cursor") for body in tiktok.bodies()]
    assert cursors == [None] + [(VIDEO["create_time"] + 1) * 1000] * 3
    assert waits == RETRY_WAITS[:2]


@pytest.mark.parametrize("endpoint", ["user", "videos"])
@pytest.mark.parametrize("name", PERSISTENT_FAULTS)
def test_persistent_fault_fails_after_seven_attempts(
    name: str, endpoint: str, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_an_account().responds(endpoint, PERSISTENT_FAULTS[name][0])

    outcome = read(connector, endpoint, OAUTH_CONFIG)

    assert (outcome.exit_code, outcome.errors[:-1]) == (1, [failed(name)])
    assert ("Gave up after 7 attempts." in outcome.errors[0][1]) is (name in TRANSIENT)
    assert (len(tiktok.requests(endpoint)), waits) == (7, RETRY_WAITS)
    assert outcome.of("RECORD") == []


@pytest.mark.parametrize("name", PERSISTENT_FAULTS)
def test_network_failure_is_not_logged_as_a_rate_limit(name: str, tiktok: TikTok, connector: Connector) -> None:
    """With a backoff strategy, the CDK logs "Rate limit exceeded" for each retry."""
    tiktok.with_an_account(PERSISTENT_FAULTS[name][0])
    outcome = connector.read(OAUTH_CONFIG, "videos")
    logs = outcome.logs.lower()
    assert "giving up" in logs
    assert ("rate limit" in logs, "rate-limited" in logs) == (False, False)


@pytest.mark.parametrize("endpoint", ["user", "videos"])
@pytest.mark.parametrize("name", REJECTIONS)
def test_rejected_request_is_logged_and_not_retried(
    name: str, endpoint: str, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    response = REJECTIONS[name][0]
    tiktok.with_an_account().responds(endpoint, response)

    outcome = read(connector, endpoint)

    stream = "user_info" if endpoint == "user" else "videos"
    assert (outcome.exit_code, outcome.errors[:-1]) == (1, [rejected_as(name, stream)])
    requested = [query["fields"] for query in tiktok.queries(endpoint)]
    assert len(requested) == len({*requested})
    without_some_fields = {("scope", "user"): 3, ("invalid_params", "videos"): 1, ("unknown_code", "videos"): 1}
    assert len(requested) == 1 + without_some_fields.get((name, endpoint), 0)
    assert response["json"]["error"]["log_id"] in outcome.logs
    assert waits == []


def test_last_error_has_each_streams_message(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("user", REJECTIONS["unknown_code"][0])
    outcome = connector.read(ACCESS_TOKEN_CONFIG)
    sentence = REJECTIONS["unknown_code"][2]
    assert outcome.errors[:-1] == [("system_error", sentence)] * 2
    closing = outcome.errors[-1][1]
    beginning, *streams = closing.split(f": {sentence}")
    assert beginning.startswith("During the sync, the following streams did not sync successfully: ")
    assert sorted(text.split()[-1] for text in (beginning, *streams) if text.strip()) == ["user_info", "videos"]


@pytest.mark.parametrize("workers", [2, 20])
def test_rejection_in_many_windows_is_reported_once(workers: int, tiktok: TikTok, connector: Connector) -> None:
    """One outage once made 54 errors and 371 requests; here ten windows fail, with 20 workers at the same time."""
    tiktok.with_an_account()
    rejection = REJECTIONS["scope"][0]

    def respond(_: Any, context: Any) -> Any:
        threading.Event().wait(0.05)  # of real time, in which other workers get here too
        context.status_code = rejection["status_code"]
        return rejection["json"]

    tiktok.responds("videos", {"json": respond})

    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "num_workers": workers}, "videos", state=stopped_sync(10))

    assert outcome.errors[:-1] == [rejected_as("scope", "videos")]
    assert 1 <= len(tiktok.bodies()) <= min(workers, 10)
    assert (outcome.states[-1], outcome.records("videos")) == (stopped_sync(10), [])


def test_outage_is_reported_once_by_the_windows_read(tiktok: TikTok, connector: Connector) -> None:
    """Windows that wait for a worker send nothing, and those that fail later report nothing."""
    tiktok.with_an_account(PERSISTENT_FAULTS["internal_error"][0])
    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "num_workers": 3}, "videos", state=stopped_sync(10))
    assert outcome.errors[:-1] == [failed("internal_error")]
    assert 7 <= len(tiktok.bodies()) <= 3 * 7
    assert (outcome.states[-1], outcome.records("videos")) == (stopped_sync(10), [])


def test_failed_stream_leaves_the_other_complete(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(error_response("invalid_params", 400))

    outcome = connector.read(ACCESS_TOKEN_CONFIG)

    assert outcome.records("user_info") == [USER]
    assert outcome.statuses("user_info") == ["STARTED", "RUNNING", "COMPLETE"]
    assert outcome.statuses("videos") == ["STARTED", "INCOMPLETE"]


def test_failed_parent_leaves_videos_incomplete(tiktok: TikTok, connector: Connector) -> None:
    """Otherwise the sync would succeed without videos."""
    tiktok.with_an_account().responds("user", PERSISTENT_FAULTS["incomplete"][0])
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert (outcome.exit_code, outcome.errors[:-1]) == (1, [failed("incomplete")])
    assert outcome.statuses("videos") == ["STARTED", "INCOMPLETE"]
    assert tiktok.bodies() == []


# --- check ---


@pytest.mark.parametrize(
    ("endpoint", "name"), [*(("user", name) for name in PERSISTENT_FAULTS), *(("videos", name) for name in TRANSIENT)]
)
def test_check_gives_up_after_three_attempts(
    endpoint: str, name: str, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    """A person waits for it."""
    tiktok.with_an_account().responds(endpoint, PERSISTENT_FAULTS[name][0])

    outcome = connector.check(OAUTH_CONFIG)

    message = failed(name)[1].replace(GAVE_UP, GAVE_UP_IN_CHECK)
    assert outcome.of("CONNECTION_STATUS") == [{"status": "FAILED", "message": message}]
    assert (len(tiktok.requests(endpoint)), waits) == (3, RETRY_WAITS[:2])
    assert (outcome.exit_code, outcome.errors) == (0, [])


@pytest.mark.parametrize("endpoint", ["user", "videos"])
@pytest.mark.parametrize("name", ["invalid_params", "unknown_code"])
def test_check_fails_at_once_if_its_request_is_rejected(
    name: str, endpoint: str, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_an_account().responds(endpoint, REJECTIONS[name][0])
    outcome = connector.check(ACCESS_TOKEN_CONFIG)
    assert outcome.of("CONNECTION_STATUS") == [{"status": "FAILED", "message": REJECTIONS[name][2]}]
    assert (outcome.exit_code, outcome.errors, waits) == (0, [], [])


def test_check_without_token_endpoint_fails_soon(tiktok: TikTok, connector: Connector, waits: list[float]) -> None:
    tiktok.with_an_account().responds("token", {"exc": requests.exceptions.ConnectionError})
    outcome = connector.check(OAUTH_CONFIG)
    assert outcome.of("CONNECTION_STATUS") == [{"status": "FAILED", "message": NO_RESPONSE["Exception"]}]
    assert (len(tiktok.forms()), waits) == (3, [1, 4])


@pytest.mark.parametrize("endpoint", ["user", "videos"])
def test_check_survives_two_faults(endpoint: str, tiktok: TikTok, connector: Connector, waits: list[float]) -> None:
    working = ok_response({"user": USER}) if endpoint == "user" else page([VIDEO], False)
    tiktok.with_an_account().responds(endpoint, *[error_response("internal_error", 500)] * 2, working)
    outcome = connector.check(ACCESS_TOKEN_CONFIG)
    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED"
    assert waits == RETRY_WAITS[:2]


# --- responses that trickle in ---


class Trickle(io.BytesIO):
    """A body whose every byte takes a second."""

    clock: FrozenDateTimeFactory
    seconds = 0

    def read1(self, *_: Any) -> bytes:
        self.clock.tick(1)
        type(self).seconds += 1
        return super().read1(1)


@pytest.fixture
def trickle(clock: FrozenDateTimeFactory) -> type[Trickle]:
    return type("Trickle", (Trickle,), {"clock": clock})


def test_slow_response_times_out(trickle: type[Trickle], tiktok: TikTok, connector: Connector) -> None:
    """No timeout of `requests` stops a response that sends a byte now and then."""
    tiktok.with_an_account({"body": trickle(b" " * 1000)}, page([VIDEO], False))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")
    assert (outcome.errors, len(outcome.records("videos"))) == ([], 1)
    assert trickle.seconds == 121


def test_slow_token_response_times_out(trickle: type[Trickle], tiktok: TikTok, connector: Connector) -> None:
    tiktok.responds("token", *({"body": trickle(b" " * 1000)} for _ in range(4)))
    outcome = connector.read(OAUTH_CONFIG, "videos")
    assert outcome.errors[:-1] == [("transient_error", NO_RESPONSE["Exception"])]
    assert trickle.seconds == 61 * len(tiktok.forms()) == 244
