"""Further switches: how pinned posts count, forms of the cursor, refused periods, accounts in series, absent counts."""

from __future__ import annotations

from typing import Any

import pytest

from integration_tests.sandbox_pages import listed_ids, read_pages
from sandbox import Sandbox, Settings
from sandbox.client import Client
from sandbox.facts import USER_INFO_PATH, VIDEO_LIST_PATH
from sandbox.settings import CURSOR_FORMS

_NOW = 1_790_000_000  # epoch s


@pytest.mark.parametrize(("counted", "length"), [(True, 20), (False, 22)])
def test_pins_counted_take_places_of_a_page(counted: bool, length: int) -> None:
    with Sandbox(videos=60, same_second=1, pins_counted=counted) as sandbox:
        for video in sandbox.account.videos[40:42]:
            sandbox.account.pin(video["id"])
        pages = read_pages(sandbox)

        assert len(pages[0]["videos"]) == length
        assert listed_ids(pages)[2:] == [video["id"] for video in sandbox.account.videos]
        assert pages[0]["cursor"] == pages[0]["videos"][-1]["create_time"] * 1000


@pytest.mark.parametrize("cursor_inclusive", [False, True])
def test_page_full_of_pins_leads_on_like_an_empty_one(cursor_inclusive: bool) -> None:
    switches = {"pins_counted": True, "cursor_inclusive": cursor_inclusive}
    with Sandbox(videos=9, same_second=1, **switches) as sandbox:
        newest = sandbox.account.videos[0]
        for video in sandbox.account.videos[5:7]:
            sandbox.account.pin(video["id"])
        first, *others = read_pages(sandbox, max_count=2)

        assert len(first["videos"]) == 2
        assert (first["cursor"], first["has_more"]) == (newest["create_time"] * 1000 + 1, True)
        assert {*listed_ids(others)} == {video["id"] for video in sandbox.account.videos}


def test_pins_of_every_page_leave_a_place_when_counted() -> None:
    with Sandbox(videos=9, same_second=1, pins_counted=True) as sandbox:
        for video in sandbox.account.videos[5:8]:
            sandbox.account.pin(video["id"], every_page=True)
        pages = read_pages(sandbox, max_count=2)

        assert [len(page["videos"]) for page in pages] == [2] * 10
        assert {*listed_ids(pages)} == {video["id"] for video in sandbox.account.videos}


