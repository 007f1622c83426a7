"""The sandbox answers in the shapes that were recorded from the real API.

A connector that is only ever tested against shapes of our own invention fails on its first real account.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.client import Client
from sandbox.facts import USER_FIELDS, VIDEO_FIELDS, VIDEO_QUERY_PATH

_RECORDED = Path(__file__).parent / "recorded"
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


def test_given_a_consent_when_refreshed_then_the_token_answer_has_the_recorded_shape(
    sandbox: Sandbox, client: Client
) -> None:
    answer = client.refresh(sandbox.grant().refresh_token).json()

    assert _shape(answer) == _shape(_recorded("token_refresh")) == _shape(_recorded("token_exchange"))
    assert (answer["access_token"][:4], answer["refresh_token"][:4]) == ("act.", "rft.")
    assert (answer["open_id"], answer["token_type"]) == (sandbox.account.open_id, "Bearer")


def test_given_a_dead_refresh_token_when_used_then_the_recorded_error_comes(client: Client) -> None:
    answer, recorded = client.refresh("rft.dead").json(), _recorded("token_invalid_grant")

    assert _LOG_ID.fullmatch(answer.pop("log_id"))
    assert _LOG_ID.fullmatch(recorded.pop("log_id"))
    assert answer == recorded


def test_given_the_recorded_fields_when_the_user_is_read_then_the_shape_is_the_recorded_one(client: Client) -> None:
    recorded = _recorded("user_info_basic_profile_stats")

    answer = client.user_info(tuple(recorded["data"]["user"])).json()

    assert _shape(answer) == _shape(recorded)
    assert _LOG_ID.fullmatch(answer["error"].pop("log_id"))
    assert answer["error"] == {"code": "ok", "message": ""}


def test_given_all_fields_when_the_user_is_read_then_it_is_the_ground_truth(sandbox: Sandbox, client: Client) -> None:
    assert client.user_info(USER_FIELDS).json()["data"]["user"] == sandbox.account.user
    assert sandbox.account.user["video_count"] == len(sandbox.account.videos) == 40


def test_given_a_wrong_access_token_when_called_then_the_recorded_401_comes(sandbox: Sandbox) -> None:
    with Client(sandbox, "act.unknown") as stranger:
        response = stranger.user_info()

    _assert_recorded_error(response.json(), "access_token_invalid.401")
    assert response.status_code == 401


def test_given_a_scope_not_granted_when_its_field_is_read_then_the_recorded_401_without_data_comes(
    sandbox: Sandbox,
) -> None:
    token = sandbox.grant(scopes=("user.info.basic",)).access_token
    with Client(sandbox, token) as modest:
        response = modest.user_info(("open_id", "video_count"))

    _assert_recorded_error(response.json(), "scope_not_authorized.401")
    assert response.status_code == 401


def _assert_recorded_error(answer: Any, name: str) -> None:
    recorded = _recorded(name)
    assert _LOG_ID.fullmatch(answer["error"].pop("log_id"))
    recorded["error"].pop("log_id")
    assert answer == recorded


def test_given_an_account_without_videos_when_listed_then_the_recorded_answer_comes() -> None:
    with Sandbox(videos=0) as empty, Client(empty) as client:
        answer, recorded = client.video_list().json(), _recorded("video_list_empty_account")

    assert answer.pop("error")["code"] == recorded.pop("error")["code"] == "ok"
    assert answer == recorded


def test_given_an_unknown_id_when_queried_then_the_recorded_answer_leaves_it_out(
    sandbox: Sandbox, client: Client
) -> None:
    known = sandbox.account.videos[5]["id"]
    answers = [_query(client, ["7000000000000000000"]), _query(client, [known, "7000000000000000000"])]

    recorded = _recorded("video_query_unknown_id")["data"]
    assert answers == [recorded, {**recorded, "videos": [{"id": known}]}]


def _query(client: Client, ids: list[str]) -> Any:
    body = {"filters": {"video_ids": ids}}
    response = client.send("POST", VIDEO_QUERY_PATH, params={"fields": "id"}, json=body, headers=client.bearer)
    return response.json()["data"]


@pytest.mark.parametrize("index", [0, 1], ids=["photo", "video"])
def test_given_the_recorded_fields_when_videos_are_listed_then_each_has_the_recorded_types(
    client: Client, index: int
) -> None:
    recorded = {**_recorded("video_object"), **_recorded("video_rows_photo_and_video")[index]}

    videos = [video for page in client.pages(tuple(recorded)) for video in page["videos"]]

    assert len(videos) == 40
    assert all(_shape(video) == _shape(recorded) for video in videos)


def test_given_all_fields_when_videos_are_listed_then_they_are_the_ground_truth(
    sandbox: Sandbox, client: Client
) -> None:
    videos = [video for page in client.pages() for video in page["videos"]]

    assert videos == sandbox.account.videos
    assert all(tuple(video) == VIDEO_FIELDS for video in videos)


def test_given_a_long_account_when_made_then_the_recorded_oddities_occur() -> None:
    videos = Sandbox(videos=1_000).account.videos
    photos = [video for video in videos if video["duration"] == 0]

    assert photos
    assert all("/video/" in photo["share_url"] for photo in photos)
    assert any(video["title"] == "" for video in videos)
    assert max(len(video["video_description"]) for video in videos) > 1_000
    assert all(len(video["id"]) == 19 for video in videos)
    assert all(1_000 <= len(video["embed_html"]) <= 3_000 for video in videos)
    assert any(video["is_aigc"] is True for video in videos)
