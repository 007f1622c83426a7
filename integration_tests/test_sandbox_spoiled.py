"""Faults that look like right responses at first: a connector that trusts the status or the code loses records."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox import Sandbox
from sandbox.client import Client
from sandbox.facts import DATA_PATHS, PATHS, USER_FIELDS, USER_INFO_PATH, VIDEO_FIELDS, VIDEO_LIST_PATH
from sandbox.faults import DESCRIPTIONS, PASSING, SPOILED, names_for

_Pair = tuple[requests.Response, requests.Response]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(videos=30, rate_limit=0, trickle_seconds=0.6) as sandbox:
        yield sandbox


@pytest.fixture
def spoil(sandbox: Sandbox, client: Client) -> Callable[[str, str], _Pair]:
    """Sends a request that meets a fault, and the same one again."""

    def send(path: str, fault: str) -> _Pair:
        sandbox.fail(path, fault)
        if path == USER_INFO_PATH:
            return client.user_info(USER_FIELDS), client.user_info(USER_FIELDS)
        return client.video_list(VIDEO_FIELDS), client.video_list(VIDEO_FIELDS)

    return send


@pytest.mark.parametrize("path", [USER_INFO_PATH, VIDEO_LIST_PATH])
@pytest.mark.parametrize("status", [403, 500, 503])
def test_ok_with_an_error_status_has_the_right_body(spoil: Any, path: str, status: int) -> None:
    spoiled, right = spoil(path, f"ok_{status}")

    assert (spoiled.status_code, right.status_code) == (status, 200)
    assert spoiled.json()["data"] == right.json()["data"]
    assert spoiled.json()["error"]["code"] == "ok"


@pytest.mark.parametrize("path", [USER_INFO_PATH, VIDEO_LIST_PATH])
@pytest.mark.parametrize(("fault", "left"), [("data_empty", {"data": {}}), ("data_null", {"data": None})])
def test_data_comes_empty_or_null(sandbox: Sandbox, spoil: Any, path: str, fault: str, left: Any) -> None:
    spoiled, right = spoil(path, fault)

    error = spoiled.json()["error"]
    assert (spoiled.status_code, error["code"], spoiled.json()) == (200, "ok", {**left, "error": error})
    assert right.json()["data"]
    assert sandbox.requests[0].videos == ()


@pytest.mark.parametrize("path", [USER_INFO_PATH, VIDEO_LIST_PATH])
def test_data_missing_leaves_the_error_alone(spoil: Any, path: str) -> None:
    spoiled, _ = spoil(path, "data_missing")

    assert (spoiled.status_code, set(spoiled.json())) == (200, {"error"})


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        ("videos_missing", lambda data: data.pop("videos")),
        ("videos_null", lambda data: data.update(videos=None)),
        ("has_more_missing", lambda data: data.pop("has_more")),
        ("has_more_null", lambda data: data.update(has_more=None)),
        ("has_more_text", lambda data: data.update(has_more="true")),
    ],
)
def test_a_page_is_right_but_for_one_key(
    sandbox: Sandbox, spoil: Any, fault: str, change: Callable[[Any], Any]
) -> None:
    spoiled, right = spoil(VIDEO_LIST_PATH, fault)
    data = right.json()["data"]
    change(data)

    assert (spoiled.status_code, spoiled.json()["data"]) == (200, data)
    assert len(sandbox.requests[0].videos) == (0 if fault.startswith("videos") else 10)


def test_has_more_text_is_false_on_the_last_page(sandbox: Sandbox, client: Client) -> None:
    sandbox.fail(VIDEO_LIST_PATH, "has_more_text")

    assert (
        client.video_list(cursor=sandbox.account.videos[25]["create_time"] * 1000).json()["data"]["has_more"] == "false"
    )


def test_user_missing_leaves_no_user(spoil: Any) -> None:
    assert spoil(USER_INFO_PATH, "user_missing")[0].json()["data"] == {}


def test_user_without_open_id_has_all_else(spoil: Any) -> None:
    spoiled, right = spoil(USER_INFO_PATH, "user_without_open_id")
    user = right.json()["data"]["user"]
    del user["open_id"]

    assert spoiled.json()["data"]["user"] == user


@pytest.mark.parametrize(
    ("path", "where"), [(VIDEO_LIST_PATH, b'"title":"\xff'), (USER_INFO_PATH, b'"bio_description":"\xff')]
)
def test_invalid_utf8_is_one_byte_inside_a_text(spoil: Any, path: str, where: bytes) -> None:
    spoiled, right = spoil(path, "invalid_utf8")

    assert (spoiled.status_code, spoiled.content.count(where)) == (200, 1)
    with pytest.raises(UnicodeDecodeError):
        spoiled.content.decode("utf-8")
    assert json.loads(spoiled.content.replace(b"\xff", b""))["data"] == right.json()["data"]


def test_invalid_utf8_is_played_without_a_caption_too(sandbox: Sandbox, client: Client) -> None:
    sandbox.fail(VIDEO_LIST_PATH, "invalid_utf8")

    assert b"\xff" in client.video_list(("id",)).content


def test_deep_json_is_too_deep_for_a_parser(spoil: Any) -> None:
    spoiled, _ = spoil(VIDEO_LIST_PATH, "deep_json")

    assert (spoiled.status_code, spoiled.content[:3], len(spoiled.content)) == (200, b"[[[", 200_000)
    with pytest.raises(RecursionError):
        json.loads(spoiled.content)


def test_long_number_has_5000_digits_in_a_right_body(spoil: Any) -> None:
    spoiled, right = spoil(VIDEO_LIST_PATH, "long_number")
    parsed = json.loads(spoiled.content, parse_int=lambda digits: digits if len(digits) == 5_000 else int(digits))

    assert (len(parsed["error"].pop("ts")), parsed["data"]) == (5_000, right.json()["data"])
    assert parsed["error"]["code"] == "ok"


def test_redirect_away_leads_to_a_response_without_data(sandbox: Sandbox, spoil: Any) -> None:
    spoiled, _ = spoil(VIDEO_LIST_PATH, "redirect_away")
    there = requests.post(sandbox.base_url + spoiled.headers["Location"], json={}, timeout=5)

    assert (spoiled.status_code, spoiled.headers["Location"]) == (307, "/elsewhere")
    assert (there.status_code, there.json()) == (200, {"data": {}, "error": {"code": "ok"}})
    assert [entry.status for entry in sandbox.requests_to("/elsewhere")] == [200]
    assert sandbox.requests_to(VIDEO_LIST_PATH)[0].videos == ()
    sandbox.check()


def test_bad_redirect_leads_to_no_url(sandbox: Sandbox) -> None:
    sandbox.fail(VIDEO_LIST_PATH, "bad_redirect")
    with closing(_list_raw(sandbox)) as response:
        assert response.status == 307
        with pytest.raises(ValueError, match="Invalid IPv6 URL"):
            urlsplit(response.headers["Location"])


def _list_raw(sandbox: Sandbox) -> http.client.HTTPResponse:
    """A response that no client has looked at: `requests` parses the address of a redirect on its own."""
    headers = {"Authorization": f"Bearer {sandbox.grant().access_token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(urlsplit(sandbox.base_url).netloc, timeout=5)
    # The response keeps the connection open until it is closed itself.
    connection.request("POST", f"{VIDEO_LIST_PATH}?fields=id,title", "{}", {**headers, "Connection": "close"})
    return connection.getresponse()


def test_odd_headers_come_with_the_right_response(spoil: Any) -> None:
    spoiled, right = spoil(VIDEO_LIST_PATH, "odd_headers")

    assert spoiled.headers["ratelimit-remaining"] == "100, 100;w=60"
    assert spoiled.headers["ratelimit-reset"] == "soon"
    assert spoiled.json()["data"] == right.json()["data"]
    assert "ratelimit-reset" not in right.headers


def test_trickle_spreads_the_right_body_over_its_seconds(sandbox: Sandbox) -> None:
    sandbox.fail(VIDEO_LIST_PATH, "trickle")
    start = time.monotonic()
    with closing(_list_raw(sandbox)) as response:
        arrivals = [(time.monotonic() - start, piece) for piece in iter(lambda: response.read1(100_000), b"")]

    assert len(json.loads(b"".join(piece for _, piece in arrivals))["data"]["videos"]) == 10
    assert len(arrivals) >= 6
    assert arrivals[0][0] < 0.4
    assert 0.55 < arrivals[-1][0] < 3


def test_a_trickling_response_does_not_keep_the_sandbox_running() -> None:
    with Sandbox(videos=1, trickle_seconds=60) as sandbox, Client(sandbox) as client:
        sandbox.fail(VIDEO_LIST_PATH, "trickle")
        with pytest.raises(requests.RequestException):
            client.send("POST", f"{VIDEO_LIST_PATH}?fields=id", json={}, headers=client.bearer, timeout=0.3)
        start = time.monotonic()
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("path", [USER_INFO_PATH, VIDEO_LIST_PATH])
def test_a_refused_request_is_left_alone(sandbox: Sandbox, path: str) -> None:
    with Client(sandbox, "act.unknown") as stranger:
        for name in {*names_for(path)} & {*SPOILED, "without_id", "invalid_utf8"} - _instead_of_the_right_one():
            sandbox.fail(path, name)
            response = stranger.user_info() if path == USER_INFO_PATH else stranger.video_list()
            assert (response.status_code, response.json()["error"]["code"]) == (401, "access_token_invalid"), name


def _instead_of_the_right_one() -> set[str]:
    return {"deep_json", "redirect_away", "bad_redirect"}


@pytest.mark.parametrize("path", DATA_PATHS)
@pytest.mark.parametrize("name", SPOILED)
def test_the_request_after_a_spoiled_one_is_right(sandbox: Sandbox, client: Client, name: str, path: str) -> None:
    if name not in names_for(path):
        return
    sandbox.fail(path, name)
    # `requests` parses the address of a redirect although it does not follow it.
    with nullcontext() if name != "bad_redirect" else pytest.raises(ValueError, match="Invalid IPv6 URL"):
        _ask(client, path)

    assert _ask(client, path) == 200
    assert [entry.fault for entry in sandbox.requests] == [name, None]


def _ask(client: Client, path: str) -> int:
    if path == USER_INFO_PATH:
        return client.user_info().status_code
    body: Any = {} if path == VIDEO_LIST_PATH else {"filters": {"video_ids": ["7"]}}
    return client.send("POST", path, params={"fields": "id"}, json=body, headers=client.bearer).status_code


def test_spoiled_faults_are_described_and_none_is_passing_too() -> None:
    known = {name for path in PATHS for name in names_for(path)}

    assert set(SPOILED) <= set(DESCRIPTIONS) & known
    assert set(SPOILED) & set(PASSING) == set()
    assert len(SPOILED) == len(set(SPOILED))


@pytest.mark.parametrize(
    ("path", "name"),
    [(USER_INFO_PATH, "videos_null"), (VIDEO_LIST_PATH, "user_missing"), (VIDEO_LIST_PATH, "token_limited")],
)
def test_a_fault_of_one_endpoint_is_refused_for_another(sandbox: Sandbox, path: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"has no fault '{name}'"):
        sandbox.fail(path, name)
