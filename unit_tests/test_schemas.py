"""The schemas against TikTok's documentation of the user and the video object."""

from typing import Any

import pytest

from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector
from unit_tests.tiktok import OAUTH_CONFIG, TikTok, recorded

TEXT, NUMBER, FLAG = ["string", "null"], ["integer", "null"], ["boolean", "null"]
# developers.tiktok.com/doc/tiktok-api-v2-user-object and …/tiktok-api-v2-video-object
USER_COLUMNS = {
    "open_id": "string",
    "union_id": TEXT,
    "avatar_url": TEXT,
    "avatar_url_100": TEXT,
    "avatar_large_url": TEXT,
    "display_name": TEXT,
    "bio_description": TEXT,
    "profile_deep_link": TEXT,
    "username": TEXT,
    "is_verified": FLAG,
    "follower_count": NUMBER,
    "following_count": NUMBER,
    "likes_count": NUMBER,
    "video_count": NUMBER,
}
VIDEO_COLUMNS = {
    "id": "string",
    "open_id": "string",
    "create_time": NUMBER,  # null where TikTok sends something else
    "cover_image_url": TEXT,
    "share_url": TEXT,
    "video_description": TEXT,
    "duration": NUMBER,
    "height": NUMBER,
    "width": NUMBER,
    "title": TEXT,
    "embed_html": TEXT,
    "embed_link": TEXT,
    "like_count": NUMBER,
    "comment_count": NUMBER,
    "share_count": NUMBER,
    "view_count": NUMBER,
    "is_aigc": FLAG,
}


@pytest.mark.parametrize(
    ("stream", "columns", "keys"),
    [("user_info", USER_COLUMNS, ["open_id"]), ("videos", VIDEO_COLUMNS, ["id", "open_id"])],
)
def test_schema_matches_tiktoks_documentation(stream: str, columns: dict[str, Any], keys: list[str]) -> None:
    schema = load_manifest()["schemas"][stream]
    assert {name: definition["type"] for name, definition in schema["properties"].items()} == columns
    assert schema["required"] == keys
    assert schema["additionalProperties"] is True
    assert [name for name, definition in schema["properties"].items() if not definition["description"]] == []


def test_full_read_requests_every_field(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    connector.read(OAUTH_CONFIG)
    requested = {query["fields"] for query in tiktok.queries("user")}
    assert requested == {"open_id,video_count", ",".join(USER_COLUMNS)}
    (query,) = tiktok.queries("videos")
    assert set(query["fields"].split(",")) == set(VIDEO_COLUMNS) - {"open_id"}


def test_recorded_fields_are_all_columns() -> None:
    user = recorded("user_info_basic_profile_stats.json")["data"]["user"]
    videos = [recorded("video_object.json"), *recorded("video_rows_photo_and_video.json")]
    assert set(user) - set(USER_COLUMNS) == set()
    assert {name for row in videos for name in row} - set(VIDEO_COLUMNS) == set()
