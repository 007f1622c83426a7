"""The schemas, against TikTok's documentation of the user and the video object."""

from typing import Any

import pytest

from source_tiktok_organic.source import load_manifest
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
    "create_time": "integer",
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
    [("user_info", USER_COLUMNS, ["open_id"]), ("videos", VIDEO_COLUMNS, ["id", "create_time", "open_id"])],
)
def test_given_a_schema_when_compared_with_the_documentation_then_every_field_with_its_type(
    stream: str, columns: dict[str, Any], keys: list[str]
) -> None:
    schema = load_manifest()["schemas"][stream]
    assert {name: definition["type"] for name, definition in schema["properties"].items()} == columns
    assert schema["required"] == keys
    assert schema["additionalProperties"] is True
    assert [name for name, definition in schema["properties"].items() if not definition["description"]] == []


def test_given_a_full_read_when_requests_are_made_then_they_ask_for_every_field_of_the_schema(
    tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account()
    connector.read(OAUTH_CONFIG)
    asked = {query["fields"] for query in tiktok.queries("user")}
    assert asked == {"open_id,video_count", ",".join(USER_COLUMNS)}
    (query,) = tiktok.queries("videos")
    assert set(query["fields"].split(",")) == set(VIDEO_COLUMNS) - {"open_id"}


def test_given_recorded_objects_when_compared_with_the_schemas_then_each_recorded_field_is_a_column() -> None:
    user = recorded("user_info_basic_profile_stats.json")["data"]["user"]
    videos = [recorded("video_object.json"), *recorded("video_rows_photo_and_video.json")]
    assert set(user) - set(USER_COLUMNS) == set()
    assert {name for row in videos for name in row} - set(VIDEO_COLUMNS) == set()
