"""The manifest as code: the CDK accepts misplaced keys and predicates that are never true, these tests do not."""

from collections.abc import Iterator
from typing import Any

import pytest
from airbyte_cdk.sources.declarative.concurrent_declarative_source import get_declarative_component_schema
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver
from freezegun.api import FrozenDateTimeFactory

from source_tiktok_organic import SourceTiktokOrganic
from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, NOW, OAUTH_CONFIG, TikTok, page, video


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


@pytest.mark.parametrize(
    ("start_date", "first_day"), [("2026-12-24", 1_793_577_600), ("2010-05-05", 1_388_534_400)], ids=["future", "past"]
)
def test_start_is_between_tiktoks_first_day_and_today(
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
