"""How responses are handled: each code, status and body by one filter of the manifest."""

import json
import logging
from io import BytesIO
from typing import Any

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.interpolation.interpolated_boolean import InterpolatedBoolean
from airbyte_cdk.sources.declarative.models.declarative_component_schema import (
    CustomErrorHandler,
    CustomRecordExtractor,
)
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ResponseAction
from urllib3 import HTTPResponse

from source_tiktok_organic.config import load_manifest
from source_tiktok_organic.responses import (
    NonRetryableError,
    ParsedBodyExtractor,
    RateLimitedError,
    StreamError,
    TikTokErrorHandler,
)
from unit_tests.tiktok import OK, recorded

RETRY, FAIL, LIMITED, SUCCESS, REFRESH = (
    ResponseAction.RETRY,
    ResponseAction.FAIL,
    ResponseAction.RATE_LIMITED,
    ResponseAction.SUCCESS,
    ResponseAction.REFRESH_TOKEN_THEN_RETRY,
)
SYSTEM, CONFIG, TRANSIENT = FailureType.system_error, FailureType.config_error, FailureType.transient_error
# Each documented code: its status, the action, and the failure type if that does not help.
CODES: dict[str, tuple[int, ResponseAction, FailureType]] = {
    "access_token_invalid": (401, REFRESH, CONFIG),
    "scope_not_authorized": (401, FAIL, CONFIG),
    "scope_permission_missed": (400, FAIL, CONFIG),
    "rate_limit_exceeded": (429, LIMITED, TRANSIENT),
    "invalid_params": (400, FAIL, SYSTEM),
    "internal_error": (500, RETRY, TRANSIENT),
    "never_heard_of": (400, FAIL, SYSTEM),
}
OWN_CODES = {"unreadable": (RETRY, TRANSIENT), "incomplete": (RETRY, TRANSIENT)}
VALID_BODIES = [
    {"data": {"user": {}}, "error": OK},
    {"data": {"videos": [], "cursor": 0, "has_more": False}, "error": OK},
    {"error": {"code": "ok"}},
    recorded("user_info_basic_profile_stats.json"),
    recorded("video_list_empty_account.json"),
]
UNREADABLE = [b"", b"<html>502</html>", b'{"data": {"vid', {}, [], None, 3, {"error": "x"}, {"error": None}]


class Authenticator:
    """Records the headers of requests whose access token TikTok rejected."""

    def __init__(self) -> None:
        self.expired: list[str] = []

    def expire(self, authorization: str) -> None:
        self.expired.append(authorization)


@pytest.fixture
def handler() -> TikTokErrorHandler:
    """The error handler of the manifest, for a stream that can use any response."""
    manifest = ManifestReferenceResolver().preprocess_manifest(load_manifest())
    definition = manifest["definitions"]["error_handler"]
    made: Any = ModelToComponentFactory().create_component(CustomErrorHandler, definition, config={})
    made.authenticator = Authenticator()
    return made


def response(body: Any, status: int = 200) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    made.raw = HTTPResponse(BytesIO(content), preload_content=False)
    url = "https://x/y?fields=id"
    made.request = requests.Request("GET", url, headers={"Authorization": "Bearer act.x"}).prepare()
    return made


def matched(handler: TikTokErrorHandler, body: Any, status: int = 200) -> list[int]:
    """The indexes of all filters that match a response."""
    read = handler._read(response(body, status))
    return [n for n, f in enumerate(handler.response_filters or ()) if f.matches(read)]


def verdict(handler: TikTokErrorHandler, body: Any, status: int = 200) -> tuple[ResponseAction, FailureType | None]:
    """Action and failure type of the first filter that matches a response."""
    place = matched(handler, body, status)[0]
    response_filter = (handler.response_filters or [])[place]
    return ResponseAction(response_filter.action), response_filter.failure_type or TRANSIENT


def coded(code: str) -> dict[str, Any]:
    return {"data": {}, "error": {"code": code, "message": "", "log_id": "2026LOG"}}


def sentence_of(code: str) -> str:
    """The `error_message` of the filter for a code, or of the last filter for an unknown one."""
    filters = load_manifest()["definitions"]["error_handler"]["response_filters"]
    own = [f for f in filters if f"'{code}'" in f.get("predicate", "")]
    return str((own or filters[-1:])[0]["error_message"])


@pytest.mark.parametrize("body", VALID_BODIES)
def test_valid_body_matches_the_first_filter(body: Any, handler: TikTokErrorHandler) -> None:
    assert matched(handler, body) == [0, len(handler.response_filters or ()) - 1]
    assert verdict(handler, body)[0] is SUCCESS
    assert handler.interpret_response(response(body)).response_action is SUCCESS


