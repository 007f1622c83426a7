"""How responses are judged: each code, status and body by one filter of the manifest."""

import json
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.interpolation.interpolated_boolean import InterpolatedBoolean
from airbyte_cdk.sources.declarative.models.declarative_component_schema import CustomErrorHandler
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ResponseAction
from urllib3 import HTTPResponse

from source_tiktok_organic.config import load_manifest
from source_tiktok_organic.responses import OneReadingErrorHandler
from unit_tests.tiktok import OK, recorded

RETRY, FAIL, LIMITED, SUCCESS, REFRESH = (
    ResponseAction.RETRY,
    ResponseAction.FAIL,
    ResponseAction.RATE_LIMITED,
    ResponseAction.SUCCESS,
    ResponseAction.REFRESH_TOKEN_THEN_RETRY,
)
SYSTEM, CONFIG, TRANSIENT = FailureType.system_error, FailureType.config_error, FailureType.transient_error
# Of each documented code: the status it comes with, what is done, and what kind of error it is if that does not help.
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
GOOD_BODIES = [
    {"data": {"user": {}}, "error": OK},
    {"data": {"videos": [], "cursor": 0, "has_more": False}, "error": OK},
    {"error": {"code": "ok"}},
    recorded("user_info_basic_profile_stats.json"),
    recorded("video_list_empty_account.json"),
]
NO_API_RESPONSES = [b"", b"<html>502</html>", b'{"data": {"vid', {}, [], None, 3, {"error": "x"}, {"error": None}]


@pytest.fixture
def handler() -> OneReadingErrorHandler:
    """The error handler of the manifest that takes every page for whole, with a requester that sends nothing."""
    manifest = ManifestReferenceResolver().preprocess_manifest(load_manifest())
    definition = manifest["definitions"]["error_handler"]
    made: Any = ModelToComponentFactory().create_component(CustomErrorHandler, definition, config={})
    budget = SimpleNamespace(learn=lambda *_, **__: None, has_stalled=lambda: False)
    authenticator = SimpleNamespace(expire=lambda _: None)
    made.requester = SimpleNamespace(api_budget=budget, get_authenticator=lambda: authenticator)
    return made


def response(body: Any, status: int = 200) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    made.raw = HTTPResponse(BytesIO(content), preload_content=False)
    made.request = requests.Request("GET", "https://x/y", headers={"Authorization": "Bearer act"}).prepare()
    return made


def matched(handler: OneReadingErrorHandler, body: Any, status: int = 200) -> list[int]:
    """The places of all filters that would take a response."""
    read = handler._read(response(body, status))
    return [n for n, f in enumerate(handler.response_filters or ()) if f.matches(read)]


def verdict(handler: OneReadingErrorHandler, body: Any, status: int = 200) -> tuple[ResponseAction, FailureType | None]:
    """What the first filter that takes a response says."""
    place = matched(handler, body, status)[0]
    response_filter = (handler.response_filters or [])[place]
    return ResponseAction(response_filter.action), response_filter.failure_type or TRANSIENT


def coded(code: str) -> dict[str, Any]:
    return {"data": {}, "error": {"code": code, "message": "", "log_id": "1"}}


@pytest.mark.parametrize("body", GOOD_BODIES)
def test_good_body_matches_the_first_filter(body: Any, handler: OneReadingErrorHandler) -> None:
    assert matched(handler, body) == [0, len(handler.response_filters or ()) - 1]
    assert verdict(handler, body)[0] is SUCCESS
    assert handler.interpret_response(response(body)).response_action is SUCCESS


@pytest.mark.parametrize("with_own_status", [True, False], ids=["own_status", "status_200"])
@pytest.mark.parametrize(("code", "expected"), CODES.items(), ids=CODES)
def test_error_code_decides_whatever_the_status(
    code: str,
    expected: tuple[int, ResponseAction, FailureType],
    with_own_status: bool,
    handler: OneReadingErrorHandler,
) -> None:
    assert verdict(handler, coded(code), expected[0] if with_own_status else 200) == expected[1:]


