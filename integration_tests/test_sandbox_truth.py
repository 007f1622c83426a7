"""A client that follows the cursor gets exactly the sandbox's videos, with every switch for undocumented behaviour.

If the sandbox itself lost or repeated a video, no test of the connector could tell whose bug it is.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.client import Client
from sandbox.facts import USER_FIELDS
from sandbox.messages import Json

NOW = 1_790_000_000  # epoch s
DAY = 86_400  # s


def pages_of(sandbox: Sandbox, max_count: int = 20) -> list[Json]:
    """The `data` of each page, newest first."""
    with Client(sandbox) as client:
        pages = list(client.pages(("id", "create_time"), max_count))
    sandbox.check()
    return pages


def ids_in(pages: list[Json]) -> list[str]:
    return [video["id"] for page in pages for video in page["videos"]]


def ids_of(sandbox: Sandbox) -> list[str]:
    """The ground truth."""
    return [video["id"] for video in sandbox.account.videos]


@pytest.mark.parametrize("max_count", [1, 7, 20])
@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"same_second": 30},
        {"short_pages": True},
        {"empty_pages": True},
        {"empty_first_page": True, "short_pages": True, "empty_pages": True},
        {"cursor_milliseconds": True, "same_second": 12},
        {"id_lag": True},
    ],
    ids=lambda switches: "+".join(switches) or "as_documented",
)
def test_each_video_is_listed_once_in_order(max_count: int, switches: dict[str, Any]) -> None:
    with Sandbox(**{"rate_limit": 0, "now": NOW, "videos": 150, **switches}) as sandbox:
        pages = pages_of(sandbox, max_count)
        served = [video_id for request in sandbox.requests for video_id in request.videos]

        assert ids_in(pages) == served == ids_of(sandbox)
        assert [page["has_more"] for page in pages] == [True] * (len(pages) - 1) + [False]


@pytest.mark.parametrize("max_count", [1, 3, 20])
def test_inclusive_cursor_repeats_only_page_edges(max_count: int) -> None:
    with Sandbox(cursor_inclusive=True, rate_limit=0, now=NOW, videos=150) as sandbox:
        pages = pages_of(sandbox, max_count)
        truth = ids_of(sandbox)

    counts = Counter(ids_in(pages))
    assert set(counts) == set(truth)
    assert max(counts.values()) == 2
    assert all(first["videos"][-1] in second["videos"] for first, second in pairwise(pages))


@pytest.mark.parametrize("every_page", [False, True])
@pytest.mark.parametrize("listed_again", [False, True])
@pytest.mark.parametrize(("counted", "length"), [(False, 22), (True, 20)])
def test_pinned_videos_are_listed_on_top(counted: bool, length: int, listed_again: bool, every_page: bool) -> None:
    with Sandbox(videos=60, same_second=1, pins_counted=counted) as sandbox:
        truth = ids_of(sandbox)
        second, first = truth[40:42]
        for pinned in (second, first):
            sandbox.account.pin(pinned, every_page, listed_again=listed_again)
        pages = [[video["id"] for video in page["videos"]] for page in pages_of(sandbox)]

    on_top = [page[:2] == [first, second] for page in pages]
    below = [video_id for page, top in zip(pages, on_top, strict=True) for video_id in page[2 * top :]]
    assert on_top == [True, *[every_page] * (len(pages) - 1)]
    assert len(pages[0]) == length
    assert below == [video_id for video_id in truth if listed_again or video_id not in (first, second)]


def test_changes_show_in_the_next_request() -> None:
    with Sandbox(videos=30, now=NOW) as sandbox, Client(sandbox) as client:
        account = sandbox.account
        gone, changed = account.videos[1]["id"], account.videos[2]["id"]
        posted = account.post(create_time=NOW - 5, title="new", view_count=1)
        account.delete(gone)
        account.change(changed, like_count=77)
        account.change_user(bio_description="moved")

        listed = [video for page in client.pages() for video in page["videos"]]
        user = client.user_info(USER_FIELDS).json()["data"]["user"]

        assert (listed, user) == (account.videos, account.user)
    by_id = {video["id"]: video for video in listed}
    assert (posted["title"], posted["view_count"], posted["create_time"]) == ("new", 1, NOW - 5)
    assert by_id[posted["id"]] == posted
    assert (gone in by_id, by_id[changed]["like_count"]) == (False, 77)
    assert (user["video_count"], user["bio_description"]) == (30, "moved")


@pytest.mark.parametrize("rotates", [True, False])
def test_refresh_rotates_the_refresh_token(rotates: bool) -> None:
    with Sandbox(videos=0, rotate_refresh_tokens=rotates) as sandbox, Client(sandbox) as client:
        first = sandbox.grant().refresh_token
        refreshed = client.refresh(first).json()
        again = client.refresh(first)
        client.access_token = refreshed["access_token"]

        assert (refreshed["refresh_token"] != first) is rotates
        assert (again.status_code, again.json().get("error")) == ((400, "invalid_grant") if rotates else (200, None))
        assert client.refresh(refreshed["refresh_token"]).status_code == 200
        assert client.user_info().status_code == 200


@pytest.mark.parametrize(("prolongs", "left"), [(False, 80), (True, 180)])
def test_tokens_expire_after_their_lifetimes(prolongs: bool, left: int) -> None:
    with Sandbox(videos=0, refresh_prolongs=prolongs) as sandbox, Client(sandbox) as client:
        token = sandbox.grant().refresh_token
        sandbox.advance(7_190)
        before = client.user_info().status_code
        sandbox.advance(10)
        after = client.user_info().status_code
        sandbox.advance(100 * DAY - 7_200)
        refreshed = client.refresh(token).json()
        sandbox.advance(left * DAY)

        assert (before, after) == (200, 401)
        assert (refreshed["expires_in"], refreshed["refresh_expires_in"]) == (7_200, pytest.approx(left * DAY, abs=2))
        assert client.refresh(refreshed["refresh_token"]).json()["error"] == "invalid_grant"