@pytest.mark.parametrize("form", CURSOR_FORMS)
def test_cursor_form_changes_the_cursor_alone(form: str) -> None:
    with Sandbox(videos=30, same_second=1, now=_NOW, cursor_form=form) as sandbox, Client(sandbox) as client:
        data = client.video_list(max_count=20).json()["data"]
        last = sandbox.account.videos[19]["create_time"] * 1000
        following = client.video_list(cursor=last).json()["data"]

    expected = {"text": str(last), "seconds": last // 1000, "true": True, "negative": -last, "small": 5}
    wanted: Any = expected.get(form, float(last) if form == "float" else last)
    assert (data["cursor"], type(data["cursor"])) == (wanted, type(wanted))
    assert (len(following["videos"]), following["has_more"]) == (10, False)


@pytest.mark.parametrize(
    ("switches", "text"),
    [
        ({"cursor_form": "roman"}, "cursor_form must be one of number, text"),
        ({"missing_counts": 1.1}, "missing_counts must be a share"),
        ({"rate_window": 0}, "rate_window must be above 0"),
    ],
)
def test_switches_that_cannot_be_served_are_refused(switches: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Settings(**switches)


def _statuses(sandbox: Sandbox, pauses: tuple[float, ...]) -> list[int]:
    """The status of a request for the profile after each pause (s)."""
    statuses = []
    with Client(sandbox) as client:
        for pause in pauses:
            sandbox.advance(pause)
            statuses.append(client.user_info().status_code)
    return statuses


@pytest.mark.parametrize(("fixed", "last"), [(True, 200), (False, 429)])
def test_fixed_windows_start_at_multiples_of_their_length(fixed: bool, last: int) -> None:
    start = _NOW // 60 * 60
    with Sandbox(videos=0, now=start, rate_limit=1, rate_fixed_windows=fixed) as sandbox:
        assert _statuses(sandbox, (50, 5, 6)) == [200, 429, last]


def test_refused_periods_count_from_the_endpoints_first_request() -> None:
    with Sandbox(videos=0, rate_limit=0) as sandbox:
        sandbox.refuse_between(USER_INFO_PATH, 0, 10)
        sandbox.refuse_between(USER_INFO_PATH, 30, 40)
        sandbox.advance(100)
        statuses = _statuses(sandbox, (0, 9, 2, 20, 10))

        assert statuses == [429, 429, 200, 429, 200]
        with Client(sandbox) as client:
            assert client.video_list().status_code == 200
        sandbox.reset()
        assert _statuses(sandbox, (0,)) == [200]


@pytest.mark.parametrize(
    ("path", "start", "end", "text"),
    [
        ("/v2/oauth/token/", 0, 1, "has no rate limit"),
        (USER_INFO_PATH, 5, 5, "must be from 0 s or later to a later time"),
        (USER_INFO_PATH, -1, 5, "must be from 0 s or later to a later time"),
    ],
)
def test_a_period_that_can_never_come_is_refused(path: str, start: float, end: float, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Sandbox(videos=0).refuse_between(path, start, end)


def test_post_many_publishes_a_video_at_each_time() -> None:
    times = [_NOW - 30, _NOW - 10, _NOW - 30, _NOW - 20]
    with Sandbox(videos=0, now=_NOW) as sandbox:
        ids = sandbox.account.post_many(times)
        listed = read_pages(sandbox)[0]["videos"]

        assert {video["id"]: video["create_time"] for video in listed} == dict(zip(ids, times, strict=True))
        assert [video["create_time"] for video in listed] == sorted(times, reverse=True)
        assert sandbox.account.user["video_count"] == 4


def test_missing_counts_of_the_oldest_videos_are_absent() -> None:
    with Sandbox(videos=10, missing_counts=0.3) as sandbox, Client(sandbox) as client:
        fields = ("id", "view_count", "like_count")
        rows = client.video_list(fields).json()["data"]["videos"]

        assert ["view_count" in row for row in rows] == [True] * 7 + [False] * 3
        assert all("like_count" in row for row in rows)
        assert rows == [{name: video[name] for name in fields if name in video} for video in sandbox.account.videos]


@pytest.mark.parametrize(("method", "status"), [("POST", 404), ("DELETE", 400)])
def test_profile_by_post_is_not_found(method: str, status: int) -> None:
    with Sandbox(videos=0) as sandbox, Client(sandbox) as client:
        response = client.send(method, USER_INFO_PATH, params={"fields": "open_id"}, headers=client.bearer)

        assert (response.status_code, response.json()["error"]["code"]) == (status, "invalid_params")
        assert sandbox.violations == [f"{method} {USER_INFO_PATH}: the method must be GET, not {method}"]


@pytest.mark.parametrize(("claimed", "shown"), [(0, 0), (70, 70), (None, 7)])
def test_claimed_video_count_replaces_the_right_one(claimed: int | None, shown: int) -> None:
    with Sandbox(videos=7) as sandbox, Client(sandbox) as client:
        sandbox.account.claimed_video_count = claimed

        assert client.user_info(("video_count",)).json()["data"]["user"] == {"video_count": shown}
        assert len(listed_ids(read_pages(sandbox))) == 7


def test_empty_first_page_leads_to_the_newest_video() -> None:
    with Sandbox(videos=30, empty_first_page=True) as sandbox:
        first, *others = read_pages(sandbox)

        assert (first["videos"], first["has_more"]) == ([], True)
        assert listed_ids(others) == [video["id"] for video in sandbox.account.videos]
        assert len(sandbox.requests_to(VIDEO_LIST_PATH)) == 3