@pytest.mark.parametrize(
    "code", ["scope_not_authorized", "invalid_params", "rate_limit_exceeded", "access_token_invalid"]
)
def test_known_code_counts_with_a_server_error(code: str, handler: OneReadingErrorHandler) -> None:
    """The filter of the HTTP codes comes after those of TikTok's codes."""
    assert verdict(handler, coded(code), 503) == CODES[code][1:]


def test_server_error_with_unknown_code_is_retried(handler: OneReadingErrorHandler) -> None:
    """The filter of the HTTP codes comes before the one that takes the rest."""
    found = {status: verdict(handler, coded("never_heard_of"), status) for status in (500, 501, 502, 503, 504)}
    assert set(found.values()) == {(RETRY, TRANSIENT)}
    assert verdict(handler, coded("never_heard_of"), 505) == (FAIL, SYSTEM)


@pytest.mark.parametrize("code", ["ok", *OWN_CODES, *CODES])
def test_each_error_code_matches_one_filter(code: str) -> None:
    """Not counting the last one, for codes that none of the others knows."""
    filters = load_manifest()["definitions"]["error_handler"]["response_filters"]
    context = {"error": {"code": code}}
    verdicts = [InterpolatedBoolean(f.get("predicate", ""), parameters={}).eval({}, response=context) for f in filters]
    assert verdicts[-1] is True
    assert sum(verdicts[:-1]) == (0 if code == "never_heard_of" else 1)


@pytest.mark.parametrize("code", [None, "", "OK", "ok ", "success", 0, True, ["ok"], {"code": "ok"}])
def test_no_other_code_counts_as_ok(code: Any, handler: OneReadingErrorHandler) -> None:
    assert verdict(handler, {"error": {"code": code}}) == (FAIL, SYSTEM)


@pytest.mark.parametrize("status", [200, 401, 429, 500, 502, 504])
@pytest.mark.parametrize("body", NO_API_RESPONSES)
def test_non_api_response_is_retried(body: Any, status: int, handler: OneReadingErrorHandler) -> None:
    assert verdict(handler, body, status) == OWN_CODES["unreadable"]


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_ok_with_an_error_status_is_retried(status: int, handler: OneReadingErrorHandler) -> None:
    read = handler._read(response(GOOD_BODIES[1], status))
    assert read.json()["error"]["code"] == "incomplete"
    assert verdict(handler, GOOD_BODIES[1], status) == OWN_CODES["incomplete"]


def test_ok_without_what_the_stream_needs_is_retried(handler: OneReadingErrorHandler) -> None:
    handler.whole_response = "{{ response.data.user }}"
    assert verdict(handler, GOOD_BODIES[1]) == OWN_CODES["incomplete"]


def test_each_filter_but_the_first_has_a_sentence() -> None:
    first, *others = load_manifest()["definitions"]["error_handler"]["response_filters"]
    sentences = [f.get("error_message", "") for f in others]
    assert "error_message" not in first
    assert len({*sentences, ""}) == len(others) + 1


def test_failed_attempts_keep_their_failure_type(handler: OneReadingErrorHandler) -> None:
    """Of a filter that retries, the CDK forgets it: what the error is if it lasts."""
    resolution = handler.interpret_response(response(coded("access_token_invalid"), 401))
    assert (resolution.response_action, resolution.failure_type) == (RETRY, CONFIG)
    resolution = handler.interpret_response(response(coded("rate_limit_exceeded"), 429))
    assert (resolution.response_action, resolution.failure_type) == (LIMITED, TRANSIENT)


def test_filters_leave_no_response_unjudged(handler: OneReadingErrorHandler) -> None:
    """A manifest that lacked the last filter would not go on in silence."""
    (handler.response_filters or []).pop()
    with pytest.raises(ValueError, match="last filter"):
        handler.interpret_response(response(coded("never_heard_of"), 400))


def test_recorded_errors_get_the_right_action(handler: OneReadingErrorHandler) -> None:
    assert verdict(handler, recorded("access_token_invalid.401.json"), 401) == (REFRESH, CONFIG)
    assert verdict(handler, recorded("scope_not_authorized.401.json"), 401) == (FAIL, CONFIG)
