"""The sandbox responds in the shapes that were recorded from the real API.

A connector that is only ever tested against shapes of our own invention fails on its first real account.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.live.records import differences
from integration_tests.probed import Probed
from sandbox import Sandbox
from sandbox.client import Client
from sandbox.facts import ALL_SCOPES, USER_FIELDS, VIDEO_FIELDS, VIDEO_QUERY_PATH

_RECORDED = Path(__file__).parent / "recorded"
LIMITED = {"rate_limit": 9}
_LOG_ID = re.compile(r"\d{14}[0-9A-F]{20}")


def _recorded(name: str) -> Any:
    return json.loads((_RECORDED / f"{name}.json").read_text(encoding="utf-8"))


def _shape(value: Any) -> Any:
    """Names, nesting and types; of a list, the shape of its first item."""
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value else []
    return type(value).__name__


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(videos=40) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox) as running:
        yield running


def test_a_token_response_has_the_recorded_shape(sandbox: Sandbox, client: Client) -> None:
    response = client.refresh(sandbox.grant().refresh_token).json()

    assert _shape(response) == _shape(_recorded("token_refresh")) == _shape(_recorded("token_exchange"))
    assert (response["access_token"][:4], response["refresh_token"][:4]) == ("act.", "rft.")
    assert (response["open_id"], response["token_type"]) == (sandbox.account.open_id, "Bearer")


def test_a_dead_refresh_token_gets_the_recorded_error(client: Client) -> None:
    response, recorded = client.refresh("rft.dead").json(), _recorded("token_invalid_grant")

    assert _LOG_ID.fullmatch(response.pop("log_id"))
    assert _LOG_ID.fullmatch(recorded.pop("log_id"))
    assert response == recorded


def test_the_user_has_the_recorded_shape(client: Client) -> None:
    recorded = _recorded("user_info_basic_profile_stats")

    response = client.user_info(tuple(recorded["data"]["user"])).json()

    assert _shape(response) == _shape(recorded)
    assert _LOG_ID.fullmatch(response["error"].pop("log_id"))
    assert response["error"] == {"code": "ok", "message": ""}


def test_the_user_with_all_fields_is_the_ground_truth(sandbox: Sandbox, client: Client) -> None:
    assert client.user_info(USER_FIELDS).json()["data"]["user"] == sandbox.account.user
    assert sandbox.account.user["video_count"] == len(sandbox.account.videos) == 40


def test_a_wrong_access_token_gets_the_recorded_401(sandbox: Sandbox) -> None:
    with Client(sandbox, "act.unknown") as stranger:
        response = stranger.user_info()

    _assert_recorded_error(response.json(), "access_token_invalid.401")
    assert response.status_code == 401


def test_a_scope_not_granted_gets_the_recorded_401_without_data(
    sandbox: Sandbox,
) -> None:
    token = sandbox.grant(scopes=("user.info.basic",)).access_token
    with Client(sandbox, token) as modest:
        response = modest.user_info(("open_id", "video_count"))

    _assert_recorded_error(response.json(), "scope_not_authorized.401")
    assert response.status_code == 401


def _assert_recorded_error(response: Any, name: str) -> None:
    recorded = _recorded(name)
    assert _LOG_ID.fullmatch(response["error"].pop("log_id"))
    recorded["error"].pop("log_id")
    assert response == recorded


def test_an_empty_account_gets_the_recorded_response() -> None:
    with Sandbox(videos=0) as empty, Client(empty) as client:
        response, recorded = client.video_list().json(), _recorded("video_list_empty_account")

    assert response.pop("error")["code"] == recorded.pop("error")["code"] == "ok"
    assert response == recorded


def test_an_unknown_id_is_left_out_as_recorded(sandbox: Sandbox, client: Client) -> None:
    known = sandbox.account.videos[5]["id"]
    responses = [_query(client, ["7000000000000000000"]), _query(client, [known, "7000000000000000000"])]

    recorded = _recorded("video_query_unknown_id")["data"]
    assert responses == [recorded, {**recorded, "videos": [{"id": known}]}]


def _query(client: Client, ids: list[str]) -> Any:
    body = {"filters": {"video_ids": ids}}
    response = client.send("POST", VIDEO_QUERY_PATH, params={"fields": "id"}, json=body, headers=client.bearer)
    return response.json()["data"]


@pytest.mark.parametrize("index", [0, 1], ids=["photo", "video"])
def test_videos_have_the_recorded_types(client: Client, index: int) -> None:
    recorded = {**_recorded("video_object"), **_recorded("video_rows_photo_and_video")[index]}

    videos = [video for page in client.pages(tuple(recorded)) for video in page["videos"]]

    assert len(videos) == 40
    assert all(_shape(video) == _shape(recorded) for video in videos)


def test_videos_with_all_fields_are_the_ground_truth(sandbox: Sandbox, client: Client) -> None:
    videos = [video for page in client.pages() for video in page["videos"]]

    assert videos == sandbox.account.videos
    assert all(tuple(video) == VIDEO_FIELDS for video in videos)


def test_a_long_account_has_the_recorded_oddities() -> None:
    videos = Sandbox(videos=1_000).account.videos
    photos = [video for video in videos if video["duration"] == 0]

    assert photos
    assert all("/video/" in photo["share_url"] for photo in photos)
    assert any(video["title"] == "" for video in videos)
    assert max(len(video["video_description"]) for video in videos) > 1_000
    assert all(len(video["id"]) == 19 for video in videos)
    assert all(1_000 <= len(video["embed_html"]) <= 3_000 for video in videos)
    assert any(video["is_aigc"] is True for video in videos)


def test_the_sandbox_is_like_every_recording() -> None:
    """Also those that somebody adds from `make live`, which need no test of their own."""
    ours: dict[str, Any] = {}
    for settings, scopes in (
        ({}, ALL_SCOPES),
        ({}, ("user.info.basic",)),
        ({"videos": 0}, ALL_SCOPES),
        (LIMITED, ALL_SCOPES),
    ):
        with Sandbox(**settings) as sandbox:
            ours |= Probed(sandbox, sandbox.config(scopes=scopes)).run().records.bodies()
    recorded = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in _RECORDED.glob("*.json")}

    kinds = {name.partition(".")[0] for name in recorded} & {name.partition(".")[0] for name in ours}
    assert kinds >= {
        *("token_refresh", "token_invalid_grant", "access_token_invalid", "scope_not_authorized"),
        *("video_list_empty_account", "video_query_unknown_id"),
    }
    assert differences(recorded, ours) == []
