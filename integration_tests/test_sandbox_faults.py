"""Each fault does at the socket what its name says, and once.

A fault that is milder than its name makes a connector look sturdier than it is.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest

from sandbox import Sandbox
from sandbox.errors import DATA_ERRORS, TOKEN_ERRORS
from sandbox.facts import AUTHORIZE_PATH, PATHS, TOKEN_PATH, USER_INFO_PATH, VIDEO_LIST_PATH
from sandbox.faults import DESCRIPTIONS, names_for

_RESET = (ConnectionResetError, http.client.IncompleteRead)
_Response = tuple[int, str, bytes]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(videos=30, hang_seconds=0.3) as sandbox:
        yield sandbox


def _post(sandbox: Sandbox, path: str, body: str, headers: dict[str, str]) -> _Response:
    """Status, content type and body as they come over the wire."""
    connection = http.client.HTTPConnection(urlsplit(sandbox.base_url).netloc, timeout=5)
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        raw = response.read()
        if response.length:
            raise AssertionError("The body is shorter than its Content-Length, and the connection was closed in order.")
        return response.status, response.headers.get_content_type(), raw
    finally:
        connection.close()


def _list(sandbox: Sandbox) -> _Response:
    headers = {"Authorization": f"Bearer {sandbox.grant().access_token}", "Content-Type": "application/json"}
    return _post(sandbox, f"{VIDEO_LIST_PATH}?fields=id", "{}", headers)


def _refresh(sandbox: Sandbox, token: str) -> _Response:
    form = {"client_key": sandbox.client_key, "client_secret": sandbox.client_secret}
    body = urlencode({**form, "grant_type": "refresh_token", "refresh_token": token})
    return _post(sandbox, TOKEN_PATH, body, {"Content-Type": "application/x-www-form-urlencoded"})


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("rate_limited", 429, "rate_limit_exceeded"),
        ("http_500", 500, "internal_error"),
        ("error_in_200", 200, "internal_error"),
        ("token_expired", 401, "access_token_invalid"),
        ("unknown_code", 400, "something_new"),
        ("unknown_503", 503, "something_new"),
        *[(code, status, code) for code, (status, _) in DATA_ERRORS.items()],
    ],
)
def test_a_data_error_comes_once(sandbox: Sandbox, name: str, status: int, code: str) -> None:
    sandbox.fail(VIDEO_LIST_PATH, name)
    (first_status, _, body), (second_status, _, _) = _list(sandbox), _list(sandbox)

    assert (first_status, json.loads(body)["error"]["code"], second_status) == (status, code, 200)
    assert [(entry.fault, entry.error_code) for entry in sandbox.requests] == [(name, code), (None, None)]
    sandbox.check()


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("token_500", 500, "server_error"),
        ("unknown_code", 400, "something_new"),
        *[(error, 400, error) for error in TOKEN_ERRORS],
    ],
)
def test_a_token_error_comes_once_and_the_token_survives(sandbox: Sandbox, name: str, status: int, error: str) -> None:
    token = sandbox.grant().refresh_token
    sandbox.fail(TOKEN_PATH, name)
    (first_status, _, body), (second_status, _, _) = _refresh(sandbox, token), _refresh(sandbox, token)

    assert (first_status, json.loads(body)["error"], second_status) == (status, error, 200)


@pytest.mark.parametrize(
    ("name", "status", "content_type", "start"),
    [
        ("http_503", 503, "text/html", b"<html>"),
        ("html_502", 502, "text/html", b"<html>"),
        ("html_200", 200, "text/html", b"<!doctype html>"),
        ("empty_200", 200, "application/json", b""),
    ],
)
def test_a_response_that_is_no_json_counts_no_video_as_read(
    sandbox: Sandbox, name: str, status: int, content_type: str, start: bytes
) -> None:
    sandbox.fail(VIDEO_LIST_PATH, name)
    response = _list(sandbox)

    assert response[:2] == (status, content_type)
    assert response[2][: len(start)] == start
    assert bool(start) == bool(response[2])
    assert (sandbox.requests[0].status, sandbox.requests[0].videos) == (status, ())


def test_wrong_content_type_labels_good_json_as_html(sandbox: Sandbox) -> None:
    sandbox.fail(VIDEO_LIST_PATH, "wrong_content_type")
    status, content_type, body = _list(sandbox)

    assert (status, content_type, len(json.loads(body)["data"]["videos"])) == (200, "text/html", 10)
    assert len(sandbox.requests[0].videos) == 10


def test_without_id_takes_the_id_of_the_first_video_alone(sandbox: Sandbox) -> None:
    sandbox.fail(VIDEO_LIST_PATH, "without_id")
    spoiled, whole = (json.loads(_list(sandbox)[2])["data"]["videos"] for _ in range(2))

    assert spoiled == [{}, *whole[1:]]


def test_cut_off_json_sends_half_as_a_required_condition(sandbox: Sandbox) -> None:
    sandbox.fail(VIDEO_LIST_PATH, "cut_off_json", None)
    cut, whole = _list(sandbox), _list(sandbox)

    assert cut[:2] == whole[:2] == (200, "application/json")
    assert len(cut[2]) == len(whole[2]) // 2
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut[2])
    assert [len(entry.videos) for entry in sandbox.requests] == [0, 10]


def test_reset_before_resets_without_a_response(sandbox: Sandbox) -> None:
    sandbox.fail(VIDEO_LIST_PATH, "reset_before")

    with pytest.raises(ConnectionResetError) as dropped:
        _list(sandbox)
    # Its subclass RemoteDisconnected would be an orderly end.
    assert dropped.type is ConnectionResetError
    assert (sandbox.requests[0].fault, sandbox.requests[0].status) == ("reset_before", 0)


def test_reset_middle_sends_headers_and_breaks_the_body(sandbox: Sandbox) -> None:
    sandbox.fail(VIDEO_LIST_PATH, "reset_middle")
    headers = {"Authorization": f"Bearer {sandbox.grant().access_token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(urlsplit(sandbox.base_url).netloc, timeout=5)
    connection.request("POST", f"{VIDEO_LIST_PATH}?fields=id", "{}", headers)
    response = connection.getresponse()

    assert (response.status, response.headers.get_content_type()) == (200, "application/json")
    with response, pytest.raises(_RESET):
        response.read()
    connection.close()
    assert sandbox.requests[0].videos == ()


def test_hang_sends_the_response_after_the_wait(sandbox: Sandbox) -> None:
    sandbox.fail(VIDEO_LIST_PATH, "hang")
    start = time.monotonic()

    assert _list(sandbox)[0] == 200
    assert time.monotonic() - start >= 0.3


def test_a_hanging_request_does_not_keep_the_sandbox_running() -> None:
    sandbox = Sandbox(videos=1, hang_seconds=60)
    with sandbox:
        sandbox.fail(VIDEO_LIST_PATH, "hang")
        headers = {"Authorization": f"Bearer {sandbox.grant().access_token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(urlsplit(sandbox.base_url).netloc, timeout=5)
        connection.request("POST", f"{VIDEO_LIST_PATH}?fields=id", "{}", headers)
        while not sandbox.requests:
            time.sleep(0.01)
        start = time.monotonic()
    assert time.monotonic() - start < 2
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        connection.getresponse()
    connection.close()


def test_token_lost_uses_the_old_token_up_without_a_response(sandbox: Sandbox) -> None:
    grant = sandbox.grant()
    old = grant.refresh_token
    sandbox.fail(TOKEN_PATH, "token_lost")

    with pytest.raises(ConnectionResetError):
        _refresh(sandbox, old)
    assert grant.refresh_token != old
    assert json.loads(_refresh(sandbox, old)[2])["error"] == "invalid_grant"


def test_a_queue_and_ordinals_give_each_request_its_own_fault(sandbox: Sandbox) -> None:
    sandbox.fail(VIDEO_LIST_PATH, "http_500", None, "html_502")
    sandbox.fail_on(VIDEO_LIST_PATH, {3: "rate_limited", 5: "http_503"})

    assert [_list(sandbox)[0] for _ in range(6)] == [500, 200, 429, 502, 503, 200]


def test_a_fault_of_another_path_is_not_played(sandbox: Sandbox) -> None:
    sandbox.fail(USER_INFO_PATH, "http_500")

    assert _list(sandbox)[0] == 200


@pytest.mark.parametrize(
    ("path", "name"),
    [(VIDEO_LIST_PATH, "nonsense"), (VIDEO_LIST_PATH, "token_lost"), (TOKEN_PATH, "rate_limited")],
)
def test_a_fault_that_the_path_lacks_cannot_be_planned(sandbox: Sandbox, path: str, name: str) -> None:
    with pytest.raises(ValueError, match=rf"no fault '{name}'; known: .*reset_before") as planned:
        sandbox.fail(path, name)
    assert all(known in str(planned.value) for known in names_for(path))
    with pytest.raises(ValueError, match=name):
        sandbox.fail_on(path, {1: name})


def test_a_fault_cannot_be_planned_for_an_unknown_path(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match=r"Unknown path '/v2/video/list'; known: .*/v2/video/list/"):
        sandbox.fail("/v2/video/list", "http_500")


def test_every_fault_of_a_path_is_described() -> None:
    names = {name for path in PATHS for name in names_for(path)}

    assert names == {*DESCRIPTIONS, *DATA_ERRORS, *TOKEN_ERRORS}


def test_a_fault_of_the_consent_page_is_played(sandbox: Sandbox) -> None:
    sandbox.fail(AUTHORIZE_PATH, "html_502")

    assert _post(sandbox, AUTHORIZE_PATH, "", {})[0] == 502
