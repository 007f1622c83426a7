"""The manifest as code: the CDK accepts misplaced keys and predicates that are never true, these tests do not."""

import json
from collections.abc import Iterator
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.concurrent_declarative_source import get_declarative_component_schema
from airbyte_cdk.sources.declarative.interpolation.interpolated_boolean import InterpolatedBoolean
from airbyte_cdk.sources.declarative.models.declarative_component_schema import CustomErrorHandler
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ResponseAction
from freezegun.api import FrozenDateTimeFactory
from urllib3 import HTTPResponse

from source_tiktok_organic import SourceTiktokOrganic
from source_tiktok_organic.config import load_manifest
from source_tiktok_organic.responses import OneReadingErrorHandler
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, NOW, OAUTH_CONFIG, OK, TikTok, page, recorded, video

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


def resolved() -> dict[str, Any]:
    return dict(ManifestReferenceResolver().preprocess_manifest(load_manifest()))


def typed_nodes(node: Any, path: str = "manifest") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if isinstance(node.get("type"), str):
            yield path, node
        for key, value in node.items():
            yield from typed_nodes(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from typed_nodes(value, f"{path}[{index}]")


def unknown_keys(manifest: dict[str, Any]) -> list[str]:
    """Keys of typed nodes that the CDK's schema does not define for that type; Custom… components accept any key."""
    schema = get_declarative_component_schema()
    types = {**schema["definitions"], "DeclarativeSource": schema}
    return [
        f"{path}.{key}"
        for path, node in typed_nodes(manifest)
        if node["type"] in types and not node["type"].startswith("Custom")
        for key in node
        if key not in {*types[node["type"]].get("properties", {}), "$parameters", "type"}
    ]


@pytest.fixture
def handler() -> OneReadingErrorHandler:
    """The error handler of the manifest that takes every page for whole, with a requester that sends nothing."""
    definition = resolved()["definitions"]["error_handler"]
    made: Any = ModelToComponentFactory().create_component(CustomErrorHandler, definition, config={})
    budget = SimpleNamespace(learn=lambda *_, **__: None, has_stalled=lambda: False)
    authenticator = SimpleNamespace(expire=lambda _: None)
    made.requester = SimpleNamespace(api_budget=budget, get_authenticator=lambda: authenticator)
    return made


def response(body: Any, status: int = 200) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer.raw = HTTPResponse(BytesIO(content), preload_content=False)
    answer.request = requests.Request("GET", "https://x/y", headers={"Authorization": "Bearer act"}).prepare()
    return answer


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


def test_cdk_knows_every_key_of_the_manifest() -> None:
    assert unknown_keys(resolved()) == []


def test_misplaced_key_is_found() -> None:
    manifest = resolved()
    manifest["streams"][1]["retriever"]["record_selector"]["extractor"]["record_filter"] = {}
    assert unknown_keys(manifest) == ["manifest.streams[1].retriever.record_selector.extractor.record_filter"]


def test_shared_components_are_defined_once() -> None:
    """Otherwise the components of one stream could drift apart from the other's."""
    raw = [node["type"] for _, node in typed_nodes(load_manifest())]
    once = ["CustomAuthenticator", "CustomRequester", "CustomErrorHandler", "CustomDecoder", "DefaultPaginator"]
    assert {kind: raw.count(kind) for kind in once} == dict.fromkeys(once, 1)


def test_streams_share_their_request_components() -> None:
    streams = {s["name"]: s["retriever"]["requester"] for s in resolved()["streams"]}
    own = {"path", "http_method", "keys", "columns", "fields_by_scope", "optional_fields", "request_body_json"}
    for requester in streams.values():
        assert requester["error_handler"].pop("whole_response")
    shared = [{k: v for k, v in r.items() if k not in own} for r in streams.values()]
    assert shared[0] == shared[1]
    assert {"authenticator", "error_handler", "api_budget", "messages"} <= set(shared[0])


def test_parent_request_differs_in_its_fields_only() -> None:
    """It is asked for the account and its number of videos, with the same retries and sign-in."""
    user, videos = (s["retriever"] for s in resolved()["streams"])
    parent = videos["partition_router"]["parent_stream_configs"][0]["stream"]["retriever"]["requester"]
    differing = {k for k in {*parent, *user["requester"]} if parent.get(k) != user["requester"].get(k)}
    assert {name: parent[name] for name in differing} == {
        "columns": None,
        "fields_by_scope": {"user.info.basic": ["open_id"], "user.info.stats": ["video_count"]},
        "optional_fields": ["video_count"],
    }


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


def test_no_stream_caches_its_responses() -> None:
    """CachedLimiterSession would keep a token's first response, and hand the profile of one sync to the next."""
    nodes = [node for _, node in typed_nodes(resolved()) if node.get("use_cache") is not None]
    assert [node["use_cache"] for node in nodes if node["use_cache"]] == []
    source = SourceTiktokOrganic(config=ACCESS_TOKEN_CONFIG, catalog=None, state=None)
    sessions = [type(r._http_client._session).__name__ for r in requesters(source)]
    assert sessions == ["LimiterSession"] * 3


def requesters(source: SourceTiktokOrganic) -> list[Any]:
    """The requesters of both streams and of the parent; the CDK has no other way to them."""
    found = []
    for stream in source.streams(ACCESS_TOKEN_CONFIG):
        retriever = stream._stream_partition_generator._partition_factory._retriever
        found.append(retriever.requester)
    router = stream._stream_partition_generator._stream_slicer._partition_router
    parent = router.parent_stream_configs[0].stream
    return [*found, parent._stream_partition_generator._partition_factory._retriever.requester]


def test_requests_have_timeouts_and_are_streamed(tiktok: TikTok, connector: Connector) -> None:
    """Without `stream`, `requests` reads the body before the handler can bound how long that takes."""
    tiktok.with_an_account()
    connector.read(OAUTH_CONFIG)
    made = [*tiktok.requests("user"), *tiktok.requests("videos")]
    assert [(request.timeout, request.stream) for request in made] == [((10, 60), True)] * 3


def test_retries_are_as_many_and_as_long_as_said() -> None:
    """The sentences say: seven times in about a minute."""
    definition = load_manifest()["definitions"]["error_handler"]
    assert (definition["max_retries"], definition["longest_response_in_seconds"]) == (6, 120)
    assert definition["backoff_strategies"] == [
        {"type": "ExponentialBackoffStrategy", "factor": 0.5, "jitter_range_in_seconds": 0.5}
    ]


def test_budget_begins_at_the_documented_limit() -> None:
    source = SourceTiktokOrganic(config=ACCESS_TOKEN_CONFIG, catalog=None, state=None)
    budgets = [requester._http_client._api_budget for requester in requesters(source)]
    limits = [(b.requests_per_window, b.window_in_seconds, b.patience_in_seconds) for b in budgets]
    assert limits == [(600, 61, 600)] * 3
    assert budgets[0] is not budgets[1]  # TikTok counts each endpoint by itself


@pytest.mark.parametrize(("workers", "expected"), [({}, 20), ({"num_workers": 2}, 2), ({"num_workers": 40}, 40)])
def test_workers_are_20_unless_configured(workers: dict[str, int], expected: int) -> None:
    source = SourceTiktokOrganic(config={**ACCESS_TOKEN_CONFIG, **workers}, catalog=None, state=None)
    assert source._concurrent_source._threadpool._threadpool._max_workers == expected
    assert load_manifest()["concurrency_level"]["max_concurrency"] == 40


@pytest.mark.parametrize(
    ("options", "day", "days"),
    [
        ({}, NOW, 30),
        ({"lookback_window_days": 0}, NOW, 0),
        ({"lookback_window_days": 3650, "additional_full_sync": "never"}, NOW, 3650),
        ({"additional_full_sync": "weekly"}, "2026-11-08T00:00:00Z", 20_000),
        ({"additional_full_sync": "monthly"}, "2026-12-01T23:59:59Z", 20_000),
    ],
)
def test_lookback_is_that_of_the_config_or_everything(
    options: dict[str, Any], day: str, days: int, clock: FrozenDateTimeFactory
) -> None:
    """The lookback of a full sync reaches before any post."""
    clock.move_to(day)
    source = SourceTiktokOrganic(config={**ACCESS_TOKEN_CONFIG, **options}, catalog=None, state=None)
    cursor: Any = source.streams({})[1].cursor
    made = cursor._create_cursor({}, 0)
    assert made._lookback_window.days == days


def test_whole_time_is_one_window(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(page([video(1_400_000_000)], False))
    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2014-01-01"}, "videos")
    assert (outcome.errors, len(tiktok.bodies())) == ([], 1)
    assert load_manifest()["definitions"]["streams"]["videos"]["incremental_sync"]["step"] == "P36500D"


def test_start_in_the_future_is_today(tiktok: TikTok, connector: Connector) -> None:
    """A start beyond today would become the state, and skip everything before it."""
    tiktok.with_an_account()
    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2026-12-24"}, "videos")
    today = 1_793_577_600  # 2026-11-02
    assert [int(s["cursor"]["create_time"]) for s in outcome.states[-1]["states"]] == [today]


@pytest.mark.parametrize("config", [OAUTH_CONFIG, ACCESS_TOKEN_CONFIG], ids=["oauth", "access_token"])
def test_discover_works_with_either_kind_of_credentials(config: Any, connector: Connector) -> None:
    outcome = connector.discover(config)
    (found,) = outcome.of("CATALOG")
    assert [(s["name"], s["source_defined_primary_key"]) for s in found["streams"]] == [
        ("user_info", [["open_id"]]),
        ("videos", [["id"]]),
    ]
