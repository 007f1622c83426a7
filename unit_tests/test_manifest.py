"""The manifest as code: the CDK accepts misplaced keys and predicates that are never true; these tests don't."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from airbyte_cdk.sources.declarative.concurrent_declarative_source import get_declarative_component_schema
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver
from airbyte_cdk.sources.streams.call_rate import CallRateLimitHit, HttpAPIBudget
from freezegun.api import FrozenDateTimeFactory

from source_tiktok_organic import SourceTiktokOrganic
from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector
from unit_tests.tiktok import (
    ACCESS_TOKEN_CONFIG,
    BASE_URL,
    NOW,
    OAUTH_CONFIG,
    USER,
    TikTok,
    error_response,
    ok_response,
    page,
    video,
)


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


def test_cdk_knows_every_key_of_the_manifest() -> None:
    assert unknown_keys(resolved()) == []


def test_misplaced_key_is_found() -> None:
    manifest = resolved()
    manifest["streams"][1]["retriever"]["record_selector"]["paginator"] = {}
    assert unknown_keys(manifest) == ["manifest.streams[1].retriever.record_selector.paginator"]


def test_shared_components_are_defined_once() -> None:
    """Otherwise the components of one stream could drift apart from the other's."""
    raw = [node["type"] for _, node in typed_nodes(load_manifest())]
    once = ["CustomAuthenticator", "CustomRequester", "CustomErrorHandler", "DefaultPaginator"]
    assert {kind: raw.count(kind) for kind in once} == dict.fromkeys(once, 1)


def test_streams_share_their_request_components() -> None:
    streams = {s["name"]: s["retriever"]["requester"] for s in resolved()["streams"]}
    own = {"path", "http_method", "keys", "columns", "fields_by_scope", "optional_fields", "request_body_json"}
    for requester in streams.values():
        assert requester["error_handler"].pop("required_condition")
    shared = [{k: v for k, v in r.items() if k not in own} for r in streams.values()]
    assert shared[0] == shared[1]
    assert {"authenticator", "error_handler", "messages", "rate_limit_waits", "full_width_after"} <= set(shared[0])


def test_parent_request_differs_in_its_fields_only() -> None:
    """It requests the account and its number of videos, with the same retries and credentials."""
    user, videos = (s["retriever"] for s in resolved()["streams"])
    parent = videos["partition_router"]["parent_stream_configs"][0]["stream"]["retriever"]["requester"]
    differing = {k for k in {*parent, *user["requester"]} if parent.get(k) != user["requester"].get(k)}
    assert {name: parent[name] for name in differing} == {
        "columns": None,
        "fields_by_scope": {"user.info.basic": ["open_id"], "user.info.stats": ["video_count"]},
        "optional_fields": ["video_count"],
    }


def test_no_stream_caches_its_responses() -> None:
    """CachedLimiterSession would cache a token's first response, and return one sync's profile in the next."""
    nodes = [node for _, node in typed_nodes(resolved()) if node.get("use_cache") is not None]
    assert [node["use_cache"] for node in nodes if node["use_cache"]] == []
    source = SourceTiktokOrganic(config=ACCESS_TOKEN_CONFIG, catalog=None, state=None)
    sessions = [type(r._http_client._session).__name__ for r in requesters(source)]
    assert sessions == ["LimiterSession"] * 3


def requesters(source: SourceTiktokOrganic) -> list[Any]:
    """The requesters of both streams and of the parent; the CDK has no other way to them."""
    profile, videos = source.streams(ACCESS_TOKEN_CONFIG)
    parent = videos.cursor._partitions.parent_stream_configs[0].stream
    factories = [stream._stream_partition_generator._partition_factory for stream in (profile, videos, parent)]
    return [factory._retriever.requester for factory in factories]


def test_requests_have_timeouts_and_are_streamed(tiktok: TikTok, connector: Connector) -> None:
    """Without `stream`, `requests` reads the body before the handler can limit how long that takes."""
    tiktok.with_an_account()
    connector.read(OAUTH_CONFIG)
    made = [*tiktok.requests("user"), *tiktok.requests("videos")]
    assert [(request.timeout, request.stream) for request in made] == [((10, 60), True)] * 3


def test_retries_use_the_cdks_backoff() -> None:
    """With a backoff strategy, it would wait a second longer, and log each failure as a rate limit."""
    definition = load_manifest()["definitions"]["error_handler"]
    assert (definition["max_retries"], definition["max_response_time"]) == (6, 120)
    assert "backoff_strategies" not in definition
    assert load_manifest(in_check=True)["definitions"]["error_handler"]["max_retries"] == 2


# --- the documented rate limit ---


def request_to(path: str) -> requests.PreparedRequest:
    return requests.Request("GET", f"{BASE_URL}{path}?fields=id").prepare()


def test_every_requester_has_the_same_budget() -> None:
    source = SourceTiktokOrganic(config=ACCESS_TOKEN_CONFIG, catalog=None, state=None)
    budgets = {
        id(b): b for r in requesters(source) for b in (r._http_client._api_budget, r._http_client._session._api_budget)
    }
    (budget,) = budgets.values()
    assert isinstance(budget, HttpAPIBudget)
    assert len(budget._policies) == 2


