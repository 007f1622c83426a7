"""Requests that violate TikTok's documentation are rejected and recorded; other errors are not recorded.

The tests of the connector call `sandbox.check()` at their end. A mistake that the sandbox accepted would reach the real
API.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import ALL_SCOPES, Sandbox
from sandbox.client import Client
from sandbox.facts import AUTHORIZE_PATH, TOKEN_PATH, USER_INFO_PATH, VIDEO_LIST_PATH, VIDEO_QUERY_PATH

USER, LIST, QUERY = ("GET", USER_INFO_PATH), ("POST", VIDEO_LIST_PATH), ("POST", VIDEO_QUERY_PATH)
TOKEN, CONSENT = ("POST", TOKEN_PATH), ("GET", AUTHORIZE_PATH)
FORM = {
    "client_key": Sandbox.client_key,
    "client_secret": Sandbox.client_secret,
    "grant_type": "refresh_token",
    "refresh_token": "rft.x",
}
CODE_FORM = {
    **{name: FORM[name] for name in ("client_key", "client_secret")},
    "grant_type": "authorization_code",
    "code": "x",
    "redirect_uri": "https://app.example/",
    "code_verifier": "short",
}
CONSENT_QUERY = {
    "client_key": Sandbox.client_key,
    "response_type": "code",
    "scope": ",".join(ALL_SCOPES),
    "redirect_uri": "https://app.example/callback",
    "state": "x",
}
DESKTOP = {"redirect_uri": "http://127.0.0.1:8912/callback/"}
CHALLENGE = hashlib.sha256(b"verifier").hexdigest()


def fields(names: str = "id") -> dict[str, Any]:
    return {"params": {"fields": names}}


def body(**content: Any) -> dict[str, Any]:
    return {**fields(), "json": content}


def ids(*values: Any) -> dict[str, Any]:
    return body(filters={"video_ids": list(values)})


def consent(**changes: str) -> dict[str, Any]:
    return {"params": {**CONSENT_QUERY, **changes}}


MISTAKES: list[tuple[tuple[str, str], dict[str, Any], str]] = [
    # The profile.
    (USER, {}, "'fields' is missing"),
    (USER, fields(""), "'fields' is missing"),
    (USER, fields("open_id,age"), "unknown field 'age'"),
    (USER, fields("open_id, username"), "unknown field"),
    (USER, {"params": {"fields": "open_id", "limit": "1"}}, "unknown query parameter 'limit'"),
    (USER, {"params": [("fields", "open_id"), ("fields", "username")]}, "'fields' is given twice"),
    # The list of videos.
    (("GET", VIDEO_LIST_PATH), fields(), "method must be POST, not GET"),
    (LIST, {"json": {"fields": "id"}}, "'fields' is missing"),
    (LIST, body(fields="id"), "unknown key of the body 'fields'"),
    (LIST, {"params": {"fields": "id", "cursor": "1"}, "json": {}}, "unknown query parameter 'cursor'"),
    (LIST, {**fields(), "data": {"max_count": 20}}, "Content-Type must be application/json"),
    (LIST, {**fields(), "json": [1]}, "the body must be a JSON object"),
    *((LIST, body(max_count=size), "max_count must be an integer") for size in (0, 21, "20", True, None)),
    *((LIST, body(cursor=time), "cursor must be a time in milliseconds") for time in (1_700_000_000, -1)),
    *((LIST, body(cursor=time), "cursor must be an integer") for time in ("0", 1.7e12)),
    # The query of videos.
    (QUERY, ids(*map(str, range(21))), "1 to 20 ids"),
    (QUERY, ids(), "1 to 20 ids"),
    (QUERY, ids(7), "ids as strings of digits"),
    (QUERY, body(), "'filters' of the body must"),
    # The token endpoint.
    (("GET", TOKEN_PATH), {}, "the method must be POST, not GET"),
    (TOKEN, {"json": FORM}, "Content-Type must be application/x-www-form-urlencoded"),
    (TOKEN, {"data": {**FORM, "client_id": "x"}}, "unknown form field 'client_id'"),
    (TOKEN, {"data": {**FORM, "client_key": ""}}, "form field 'client_key' is missing"),
    (TOKEN, {"data": FORM, "params": {"a": "b"}}, "not in the query"),
    (TOKEN, {"data": [*FORM.items(), ("refresh_token", "rft.y")]}, "'refresh_token' is given twice"),
    (TOKEN, {"data": {**FORM, "grant_type": "password"}}, "grant_type must be one of"),
    (TOKEN, {"data": CODE_FORM}, "code_verifier must be 43 to 128 characters"),
    # The consent page.
    (CONSENT, consent(client_key=""), "'client_key' is missing"),
    (CONSENT, consent(client_id="x"), "unknown query parameter 'client_id'"),
    (CONSENT, consent(response_type="token"), "response_type must be 'code'"),
    (CONSENT, consent(state=""), "'state' is missing"),
    (CONSENT, consent(scope="user.info.basic video.list"), "unknown scope"),
    (CONSENT, consent(redirect_uri="/callback"), "redirect_uri must be absolute and https"),
    (CONSENT, consent(redirect_uri="http://app.example/"), "redirect_uri must be absolute and https"),
    (CONSENT, consent(redirect_uri="https://app.example/?a=b"), "no query and no fragment"),
    (CONSENT, consent(redirect_uri="http://localhost/"), "must have a port"),
    (CONSENT, consent(**DESKTOP), "code_challenge_method must be 'S256'"),
    (CONSENT, consent(**DESKTOP, code_challenge=CHALLENGE, code_challenge_method="plain"), "must be 'S256'"),
    (CONSENT, consent(**DESKTOP, code_challenge=CHALLENGE[:43], code_challenge_method="S256"), "hexadecimal"),
    # No endpoint.
    *((("POST", path), {"json": {}}, "the path is unknown") for path in ("/", "/v2/video/list", "/v1.3/video/list/")),
]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(videos=30, rate_limit=0) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox) as caller:
        yield caller


@pytest.mark.parametrize(("endpoint", "options", "text"), MISTAKES)
def test_undocumented_request_is_rejected(
    sandbox: Sandbox, client: Client, endpoint: tuple[str, str], options: dict[str, Any], text: str
) -> None:
    response = client.send(*endpoint, headers=client.bearer, **options)

    (violation,) = sandbox.violations
    method, path = endpoint
    assert violation.startswith(f"{method} {path}: ")
    assert text in violation
    assert response.status_code == (404 if text == "the path is unknown" else 400)
    assert str(sandbox.requests[0].error_code) in response.text


@pytest.mark.parametrize("header", ["", "act.x", "Bearer "])
def test_missing_bearer_token_is_rejected(sandbox: Sandbox, client: Client, header: str) -> None:
    response = client.send(*USER, **fields("open_id"), headers={"Authorization": header})

    assert (response.status_code, response.json()["error"]["code"]) == (401, "access_token_invalid")
    assert len(sandbox.violations) == 1


def test_check_raises_until_the_reset(sandbox: Sandbox, client: Client) -> None:
    client.video_list(max_count=21)

    with pytest.raises(AssertionError, match="max_count must be an integer from 1 to 20, not 21"):
        sandbox.check()
    sandbox.reset()
    sandbox.check()


def test_valid_requests_cause_no_violation(sandbox: Sandbox, client: Client) -> None:
    desktop = consent(**DESKTOP, code_challenge=CHALLENGE, code_challenge_method="S256", disable_auto_auth="1")
    empty = {**fields(), "headers": {**client.bearer, "Content-Type": "application/json"}}
    with Client(sandbox, "act.unknown") as stranger:
        responses = [
            client.send(*LIST, **empty),
            client.video_list(cursor=0),
            client.video_list(cursor=sandbox.account.videos[3]["create_time"] * 1000, max_count=1),
            client.send(*CONSENT, **desktop),
            client.send(*CONSENT, **consent()),
            stranger.user_info(),
            client.refresh("rft.expired"),
            client.token(grant_type="refresh_token", refresh_token="x", client_secret="wrong"),
        ]

    assert [response.status_code for response in responses] == [200, 200, 200, 200, 200, 401, 400, 400]
    assert len(responses[0].json()["data"]["videos"]) == 10
    sandbox.check()
