"""The manifest as code: the CDK ignores misplaced keys and accepts predicates that are never true; tests must not."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.concurrent_declarative_source import get_declarative_component_schema
from airbyte_cdk.sources.declarative.interpolation.interpolated_boolean import InterpolatedBoolean
from airbyte_cdk.sources.declarative.models.declarative_component_schema import DefaultErrorHandler
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ResponseAction

from source_tiktok_organic.source import load_manifest
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, OK, TikTok, recorded

GOOD_BODIES = [
    {"data": {"user": {}}, "error": OK},
    {"data": {"videos": [], "cursor": 0, "has_more": False}, "error": OK},
    {"error": {"code": "ok"}},
    recorded("user_info_basic_profile_stats.json"),
    recorded("video_list_empty_account.json"),
    recorded("video_query_unknown_id.json"),
]
NO_API_ANSWERS = [b"", b"<html>502</html>", b'{"data": {"vid', {}, [], None, 3, {"error": "x"}, {"error": None}]
RETRY, FAIL = ResponseAction.RETRY, ResponseAction.FAIL
SYSTEM, CONFIG, TRANSIENT = FailureType.system_error, FailureType.config_error, FailureType.transient_error
CODES = [
    ("access_token_invalid", 401, ResponseAction.REFRESH_TOKEN_THEN_RETRY, None),
    ("scope_not_authorized", 401, FAIL, CONFIG),
    ("scope_permission_missed", 400, FAIL, CONFIG),
    ("rate_limit_exceeded", 429, ResponseAction.RATE_LIMITED, None),
    ("invalid_params", 400, FAIL, SYSTEM),
    ("internal_error", 500, RETRY, None),
    ("never_heard_of", 400, FAIL, SYSTEM),
]


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
    """Keys of typed nodes that the CDK's schema of that type does not have; Custom… components take any key."""
    schema = get_declarative_component_schema()
    types = {**schema["definitions"], "DeclarativeSource": schema}
    return [
        f"{path}.{key}"
        for path, node in typed_nodes(manifest)
        if node["type"] in types and not node["type"].startswith("Custom")
        for key in node
        if key not in {*types[node["type"]].get("properties", {}), "$parameters", "type"}
    ]


def handler() -> Any:
    definition = resolved()["definitions"]["error_handler"]
    return ModelToComponentFactory().create_component(DefaultErrorHandler, definition, config={})


def response(body: Any, status: int = 200) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answer


def filters() -> list[dict[str, Any]]:
    return list(load_manifest()["definitions"]["error_handler"]["response_filters"])


def test_given_the_manifest_when_its_keys_are_looked_up_then_the_cdk_knows_all_of_them() -> None:
    assert unknown_keys(resolved()) == []


def test_given_a_misplaced_key_when_the_keys_are_looked_up_then_it_is_found() -> None:
    manifest = resolved()
    manifest["streams"][1]["retriever"]["record_selector"]["extractor"]["record_filter"] = {}
    assert unknown_keys(manifest) == ["manifest.streams[1].retriever.record_selector.extractor.record_filter"]


def test_given_the_raw_manifest_when_components_are_counted_then_each_stands_once() -> None:
    """The authenticator, the requester and the error handler of one stream must not drift from the other's."""
    raw = [node["type"] for _, node in typed_nodes(load_manifest())]
    once = ["SelectiveAuthenticator", "CustomRequester", "DefaultErrorHandler", "DefaultPaginator", "HTTPAPIBudget"]
    assert {kind: raw.count(kind) for kind in once} == dict.fromkeys(once, 1)


def test_given_both_streams_when_resolved_then_they_share_requester_authenticator_and_error_handler() -> None:
    streams = {s["name"]: s["retriever"]["requester"] for s in resolved()["streams"]}
    own = {"class_name", "path", "http_method", "keys", "columns", "fields_by_scope"}
    shared = [{k: v for k, v in requester.items() if k not in own} for requester in streams.values()]
    assert shared[0] == shared[1]


