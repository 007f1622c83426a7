"""A minimal tap on Meltano's Singer SDK. Usage: tap.py --config config.json."""

from __future__ import annotations

from typing import Any

import requests
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.pagination import JSONPathPaginator

TEXTS = ["id", "cover_image_url", "share_url", "video_description", "title", "embed_html", "embed_link"]
NUMBERS = ["create_time", "duration", "height", "width", "like_count", "comment_count", "share_count", "view_count"]


class HasMorePaginator(JSONPathPaginator):
    """Follows the cursor while `has_more` is true, because the last page has a cursor too."""

    def has_more(self, response: requests.Response) -> bool:
        """Whether another page follows."""
        return bool(response.json()["data"]["has_more"])


class Videos(RESTStream):
    """The public videos, newest first."""

    name = "videos"
    path = "/v2/video/list/"
    http_method = "POST"
    payload_as_json = True
    primary_keys = ("id",)
    records_jsonpath = "$.data.videos[*]"
    schema = th.PropertiesList(
        *(th.Property(name, th.StringType) for name in TEXTS),
        *(th.Property(name, th.IntegerType) for name in NUMBERS),
        th.Property("is_aigc", th.BooleanType),
    ).to_dict()

    @property
    def url_base(self) -> str:
        """The API's URL."""
        return str(self.config["base_url"])

    @property
    def authenticator(self) -> BearerTokenAuthenticator:
        """Adds the access token to each request."""
        return BearerTokenAuthenticator(token=self.config["access_token"])

    def get_new_paginator(self) -> HasMorePaginator:
        """A paginator at the newest video."""
        return HasMorePaginator("$.data.cursor")

    def get_url_params(self, context: Any, next_page_token: int | None) -> dict[str, str]:
        """All fields."""
        return {"fields": ",".join(self.schema["properties"])}

    def prepare_request_payload(self, context: Any, next_page_token: int | None) -> dict[str, int]:
        """The largest page, from the cursor on."""
        return {"max_count": 20} | ({"cursor": next_page_token} if next_page_token else {})


class TapTiktok(Tap):
    """One stream, one account."""

    name = "tap-tiktok"
    config_jsonschema = th.PropertiesList(
        th.Property("base_url", th.StringType, required=True),
        th.Property("access_token", th.StringType, required=True, secret=True),
    ).to_dict()

    def discover_streams(self) -> list[Videos]:
        """The streams."""
        return [Videos(self)]


if __name__ == "__main__":
    TapTiktok.cli()
