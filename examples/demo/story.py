"""28 days of an account on a local TikTok; identical in each run."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from sandbox import Sandbox, Settings

DAY = 86_400  # s
START = int(datetime(2026, 9, 1, 5, tzinfo=timezone.utc).timestamp())
READINGS = (0, 1, 3, 7, 12, 17, 22, 28)  # days on which the account is read
SETTINGS = Settings(videos=360, years=1, now=START, growing=True, latency=0.03)
VIRAL, VIRAL_VIEWS = "The dog has learned to open the fridge 🐕 #dog #fyp", 1_900_000
DELETED_ON, MADE_PRIVATE_ON = 9, 15
POSTS = {
    4: "Back to the river, now with rain #running",
    8: "Sourdough, the second week #baking",
    20: "Bread. Dog. Rain.",
}


class Story:
    """Advances a sandbox's account from one reading to the next."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.account = sandbox.account
        self.gone: list[str] = []
        self._sandbox = sandbox
        self._followers = self.account.user["follower_count"]
        self._viral = self._post_viral()
        self.account.change_user(likes_count=self._likes())

    def days(self) -> Iterator[int]:
        """Each day with a reading, after all events up to it."""
        for day in range(READINGS[-1] + 1):
            if day:
                self._sandbox.advance(DAY)
                self._advance_to(day)
            if day in READINGS:
                yield day

    def _advance_to(self, day: int) -> None:
        if day in POSTS:
            self.account.post(START + day * DAY - 3_600, title=POSTS[day], video_description=POSTS[day])
        if day in (DELETED_ON, MADE_PRIVATE_ON):
            self._delete_popular()
        share = 1 / (1 + math.exp(-(day - 21) / 2))  # slow, fast, slow
        self.account.change(self._viral, **_viral_counts(40 + int(VIRAL_VIEWS * share)))
        followers = self._followers + 9 * day + int(4_200 * share)
        self.account.change_user(follower_count=followers, likes_count=self._likes())

    def _post_viral(self) -> str:
        video = self.account.post(START - 3_600, title=VIRAL, video_description=VIRAL, **_viral_counts(40))
        return str(video["id"])

    def _delete_popular(self) -> None:
        """Delete the most viewed of the older videos; for TikTok's API, deleted and private videos look the same."""
        videos = sorted(self.account.videos, key=lambda video: (-video["view_count"], video["id"]))
        self.gone.append(next(video["id"] for video in videos if video["create_time"] < START - 60 * DAY))
        self.account.delete(self.gone[-1])

    def _likes(self) -> int:
        return sum(video["like_count"] for video in self.account.videos)


def _viral_counts(views: int) -> dict[str, int]:
    return {
        "view_count": views,
        "like_count": views // 11,
        "comment_count": views // 240,
        "share_count": views // 95,
    }


@contextmanager
def api_at(base_url: str) -> Iterator[None]:
    """Make the connector use `base_url`, without a proxy, by environment variables that it inherits."""
    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY", os.environ.get("no_proxy")), "127.0.0.1"]))
    ours = {"TIKTOK_API_BASE_URL": base_url, "NO_PROXY": no_proxy, "no_proxy": no_proxy}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