@pytest.mark.parametrize("with_own_status", [True, False], ids=["own_status", "status_200"])
@pytest.mark.parametrize(("code", "expected"), CODES.items(), ids=CODES)
def test_error_code_takes_precedence_over_the_status(
    code: str,
    expected: tuple[int, ResponseAction, FailureType],
    with_own_status: bool,
    handler: TikTokErrorHandler,
) -> None:
    assert verdict(handler, coded(code), expected[0] if with_own_status else 200) == expected[1:]


@pytest.mark.parametrize(
    "code", ["scope_not_authorized", "invalid_params", "rate_limit_exceeded", "access_token_invalid"]
)
def test_known_code_takes_precedence_over_a_server_error(code: str, handler: TikTokErrorHandler) -> None:
    """The filter of the HTTP codes comes after those of TikTok's codes."""
    assert verdict(handler, coded(code), 503) == CODES[code][1:]


def test_server_error_with_unknown_code_is_retried(handler: TikTokErrorHandler) -> None:
    """The filter of the HTTP codes comes before the last one, which matches everything."""
    found = {status: verdict(handler, coded("never_heard_of"), status) for status in (500, 501, 502, 503, 504)}
    assert set(found.values()) == {(RETRY, TRANSIENT)}
    assert verdict(handler, coded("never_heard_of"), 505) == (FAIL, SYSTEM)


@pytest.mark.parametrize("code", ["ok", *OWN_CODES, *CODES])
def test_each_error_code_matches_one_filter(code: str) -> None:
    """Besides the last one, which is for unknown codes."""
    filters = load_manifest()["definitions"]["error_handler"]["response_filters"]
    context = {"error": {"code": code}}
    verdicts = [InterpolatedBoolean(f.get("predicate", ""), parameters={}).eval({}, response=context) for f in filters]
    assert verdicts[-1] is True
    assert sum(verdicts[:-1]) == (0 if code == "never_heard_of" else 1)


@pytest.mark.parametrize("code", [None, "", "OK", "ok ", "success", 0, True, ["ok"], {"code": "ok"}])
def test_no_other_code_counts_as_ok(code: Any, handler: TikTokErrorHandler) -> None:
    assert verdict(handler, {"error": {"code": code}}) == (FAIL, SYSTEM)


@pytest.mark.parametrize("status", [200, 401, 429, 500, 502, 504])
@pytest.mark.parametrize("body", UNREADABLE)
def test_unreadable_response_is_retried(body: Any, status: int, handler: TikTokErrorHandler) -> None:
    assert verdict(handler, body, status) == OWN_CODES["unreadable"]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_ok_with_an_error_status_is_retried(status: int, handler: TikTokErrorHandler) -> None:
    read = handler._read(response(VALID_BODIES[1], status))
    assert read.json()["error"]["code"] == "incomplete"
    assert verdict(handler, VALID_BODIES[1], status) == OWN_CODES["incomplete"]


def test_ok_without_required_fields_is_retried(handler: TikTokErrorHandler) -> None:
    handler.required_condition = "{{ response.data.user }}"
    assert verdict(handler, VALID_BODIES[1]) == OWN_CODES["incomplete"]


def test_each_filter_but_the_first_has_a_message() -> None:
    first, *others = load_manifest()["definitions"]["error_handler"]["response_filters"]
    sentences = [f.get("error_message", "") for f in others]
    assert "error_message" not in first
    assert len({*sentences, ""}) == len(others) + 1


@pytest.mark.parametrize("code", ["unreadable", "incomplete", "internal_error"])
def test_exhausted_retry_keeps_its_filters_failure_type(code: str, handler: TikTokErrorHandler) -> None:
    """The CDK forgets the failure type of a filter that retries: that of the error when the retries are exhausted."""
    resolution = handler.interpret_response(response(coded(code), 500))
    assert (resolution.response_action, resolution.failure_type) == (RETRY, TRANSIENT)
    assert resolution.error_message == sentence_of(code)


def test_rejected_access_token_is_expired_and_retried(handler: TikTokErrorHandler) -> None:
    """Each retry gets a new token; with REFRESH_TOKEN_THEN_RETRY the CDK would refresh it only once."""
    for _ in range(2):
        resolution = handler.interpret_response(response(coded("access_token_invalid"), 401))
        assert (resolution.response_action, resolution.failure_type) == (RETRY, CONFIG)
        assert resolution.error_message == sentence_of("access_token_invalid")
    assert handler.authenticator.expired == ["Bearer act.x"] * 2


