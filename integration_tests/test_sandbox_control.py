"""Control over HTTP: what the methods do, for a sandbox in another process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox import Sandbox
from sandbox.client import Client

_NOW = 1_790_000_000  # epoch s
_TIMEOUT = 5  # s


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(videos=3, accounts=2, now=_NOW) as running:
        yield running


def _post(sandbox: Sandbox, control: str, **body: Any) -> Any:
    response = requests.post(f"{sandbox.base_url}/_sandbox/{control}", json=body, timeout=_TIMEOUT)
    return response.json() if response.ok else (response.status_code, response.json()["error"])


def test_advance_moves_the_clock(sandbox: Sandbox) -> None:
    with Client(sandbox) as client:
        before = client.user_info().status_code

        assert _post(sandbox, "advance", seconds=7_200) == {}
        assert (before, client.user_info().status_code) == (200, 401)


def test_post_publishes_a_video_and_responds_with_it(sandbox: Sandbox) -> None:
    now = _post(sandbox, "post")
    old = _post(sandbox, "post", create_time=_NOW - 1_000, title="old")
    other = _post(sandbox, "post", account=sandbox.accounts[1].open_id, view_count=3)

    assert now == sandbox.account.videos[0]
    assert _NOW <= now["create_time"] < _NOW + 60
    assert (old["create_time"], old["title"], old in sandbox.account.videos) == (_NOW - 1_000, "old", True)
    assert (other["view_count"], other in sandbox.accounts[1].videos) == (3, True)
    assert [len(account.videos) for account in sandbox.accounts] == [5, 4]


def test_change_gives_a_video_other_values(sandbox: Sandbox) -> None:
    video_id = sandbox.accounts[1].videos[2]["id"]
    changed = _post(sandbox, "change", account=sandbox.accounts[1].open_id, id=video_id, like_count=9)

    assert (changed["id"], changed["like_count"]) == (video_id, 9)
    assert sandbox.accounts[1].videos[2] == changed


def test_change_without_an_id_changes_the_user(sandbox: Sandbox) -> None:
    changed = _post(sandbox, "change", account=sandbox.accounts[1].open_id, bio_description="moved")

    assert changed == sandbox.accounts[1].user
    assert [account.user["bio_description"] == "moved" for account in sandbox.accounts] == [False, True]


def test_delete_takes_a_video_away(sandbox: Sandbox) -> None:
    before = sandbox.account.videos

    assert _post(sandbox, "delete", id=before[1]["id"]) == {}
    assert sandbox.account.videos == [before[0], before[2]]


def test_revoke_ends_access_tokens_alone(sandbox: Sandbox) -> None:
    grant = sandbox.grant()
    with Client(sandbox, grant.access_token) as client:
        assert _post(sandbox, "revoke") == {}
        assert (client.user_info().status_code, client.refresh(grant.refresh_token).status_code) == (401, 200)


def test_expire_ends_refresh_tokens_alone(sandbox: Sandbox) -> None:
    grant = sandbox.grant()
    with Client(sandbox, grant.access_token) as client:
        assert _post(sandbox, "expire") == {}
        assert (client.user_info().status_code, client.refresh(grant.refresh_token).status_code) == (200, 400)


def test_rate_limit_changes_the_limit(sandbox: Sandbox) -> None:
    assert _post(sandbox, "rate_limit", limit=1) == {}
    with Client(sandbox) as client:
        assert [client.user_info().status_code for _ in range(2)] == [200, 429]


def test_control_requests_are_not_logged(sandbox: Sandbox) -> None:
    _post(sandbox, "post")
    _post(sandbox, "nonsense")

    assert sandbox.requests == []


@pytest.mark.parametrize(
    ("control", "body", "text"),
    [
        ("advance", {}, "seconds"),
        ("advance", {"seconds": "soon"}, "could not convert"),
        ("post", {"likes": 1}, "likes cannot be set; known: "),
        ("post", {"account": "me"}, "No account has the open_id 'me'."),
        ("post", {"create_time": "now"}, "unsupported operand"),
        ("change", {"id": "123", "title": "x"}, "no public video 123"),
        ("change", {"video_count": 1}, "video_count cannot be set"),
        ("delete", {}, "id"),
        ("rate_limit", {"limit": "many"}, "must be an integer"),
    ],
)
def test_a_wrong_control_request_changes_nothing(sandbox: Sandbox, control: str, body: Any, text: str) -> None:
    before = [(account.user, account.videos) for account in sandbox.accounts]
    status, message = _post(sandbox, control, **body)

    assert (status, text in message) == (400, True)
    assert [(account.user, account.videos) for account in sandbox.accounts] == before
