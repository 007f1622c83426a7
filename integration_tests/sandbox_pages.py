"""The sandbox's video list, read page by page as its own client does."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox import Sandbox
from sandbox.client import Client
from sandbox.messages import Json


def read_pages(sandbox: Sandbox, max_count: int = 20) -> list[Json]:
    """The `data` of each page; the sandbox's own checks passed."""
    with Client(sandbox) as client:
        pages = list(client.pages(("id", "create_time"), max_count))
    sandbox.check()
    return pages


def listed_ids(pages: Sequence[Json]) -> list[str]:
    """The ids of all videos, in the order of the pages."""
    return [video["id"] for page in pages for video in page["videos"]]