@pytest.mark.parametrize("body", GOOD_BODIES)
def test_given_a_good_body_when_the_filters_look_at_it_then_only_the_first_one_matches(body: Any) -> None:
    predicates = [f["predicate"] for f in filters() if "predicate" in f]
    verdicts = [InterpolatedBoolean(p, parameters={}).eval({}, response=body) for p in predicates]
    assert verdicts == [True] + [False] * (len(predicates) - 1)
    assert handler().interpret_response(response(body)).response_action is ResponseAction.SUCCESS


@pytest.mark.parametrize("with_own_status", [True, False], ids=["own_status", "status_200"])
@pytest.mark.parametrize(("code", "status", "action", "failure"), CODES)
def test_given_an_error_code_when_it_comes_with_any_status_then_the_code_decides(
    code: str, status: int, action: ResponseAction, failure: FailureType | None, with_own_status: bool
) -> None:
    body = {"data": {}, "error": {"code": code, "message": "", "log_id": "1"}}
    resolution = handler().interpret_response(response(body, status if with_own_status else 200))
    assert resolution.response_action is action
    assert failure is None or resolution.failure_type is failure
    assert resolution.error_message


@pytest.mark.parametrize(("code", "status", "action", "failure"), CODES)
def test_given_an_error_code_when_the_predicates_look_at_it_then_exactly_one_is_true(
    code: str, status: int, action: ResponseAction, failure: FailureType | None
) -> None:
    """But for the last one, which is for codes that none of the others knows."""
    body = {"error": {"code": code}}
    verdicts = [InterpolatedBoolean(f.get("predicate", ""), parameters={}).eval({}, response=body) for f in filters()]
    assert verdicts[-1] is True
    assert sum(verdicts[:-1]) == (0 if code == "never_heard_of" else 1)


@pytest.mark.parametrize("status", [200, 401, 429, 500, 502, 504])
@pytest.mark.parametrize(
    "body", [b"", b"<html>502</html>", b'{"data": {"vid', {}, [], None, 3, {"error": "x"}, {"error": None}]
)
def test_given_no_answer_of_the_api_when_interpreted_then_it_is_asked_again(body: Any, status: int) -> None:
    assert handler().interpret_response(response(body, status)).response_action is RETRY


def test_given_an_unknown_code_with_a_server_error_when_interpreted_then_the_status_decides() -> None:
    resolution = handler().interpret_response(response({"error": {"code": "never_heard_of"}}, 503))
    assert (resolution.response_action, resolution.failure_type) == (RETRY, TRANSIENT)


def test_given_recorded_errors_when_interpreted_then_the_right_action() -> None:
    found = {
        name: handler().interpret_response(response(recorded(name), 401)).response_action
        for name in ("access_token_invalid.401.json", "scope_not_authorized.401.json")
    }
    assert found == {
        "access_token_invalid.401.json": ResponseAction.REFRESH_TOKEN_THEN_RETRY,
        "scope_not_authorized.401.json": FAIL,
    }


def test_given_the_request_budget_when_a_sync_makes_its_requests_then_a_policy_counts_each_endpoint(
    tiktok: TikTok, connector: Connector
) -> None:
    """The CDK drops the trailing slash before it matches; a pattern with one never matches, and nothing says so."""
    tiktok.with_an_account()
    connector.read(OAUTH_CONFIG)
    matchers = [policy["matchers"][0] for policy in resolved()["api_budget"]["policies"]]
    for endpoint in ("user", "videos"):
        request = tiktok.requests(endpoint)[0]
        path = urlsplit(request.url).path.rstrip("/")
        assert [m["method"] for m in matchers if re.search(m["url_path_pattern"], path)] == [request.method]


@pytest.mark.parametrize("config", [OAUTH_CONFIG, ACCESS_TOKEN_CONFIG], ids=["oauth", "access_token"])
def test_given_either_kind_of_credentials_when_discovered_then_both_streams_and_their_keys(
    config: Any, connector: Connector
) -> None:
    outcome = connector.discover(config)
    (found,) = outcome.of("CATALOG")
    assert [(s["name"], s["source_defined_primary_key"]) for s in found["streams"]] == [
        ("user_info", [["open_id"]]),
        ("videos", [["id"]]),
    ]
