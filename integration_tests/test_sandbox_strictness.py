"""What the documentation rules out is refused and recorded; what is not the client's mistake is not recorded.

A sandbox that forgives a mistake lets it reach the real API.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.client import Client
from sandbox.facts import (
    REVOKE_PATH,
    TOKEN_PATH,
    USER_INFO_PATH,
    VIDEO_LIST_PATH,
    VIDEO_QUERY_PATH,
)

_ID = {"fields": "id"}
_BODY = {"max_count": 20}
_CLIENT = {"client_key": Sandbox.client_key, "client_secret": Sandbox.client_secret}
_REFRESH = {**_CLIENT, "grant_type": "refresh_token", "refresh_token": "rft.x"}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(videos=30, rate_limit=0) as sandbox:
        yield sandbox


def _ids(count: int) -> dict[str, Any]:
    return {"filters": {"video_ids": [str(number) for number in range(count)]}}


_DATA_MISTAKES = {
    "user_without_fields": ("GET", USER_INFO_PATH, {}, "'fields' is missing"),
    "user_with_empty_fields": ("GET", USER_INFO_PATH, {"params": {"fields": ""}}, "'fields' is missing"),
    "user_with_unknown_field": ("GET", USER_INFO_PATH, {"params": {"fields": "open_id,age"}}, "unknown field 'age'"),
    "user_with_spaced_fields": ("GET", USER_INFO_PATH, {"params": {"fields": "open_id, username"}}, "unknown field"),
    "user_with_video_field": ("GET", USER_INFO_PATH, {"params": {"fields": "title"}}, "unknown field 'title'"),
    "user_with_unknown_parameter": (
        "GET",
        USER_INFO_PATH,
        {"params": {"fields": "open_id", "limit": "1"}},
        "unknown query parameter 'limit'",
    ),
    "user_with_repeated_fields": (
        "GET",
        USER_INFO_PATH,
        {"params": [("fields", "open_id"), ("fields", "username")]},
        "'fields' is given twice",
    ),
    "videos_by_get": ("GET", VIDEO_LIST_PATH, {"params": _ID}, "method must be POST, not GET"),
    "fields_in_the_body": (
        "POST",
        VIDEO_LIST_PATH,
        {"params": _ID, "json": {"fields": "id"}},
        "unknown key of the body 'fields'",
    ),
    "fields_only_in_the_body": ("POST", VIDEO_LIST_PATH, {"json": {"fields": "id"}}, "'fields' is missing"),
    "cursor_in_the_query": (
        "POST",
        VIDEO_LIST_PATH,
        {"params": {"fields": "id", "cursor": "1"}, "json": {}},
        "unknown query parameter 'cursor'",
    ),
    "form_body": ("POST", VIDEO_LIST_PATH, {"params": _ID, "data": _BODY}, "Content-Type must be application/json"),
    "no_content_type": ("POST", VIDEO_LIST_PATH, {"params": _ID, "data": b"{}"}, "Content-Type must be"),
    "list_body": ("POST", VIDEO_LIST_PATH, {"params": _ID, "json": [1]}, "the body must be a JSON object"),
    "broken_body": (
        "POST",
        VIDEO_LIST_PATH,
        {"params": _ID, "data": b"{", "headers": {"Content-Type": "application/json"}},
        "the body must be a JSON object",
    ),
    "page_of_21": ("POST", VIDEO_LIST_PATH, {"params": _ID, "json": {"max_count": 21}}, "max_count must be"),
    "page_of_0": ("POST", VIDEO_LIST_PATH, {"params": _ID, "json": {"max_count": 0}}, "max_count must be"),
    "page_of_text": ("POST", VIDEO_LIST_PATH, {"params": _ID, "json": {"max_count": "20"}}, "max_count must be"),
    "page_of_true": ("POST", VIDEO_LIST_PATH, {"params": _ID, "json": {"max_count": True}}, "max_count must be"),
    "page_of_null": ("POST", VIDEO_LIST_PATH, {"params": _ID, "json": {"max_count": None}}, "max_count must be"),
    "cursor_in_seconds": (
        "POST",
        VIDEO_LIST_PATH,
        {"params": _ID, "json": {"cursor": 1_700_000_000}},
        "cursor must be a time in milliseconds",
    ),
    "cursor_negative": ("POST", VIDEO_LIST_PATH, {"params": _ID, "json": {"cursor": -1}}, "milliseconds"),
    "cursor_as_text": ("POST", VIDEO_LIST_PATH, {"params": _ID, "json": {"cursor": "0"}}, "cursor must be an integer"),
    "cursor_as_float": (
        "POST",
        VIDEO_LIST_PATH,
        {"params": _ID, "json": {"cursor": 1.7e12}},
        "cursor must be an integer",
    ),
    "query_of_21_ids": ("POST", VIDEO_QUERY_PATH, {"params": _ID, "json": _ids(21)}, "1 to 20 ids"),
    "query_of_no_ids": ("POST", VIDEO_QUERY_PATH, {"params": _ID, "json": _ids(0)}, "1 to 20 ids"),
    "query_without_filters": ("POST", VIDEO_QUERY_PATH, {"params": _ID, "json": {}}, "'filters' of the body must"),
    "query_by_number": (
        "POST",
        VIDEO_QUERY_PATH,
        {"params": _ID, "json": {"filters": {"video_ids": [7]}}},
        "ids as strings of digits",
    ),
    "query_with_unknown_filter": (
        "POST",
        VIDEO_QUERY_PATH,
        {"params": _ID, "json": {"filters": {"video_ids": ["7"], "since": 1}}},
        "unknown key of filters 'since'",
    ),
}


@pytest.mark.parametrize(("method", "path", "kwargs", "text"), _DATA_MISTAKES.values(), ids=_DATA_MISTAKES)
def test_a_wrong_data_request_is_refused_and_recorded(
    sandbox: Sandbox, client: Client, method: str, path: str, kwargs: dict[str, Any], text: str
) -> None:
    headers = {**client.bearer, **kwargs.get("headers", {})}
    response = client.send(method, path, **{**kwargs, "headers": headers})

    error = response.json()["error"]
    assert (response.status_code, error["code"], response.json()["data"]) == (400, "invalid_params", {})
    assert text in error["message"]
    assert sandbox.violations == [f"{method} {path}: {error['message']}"]
    assert [(entry.status, entry.error_code, entry.log_id) for entry in sandbox.requests] == [
        (400, "invalid_params", error["log_id"])
    ]


_TOKEN_MISTAKES = {
    "json_body": ({"json": _REFRESH}, "invalid_request", "Content-Type must be application/x-www-form-urlencoded"),
    "client_id": (
        {"data": {**_REFRESH, "client_id": "x"}},
        "invalid_request",
        "unknown form field 'client_id'",
    ),
    "no_client_key": (
        {"data": {key: value for key, value in _REFRESH.items() if key != "client_key"}},
        "invalid_request",
        "form field 'client_key' is missing",
    ),
    "parameters_in_the_query": ({"data": _REFRESH, "params": {"a": "b"}}, "invalid_request", "not in the query"),
    "repeated_field": (
        {"data": [*_REFRESH.items(), ("refresh_token", "rft.y")]},
        "invalid_request",
        "'refresh_token' is given twice",
    ),
    "unknown_grant_type": (
        {"data": {**_REFRESH, "grant_type": "password"}},
        "unsupported_grant_type",
        "grant_type must be one of",
    ),
    "short_verifier": (
        {
            "data": {
                **_CLIENT,
                "grant_type": "authorization_code",
                "code": "c",
                "redirect_uri": "https://app.example/",
                "code_verifier": "short",
            }
        },
        "invalid_request",
        "code_verifier must be 43 to 128 characters",
    ),
}


@pytest.mark.parametrize(("kwargs", "error", "text"), _TOKEN_MISTAKES.values(), ids=_TOKEN_MISTAKES)
def test_a_wrong_token_request_is_refused_and_recorded(
    sandbox: Sandbox, client: Client, kwargs: dict[str, Any], error: str, text: str
) -> None:
    response = client.send("POST", TOKEN_PATH, **kwargs)

    payload = response.json()
    assert (response.status_code, payload["error"]) == (400, error)
    assert text in payload["error_description"]
    assert sandbox.violations == [f"POST {TOKEN_PATH}: {payload['error_description']}"]


@pytest.mark.parametrize("path", [TOKEN_PATH, REVOKE_PATH])
def test_a_get_of_an_oauth_endpoint_is_refused_and_recorded(sandbox: Sandbox, client: Client, path: str) -> None:
    assert client.send("GET", path).json()["error"] == "invalid_request"
    assert sandbox.violations == [f"GET {path}: the method must be POST, not GET"]


@pytest.mark.parametrize("path", ["/", "/v2/video/list", "/v1.3/video/list/", "/v2/research/video/query/"])
def test_an_unknown_path_is_404_and_a_violation(sandbox: Sandbox, client: Client, path: str) -> None:
    assert client.send("POST", path, json={}, headers=client.bearer).status_code == 404
    assert sandbox.violations == [f"POST {path}: the path is unknown"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "act.x"}, {"Authorization": "Bearer "}])
def test_a_missing_bearer_header_is_401_and_a_violation(
    sandbox: Sandbox, client: Client, headers: dict[str, str]
) -> None:
    response = client.send("GET", USER_INFO_PATH, params={"fields": "open_id"}, headers=headers)

    assert (response.status_code, response.json()["error"]["code"]) == (401, "access_token_invalid")
    assert len(sandbox.violations) == 1


def test_check_lists_violations_and_reset_forgets_them(sandbox: Sandbox, client: Client) -> None:
    client.video_list(max_count=21)

    with pytest.raises(AssertionError, match="max_count must be an integer from 1 to 20, not 21"):
        sandbox.check()
    sandbox.reset()
    sandbox.check()


def test_right_requests_are_no_violations(sandbox: Sandbox, client: Client) -> None:
    empty = client.send(
        "POST", VIDEO_LIST_PATH, params=_ID, headers={**client.bearer, "Content-Type": "application/json"}
    )
    statuses = [
        empty.status_code,
        client.video_list(cursor=0).status_code,
        client.video_list(cursor=sandbox.account.videos[3]["create_time"] * 1000, max_count=1).status_code,
        client.refresh("rft.dead").status_code,
        client.token(grant_type="refresh_token", refresh_token="x", client_secret="wrong").status_code,
    ]

    assert statuses == [200, 200, 200, 400, 400]
    assert len(empty.json()["data"]["videos"]) == 10
    sandbox.check()


def test_the_log_tells_all_of_a_request(sandbox: Sandbox, client: Client) -> None:
    cursor = sandbox.account.videos[3]["create_time"] * 1000
    videos = client.video_list(("id",), cursor=cursor, max_count=2).json()["data"]["videos"]
    client.refresh("rft.dead")

    listed, refreshed = sandbox.requests
    assert (listed.method, listed.path, listed.query) == ("POST", VIDEO_LIST_PATH, {"fields": "id"})
    assert (listed.body, listed.status, listed.error_code) == ({"cursor": cursor, "max_count": 2}, 200, None)
    assert listed.videos == tuple(video["id"] for video in videos)
    assert refreshed.body == {**_REFRESH, "refresh_token": "rft.dead"}
    assert (refreshed.status, refreshed.error_code, refreshed.fault) == (400, "invalid_grant", None)
    assert listed.at <= refreshed.at
    assert sandbox.requests_to(TOKEN_PATH) == [refreshed]
