"""dlt's declarative `rest_api` source, extracted into dlt's own JSON lines. Usage: read.py config.json.

It runs only `extract`, without normalize and load, because the other readers load nothing either.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import dlt
from dlt.sources.rest_api import rest_api_source

FIELDS = (
    "id,create_time,cover_image_url,share_url,video_description,duration,height,width,title,embed_html,embed_link,"
    "like_count,comment_count,share_count,view_count,is_aigc"
)


def main(base_url: str, access_token: str) -> None:
    """Extract all videos into the folder `dlt` in the working directory."""
    paginator = {"type": "cursor", "cursor_path": "data.cursor", "has_more_path": "data.has_more"}
    source = rest_api_source(
        {
            "client": {
                "base_url": base_url,
                "auth": {"type": "bearer", "token": access_token},
                "paginator": {**paginator, "cursor_body_path": "cursor"},
            },
            "resources": [
                {
                    "name": "videos",
                    "primary_key": "id",
                    "endpoint": {
                        "path": "v2/video/list/",
                        "method": "POST",
                        "params": {"fields": FIELDS},
                        "json": {"max_count": 20},
                        "data_selector": "data.videos",
                    },
                }
            ],
        }
    )
    dlt.pipeline("benchmark", pipelines_dir=str(Path("dlt").resolve()), destination="filesystem").extract(source)


if __name__ == "__main__":
    main(**json.loads(Path(sys.argv[1]).read_text()))
