"""The data that `make demo` shows."""

from __future__ import annotations

from typing import Any

import pytest

from examples.demo.story import READINGS, SETTINGS, Story
from sandbox import Sandbox

pytestmark = pytest.mark.thorough


def run_story() -> list[Any]:
    with Sandbox(SETTINGS, latency=0) as sandbox:
        story = Story(sandbox)
        days = [(day, story.account.user, story.account.videos) for day in story.days()]
        return [days, story.gone]


def test_story_is_the_same_in_each_run() -> None:
    """Catches a demo whose numbers change from run to run."""
    assert run_story() == run_story()


def test_story_has_growth_a_viral_video_and_two_gone() -> None:
    """Catches a demo in which nothing happens."""
    days, gone = run_story()
    assert tuple(day for day, *_ in days) == READINGS
    followers = [user["follower_count"] for _, user, _ in days]
    assert followers == sorted(set(followers))
    first, last = ({video["id"]: video["view_count"] for video in videos} for _, _, videos in (days[0], days[-1]))
    assert set(first) - set(last) == set(gone)
    assert len(gone) == 2
    gained = sorted((last[name] - views for name, views in first.items() if name in last), reverse=True)
    assert gained[0] > 1_000_000 > 10 * gained[1] > 0


def test_likes_of_the_account_are_those_of_its_videos() -> None:
    """Catches an account that gains more likes than views."""
    days, _ = run_story()
    for _, user, videos in days:
        assert user["likes_count"] == sum(video["like_count"] for video in videos)