@pytest.mark.parametrize("path", ["/v2/user/info/", "/v2/video/list/"])
def test_each_endpoint_has_600_requests_in_61_s(path: str, clock: FrozenDateTimeFactory) -> None:
    source = SourceTiktokOrganic(config=ACCESS_TOKEN_CONFIG, catalog=None, state=None)
    budget = requesters(source)[0]._http_client._api_budget
    (other,) = {"/v2/user/info/", "/v2/video/list/"} - {path}
    for _ in range(600):
        budget.acquire_call(request_to(path), block=False)
    for then in (0, 60.9):
        clock.move_to(NOW)
        clock.tick(then)
        with pytest.raises(CallRateLimitHit):
            budget.acquire_call(request_to(path), block=False)
        budget.acquire_call(request_to(other), block=False)
    clock.move_to(NOW)
    clock.tick(61.1)
    budget.acquire_call(request_to(path), block=False)


HEADERS = {
    "no_numbers": {"ratelimit-remaining": "many", "ratelimit-reset": "soon"},
    "nothing_left": {"ratelimit-remaining": "0", "ratelimit-reset": "99999999999"},
    "none_left_now": {"ratelimit-remaining": "0"},
    "not_in_latin_1": {"RateLimit-Remaining": "\xff", "RateLimit-Reset": "1e9"},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_gateway_headers_are_ignored(
    headers: dict[str, str], tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    """TikTok sends none, but the CDK's default names are common, and it fails if they are not numbers."""
    tiktok.responds("user", {**ok_response({"user": USER}), "headers": headers})
    times = [1_793_000_000, 1_792_000_000]
    pages = [page([video(times[0])], True), page([video(times[1])], False)]
    tiktok.responds("videos", *({**one, "headers": headers} for one in pages))
    outcome = connector.read(ACCESS_TOKEN_CONFIG)
    assert (outcome.errors, outcome.records("user_info")) == ([], [USER])
    assert [record["create_time"] for record in outcome.records("videos")] == times
    assert waits == []


@pytest.mark.parametrize("endpoint", ["user", "videos"])
def test_http_429_does_not_use_up_the_budget(
    endpoint: str, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    """The CDK would empty the budget and wait for a minute, in addition to the requester's own waits."""
    working = ok_response({"user": USER}) if endpoint == "user" else page([], False)
    busy = {"text": "<html>Slow down</html>", "status_code": 429}
    tiktok.with_an_account().responds(endpoint, busy, error_response("rate_limit_exceeded", 429), working)
    outcome = connector.check(ACCESS_TOKEN_CONFIG)
    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED"
    assert waits == [1, 10]


@pytest.mark.parametrize(("workers", "expected"), [({}, 30), ({"num_workers": 2}, 2), ({"num_workers": 40}, 40)])
def test_workers_are_30_unless_configured(workers: dict[str, int], expected: int) -> None:
    source = SourceTiktokOrganic(config={**ACCESS_TOKEN_CONFIG, **workers}, catalog=None, state=None)
    assert source._concurrent_source._threadpool._threadpool._max_workers == expected
    assert source._concurrent_source._queue.maxsize == 200  # records of 5 KB that wait to be emitted
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
def test_lookback_is_configured_or_unlimited(
    options: dict[str, Any], day: str, days: int, clock: FrozenDateTimeFactory
) -> None:
    """The lookback of a full sync covers every post."""
    clock.move_to(day)
    source = SourceTiktokOrganic(config={**ACCESS_TOKEN_CONFIG, **options}, catalog=None, state=None)
    cursor: Any = source.streams({})[1].cursor
    newest = 1_793_500_000
    start, _ = cursor.period({"create_time": str(newest)})
    assert start == max(newest - days * 86_400, 1_388_534_400)


def test_full_period_is_one_window(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account(page([video(1_400_000_000)], False))
    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": "2014-01-01"}, "videos")
    assert (outcome.errors, len(tiktok.bodies())) == ([], 1)
    assert load_manifest()["definitions"]["streams"]["videos"]["incremental_sync"]["step"] == "P36500D"


@pytest.mark.parametrize(
    ("start_date", "first_day"), [("2026-12-24", 1_793_577_600), ("2010-05-05", 1_388_534_400)], ids=["future", "past"]
)
def test_start_date_is_clamped_to_tiktoks_first_day_and_today(
    start_date: str, first_day: int, tiktok: TikTok, connector: Connector
) -> None:
    """A start beyond today would become the state, and skip everything before it."""
    tiktok.with_an_account()
    outcome = connector.read({**ACCESS_TOKEN_CONFIG, "start_date": start_date}, "videos")
    assert [int(s["cursor"]["create_time"]) for s in outcome.states[-1]["states"]] == [first_day]


@pytest.mark.parametrize("config", [OAUTH_CONFIG, ACCESS_TOKEN_CONFIG], ids=["oauth", "access_token"])
def test_discover_works_with_either_kind_of_credentials(config: Any, connector: Connector) -> None:
    outcome = connector.discover(config)
    (found,) = outcome.of("CATALOG")
    assert [(s["name"], s["source_defined_primary_key"]) for s in found["streams"]] == [
        ("user_info", [["open_id"]]),
        ("videos", [["id"]]),
    ]
