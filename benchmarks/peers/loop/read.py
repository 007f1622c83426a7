"""The simplest reader: sequential requests, one JSON line per video. Usage: read.py config.json."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

FIELDS = (
    "id,create_time,cover_image_url,share_url,video_description,duration,height,width,title,embed_html,embed_link,"
    "like_count,comment_count,share_count,view_count,is_aigc"
)


def pages(base_url: str, access_token: str) -> Iterator[list[dict[str, Any]]]:
    """The videos of each page, newest first."""
    body: dict[str, Any] = {"max_count": 20}
    retries = Retry(total=5, backoff_factor=1, status_forcelist=[429, 500, 502, 503, 504], allowed_methods=["POST"])
    with requests.Session() as session:
        session.mount(base_url, HTTPAdapter(max_retries=retries))
        session.headers["Authorization"] = f"Bearer {access_token}"
        more = True
        while more:
            response = session.post(f"{base_url}/v2/video/list/", params={"fields": FIELDS}, json=body, timeout=60)
            response.raise_for_status()
            data = response.json()["data"]
            yield data["videos"]
            body["cursor"], more = data["cursor"], data["has_more"]


if __name__ == "__main__":
    for page in pages(**json.loads(Path(sys.argv[1]).read_text())):
        for video in page:
            sys.stdout.write(json.dumps(video) + "\n")
