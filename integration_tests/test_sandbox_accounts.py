"""Accounts follow from the seed alone, and change only where a test changes them."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import Sandbox, Settings
from sandbox.client import Client
from sandbox.facts import USER_FIELDS

_NOW = 1_790_000_000
_YEAR = 31_557_600  # s


def _content(**switches: Any) -> list[Any]:
    return [(account.user, account.videos) for account in Sandbox(now=_NOW, accounts=2, **switches).accounts]


def test_the_same_seed_makes_the_same_accounts() -> None:
    assert _content(seed=3) == _content(seed=3)
    assert _content(seed=3) != _content(seed=4)


def test_switches_are_a_shorthand_for_settings() -> None:
    settings = Settings(videos=12, now=_NOW)

    assert Sandbox(settings).account.videos == Sandbox(videos=12, now=_NOW).account.videos
    assert Sandbox(settings, videos=3).settings == Settings(videos=3, now=_NOW)


def test_videos_lie_within_the_years_newest_first() -> None:
    times = [video["create_time"] for video in Sandbox(videos=500, years=2, now=_NOW).account.videos]

    assert times == sorted(times, reverse=True)
    assert _NOW - 0.1 * _YEAR < times[0] < _NOW
    assert _NOW - 2.01 * _YEAR < times[-1] < _NOW - 1.9 * _YEAR


def test_ids_are_unique_and_some_seconds_are_shared() -> None:
    videos = Sandbox(videos=500).account.videos
    times = [video["create_time"] for video in videos]

    assert len({video["id"] for video in videos}) == 500
    assert max(map(times.count, times)) == 3
    assert times[18] == times[19] == times[20]


def test_accounts_show_all_forms_of_open_id_and_an_empty_bio() -> None:
    users = [account.user for account in Sandbox(accounts=3, videos=2).accounts]

    assert all(set(user) == set(USER_FIELDS) for user in users)
    assert [user["open_id"][:4] for user in users][::2] == ["-000", "_000"]
    assert len(users[1]["open_id"].split("-")) == 5
    assert [user["bio_description"] == "" for user in users] == [False, True, False]
    assert len({user["open_id"] for user in users}) == 3


def test_old_videos_have_more_views() -> None:
    views = [video["view_count"] for video in Sandbox(videos=400, years=1, now=_NOW).account.videos]

    assert sum(views[:20]) < sum(views[200:220])
    assert all(video["like_count"] <= video["view_count"] for video in Sandbox(videos=400).account.videos)


def test_a_change_of_the_account_shows_in_the_next_request() -> None:
    with Sandbox(videos=5, now=_NOW) as sandbox, Client(sandbox) as client:
        account = sandbox.account
        gone, changed = account.videos[1]["id"], account.videos[2]["id"]
        posted = account.post(create_time=_NOW - 5, title="new", view_count=1)
        account.delete(gone)
        account.change(changed, like_count=77)
        account.change_user(bio_description="moved")

        listed = [video for page in client.pages() for video in page["videos"]]
        user = client.user_info(USER_FIELDS).json()["data"]["user"]

    by_id = {video["id"]: video for video in listed}
    assert listed == account.videos
    assert (posted["title"], posted["view_count"], posted["create_time"]) == ("new", 1, _NOW - 5)
    assert by_id[posted["id"]] == posted
    assert (gone in by_id, by_id[changed]["like_count"]) == (False, 77)
    assert (user["video_count"], user["bio_description"]) == (5, "moved")


def test_added_videos_lie_between_the_newest_one_and_now() -> None:
    sandbox = Sandbox(videos=5, now=_NOW)
    before = sandbox.account.videos
    added = sandbox.account.add_videos(3)

    assert sandbox.account.videos == added + before
    assert before[0]["create_time"] < added[-1]["create_time"]
    assert added[0]["create_time"] < _NOW + 1
    assert len(Sandbox(videos=0).account.add_videos(2)) == 2


def test_a_wrong_change_of_the_account_is_refused() -> None:
    account = Sandbox(videos=1).account
    with pytest.raises(ValueError, match=r"no public video 123\."):
        account.delete("123")
    with pytest.raises(ValueError, match=r"likes cannot be set; known: .*like_count"):
        account.post(likes=1)
    with pytest.raises(ValueError, match=r"video_count cannot be set"):
        account.change_user(video_count=1)
    assert len(account.videos) == 1


@pytest.mark.parametrize(
    ("switches", "text"),
    [
        ({"accounts": 0}, "accounts must be at least 1"),
        ({"videos": -1}, "videos must not be negative"),
        ({"same_second": 0}, "same_second must be at least 1"),
        ({"videos": 1_000, "years": 0.00001}, "years is too short"),
        ({"stuck_cursor": True, "gone_without_cursor": True}, "stuck_cursor or gone_without_cursor"),
        ({"app_scopes": ("video.all",)}, "unknown scopes"),
        ({"scope_error": "ok"}, "scope_error must be one of"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_that_cannot_be_served_are_refused_by_name(switches: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Settings(**switches)


def test_an_unknown_scope_cannot_be_granted() -> None:
    with pytest.raises(ValueError, match=r"scopes must be some of user\.info\.basic"):
        Sandbox(videos=0).grant(scopes=("video.all",))
