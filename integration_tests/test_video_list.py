"""The unit tests' `VideoList` returns the same pages as the sandbox."""

import random
from typing import Any

import pytest

from sandbox.settings import Settings
from sandbox.timeline import Timeline, find_page, position_after
from unit_tests.tiktok import VideoList

T = 1_790_000_000_000  # ms
SWITCHES = {
    "uncut_times": ({"cuts_times": False}, {}),
    "cut_times": ({}, {"split_seconds": True}),
    "inclusive": ({"is_inclusive": True}, {"cursor_inclusive": True}),
    "empty_first_page": ({"is_first_page_empty": True}, {"split_seconds": True, "empty_first_page": True}),
}


@pytest.mark.parametrize("step", [1, 500, 1_000, 60_000])
@pytest.mark.parametrize(("of_the_list", "of_the_sandbox"), SWITCHES.values(), ids=SWITCHES)
def test_both_fakes_list_the_same_pages(of_the_list: Any, of_the_sandbox: Any, step: int) -> None:
    rng = random.Random(step)
    settings = Settings(**of_the_sandbox)
    for _ in range(300):
        posted = [T + rng.randrange(rng.choice([1, 4, 20, 200])) * step for _ in range(rng.choice([1, 5, 25, 60]))]
        listed = VideoList(posted, **of_the_list)
        ids = [int(video["id"]) for video in listed.videos]
        timeline = Timeline([-ms for ms in listed.posted], ids)
        for cursor in (None, T - 1, max(posted) + 1, rng.choice(posted), rng.choice(posted) + rng.choice([1, 1_000])):
            size = rng.choice([1, 7, 20])

            page = listed.page(size, cursor)

            start, stop = find_page(timeline, cursor, size, settings)
            assert [int(video["id"]) for video in page.pop("videos")] == ids[start:stop]
            assert page == position_after(timeline, start, stop, cursor, settings)