@pytest.mark.parametrize(
    ("code", "failure_type", "is_scope_missing"),
    [
        ("scope_not_authorized", CONFIG, True),
        ("scope_permission_missed", CONFIG, True),
        ("invalid_params", SYSTEM, False),
        ("never_heard_of", SYSTEM, False),
    ],
)
def test_rejected_request_raises_and_is_logged(
    code: str,
    failure_type: FailureType,
    is_scope_missing: bool,
    handler: TikTokErrorHandler,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(NonRetryableError) as raised:
        handler.interpret_response(response(coded(code), 400))
    error = raised.value
    detail = f"GET /y?fields=id: HTTP 400, {coded(code)['error']}"
    assert (error.internal_message, error.message, error.failure_type) == (detail, sentence_of(code), failure_type)
    assert error.is_scope_missing is is_scope_missing
    assert [record.message for record in caplog.records] == [f"TikTok refused {detail}"]


@pytest.mark.parametrize("status", [200, 429, 503])
def test_rate_limited_request_raises(status: int, handler: TikTokErrorHandler) -> None:
    with pytest.raises(RateLimitedError) as raised:
        handler.interpret_response(response(coded("rate_limit_exceeded"), status))
    error = raised.value
    detail = f"GET /y?fields=id: HTTP {status}, {coded('rate_limit_exceeded')['error']}"
    assert (error.internal_message, error.message) == (detail, sentence_of("rate_limit_exceeded"))
    assert error.failure_type is TRANSIENT


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (requests.exceptions.ProxyError("x"), "ProxyError"),
        (requests.exceptions.SSLError("x"), "SSLError"),
        (requests.exceptions.ConnectTimeout("x"), "Exception"),
        (None, "Exception"),
    ],
    ids=["proxy", "certificate", "timeout", "nothing"],
)
def test_missing_response_is_retried(error: Exception | None, name: str, handler: TikTokErrorHandler) -> None:
    resolution = handler.interpret_response(error)
    assert (resolution.response_action, resolution.failure_type) == (RETRY, TRANSIENT)
    assert resolution.error_message == load_manifest()["definitions"]["no_response"][name]


def test_response_without_a_matching_filter_is_an_error(handler: TikTokErrorHandler) -> None:
    """A manifest without the last filter fails instead of silently continuing."""
    (handler.response_filters or []).pop()
    with pytest.raises(ValueError, match="last filter"):
        handler.interpret_response(response(coded("never_heard_of"), 400))


def test_recorded_errors_get_the_right_action(handler: TikTokErrorHandler) -> None:
    assert verdict(handler, recorded("access_token_invalid.401.json"), 401) == (REFRESH, CONFIG)
    assert verdict(handler, recorded("scope_not_authorized.401.json"), 401) == (FAIL, CONFIG)


@pytest.mark.parametrize(
    ("data", "records"),
    [
        ({"videos": [{"id": "2"}, {"id": "1"}]}, [{"id": "2"}, {"id": "1"}]),
        ({"videos": []}, []),
        ({"videos": None}, []),
        ({"videos": {"id": "1"}}, [{"id": "1"}]),
        ({}, []),
    ],
    ids=["list", "empty_list", "null", "object", "nothing"],
)
def test_extractor_reuses_the_parsed_body(data: Any, records: list[Any], handler: TikTokErrorHandler) -> None:
    manifest = ManifestReferenceResolver().preprocess_manifest(load_manifest())
    definition = manifest["streams"][1]["retriever"]["record_selector"]["extractor"]
    extractor: Any = ModelToComponentFactory().create_component(CustomRecordExtractor, definition, config={})
    assert isinstance(extractor, ParsedBodyExtractor)
    read = response({"data": data, "error": OK})
    assert handler.interpret_response(read).response_action is SUCCESS
    assert list(extractor.extract_records(read)) == records


def test_body_can_be_read_again_for_the_debug_log(handler: TikTokErrorHandler) -> None:
    read = response(VALID_BODIES[1])
    handler.interpret_response(read)
    assert (json.loads(read.content), read.json(strict=False)) == (VALID_BODIES[1], VALID_BODIES[1])


def test_stream_error_is_shown_as_its_message() -> None:
    """The CDK's summary of a sync has the `repr` of each stream's error."""
    error = StreamError("details", "What to do.", SYSTEM)
    assert repr([error]) == "[What to do.]"
