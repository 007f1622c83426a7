"""Properties that hold for any account, with any undocumented behaviour of TikTok and any transient faults.

Each is tested on 30 accounts, which are always the same, and on 500 new and larger ones in `make nightly`.

No client can read one case: if TikTok cuts a page between two videos of the same second and its cursor excludes that
second, a second with as many videos as a page can hold cannot be read completely. That must be an error.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from integration_tests import expected_messages
from integration_tests.truth import expected_ids, video_ids
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import VIDEO_LIST_PATH as LIST
from sandbox.faults import TRANSIENT
from unit_tests.command_result import FIELD_REFUSED, Outcome
from unit_tests.connector import InProcess

settings.register_profile(
    "everyday",
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
settings.register_profile("nightly", settings.get_profile("everyday"), max_examples=500, derandomize=False)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "everyday")
settings.load_profile(PROFILE)
LARGEST = {"everyday": 600, "nightly": 2000}[PROFILE]  # videos

DAY = 86_400
# Several syncs within a minute don't know of each other's requests, and waits are skipped here, so no rate limit.
NO_RATE_LIMIT = 0
FIRST_POST = datetime(2014, 1, 1, tzinfo=timezone.utc)
TRANSIENT_TOKEN_FAULTS = ["token_500", "http_503", "reset_before", "server_error", "temporarily_unavailable"]

booleans = st.booleans()
unknowns = st.fixed_dictionaries(
    {
        "cursor_inclusive": booleans,
        "cursor_milliseconds": booleans,
        "split_seconds": booleans,
        "pins_counted": booleans,
        "short_pages": booleans,
        "empty_pages": booleans,
        "ids_as_numbers": booleans,
        "id_lag": booleans,
        "refused_fields": st.sampled_from([(), ("is_aigc",)]),
        "count_refused": booleans,
        "rotate_refresh_tokens": booleans,
        "token_error_status": st.sampled_from([200, 400]),
    }
)
# No more than six, so that no request can hit all of them and give up, and none hits two expired tokens.
faults = st.dictionaries(st.integers(1, 60), st.sampled_from(TRANSIENT), max_size=5)
expired_at = st.none() | st.integers(1, 30)
token_fault_lists = st.lists(st.sampled_from(TRANSIENT_TOKEN_FAULTS), max_size=2)
start_dates = st.sampled_from(["2014-01-01", "2019-06-30", "2024-02-29", "2025-12-31"])
options = st.fixed_dictionaries(
    {"start_date": start_dates, "num_workers": st.sampled_from([2, 3, 20, 40])},
    optional={"lookback_window_days": st.sampled_from([0, 1, 30, 3650])},
)
sizes = st.sampled_from([0, 0, 0, 1, 19, 20, 21]) | st.integers(0, 120) | st.integers(0, LARGEST)
crowds = st.sampled_from([1, 1, 1, 2, 9]) | st.integers(15, 25) | st.just(45)  # videos in one second
# Pinned posts by their place in the account; whether on top of every page; whether also listed in their own place.
pins = st.lists(st.tuples(st.integers(0, 150), booleans, booleans), max_size=3)


@dataclass(frozen=True)
class Post:
    """Videos posted in one second, either some time ago or at the edge of a window."""

    age: int
    crowd: int
    edge: tuple[int, int] | None  # multiples of 60 days after the start date, and an offset (s)

    def at(self, start: int, now: int) -> int:
        """When they were posted (s); nothing was posted before 2014."""
        posted = now - self.age
        if self.edge is not None:
            windows, off = self.edge
            posted = start + windows % ((now - start) // (60 * DAY) + 1) * 60 * DAY + off
        return max(posted, int(FIRST_POST.timestamp()))


posts = st.lists(
    st.builds(
        Post,
        age=st.integers(60, 3600) | st.integers(60, 12 * 365 * DAY),
        crowd=crowds,
        edge=st.none() | st.tuples(st.integers(0, 100), st.sampled_from([-1, 0, 1])),
    ),
    max_size=12,
)


def epoch(day: str) -> int:
    """Midnight UTC of a day (s)."""
    return int(datetime.fromisoformat(day).replace(tzinfo=timezone.utc).timestamp())


def fill(sandbox: Sandbox, planned: Sequence[Post], start: int, pinned: Any = ()) -> Sandbox:
    """Add these videos to those of the sandbox, and pin some of them."""
    for post in planned:
        for _ in range(post.crowd):
            sandbox.account.post(create_time=post.at(start, int(time.time()) - 60))
    videos = sandbox.account.videos if pinned else []
    for place, every_page, listed_again in pinned:
        if place < len(videos):
            sandbox.account.pin(videos[place]["id"], every_page, listed_again=listed_again)
    return sandbox


def crowds_of(sandbox: Sandbox) -> Collection[int]:
    """The numbers of videos that share a second, without those that only the first page has, on top."""
    missing = {pin.video_id for pin in sandbox.account.pins if not (pin.listed_again or pin.every_page)}
    listed = [video for video in sandbox.account.videos if int(video["id"]) not in missing]
    return Counter(video["create_time"] for video in listed).values()


def is_readable(sandbox: Sandbox) -> bool:
    """Whether the account can certainly be read; see the module's docstring."""
    switches = sandbox.settings
    if not switches.split_seconds or switches.cursor_milliseconds or switches.cursor_inclusive:
        return True
    pinned = len(sandbox.account.pins)
    return max(crowds_of(sandbox), default=0) < (10 if switches.short_pages else 20) - pinned


def succeeded(outcome: Outcome, sandbox: Sandbox) -> bool:
    """Whether a sync succeeded without breaking TikTok's rules.

    Only over TLS does the CDK pool enough connections for 40 workers; over plain HTTP it warns above ten.
    """
    harmless = ("Connection pool is full", FIELD_REFUSED)
    warnings = [text for text in outcome.warnings if not text.startswith(harmless)]
    return (outcome.exit_code, outcome.errors, warnings, sandbox.violations) == (0, [], [], [])


@given(unknowns, sizes, st.integers(1, 9), posts, pins, options, faults, expired_at, token_fault_lists)
def test_any_account_is_read_exactly_once(
    switches: Any,
    size: int,
    same_second: int,
    planned: Any,
    pinned: Any,
    config: Any,
    plan: Any,
    expired: Any,
    token_faults: Any,
) -> None:
    with Sandbox(videos=size, same_second=same_second, **switches) as sandbox:
        start = epoch(config["start_date"])
        fill(sandbox, planned, start, pinned)
        sandbox.fail_on(LIST, {**plan, **({expired: "token_expired"} if expired else {})})
        sandbox.fail(TOKEN, *token_faults)

        outcome = InProcess(sandbox.base_url).read(sandbox.config(**config))

        if outcome.exit_code == 1 and not is_readable(sandbox):
            assert set(outcome.errors[:-1]) == {expected_messages.INVALID_CURSOR}
        else:
            assert succeeded(outcome, sandbox)
            assert video_ids(outcome) == expected_ids(sandbox, start)
        assert outcome.records("user_info") == [sandbox.account.user]


@given(unknowns, sizes, posts, pins, options, faults, st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_killed_syncs_together_complete_the_records(
    switches: Any, size: int, planned: Any, pinned: Any, config: Any, plan: Any, moments: list[float]
) -> None:
    """What was not emitted is lost with the process; the state must not be ahead of the records."""
    with Sandbox(videos=size, rate_limit=NO_RATE_LIMIT, **switches) as sandbox:
        start = epoch(config["start_date"])
        fill(sandbox, planned, start, pinned)
        assume(is_readable(sandbox))
        sandbox.fail_on(LIST, plan)
        connector, state, emitted = InProcess(sandbox.base_url), None, set[str]()

        for moment in [*moments, 1.0]:
            outcome = connector.read(sandbox.config(**config), "videos", state=state)
            assert succeeded(outcome, sandbox)
            assert len(set(video_ids(outcome))) == len(video_ids(outcome))
            killed = Outcome(outcome.messages[: round(moment * len(outcome.messages))])
            emitted.update(video_ids(killed))
            state = killed.states[-1] if killed.states else state
            assert claimed(state, sandbox, start) <= emitted

        assert sorted(emitted) == expected_ids(sandbox, start)


def claimed(state: Any, sandbox: Sandbox, start: int) -> set[str]:
    """The ids of the videos that a state counts as read; those only on top of the first page belong to that page."""
    on_top = {pin.video_id for pin in sandbox.account.pins if not pin.listed_again}
    cursors = [part["cursor"] for part in (state or {}).get("states", ())]
    slices = [(int(part["start"]), int(part["end"])) for cursor in cursors for part in cursor.get("slices", ())]
    if any("create_time" in cursor and int(cursor["create_time"]) > start for cursor in cursors):
        slices = [(start, sys.maxsize)]
    return {
        str(video["id"])
        for video in sandbox.account.videos
        if any(max(start, first) <= video["create_time"] <= last for first, last in slices)
        and int(video["id"]) not in on_top
    }


@given(unknowns, st.integers(100, 500), st.integers(0, 499), st.integers(2, 25), options)
def test_sync_after_a_failed_window_completes_the_records(
    switches: Any, size: int, place: int, failing: int, config: Any
) -> None:
    """A pinned post, old or new, must not move the state past unread videos."""
    with Sandbox(videos=size, rate_limit=NO_RATE_LIMIT, latency=0.002, **switches) as sandbox:
        start = epoch(config["start_date"])
        sandbox.account.pin(sandbox.account.videos[place % size]["id"], every_page=True)
        sandbox.fail_on(LIST, {failing: "scope_not_authorized"})
        connector, config = InProcess(sandbox.base_url), {**config, "lookback_window_days": 0}

        first = connector.read(sandbox.config(**config), "videos")
        has_failed = any(r.fault for r in sandbox.requests_to(LIST))
        sandbox.reset()
        state = first.states[-1] if first.states else None
        second = connector.read(sandbox.config(**config), "videos", state=state)

        assert (first.exit_code, [kind for kind, _ in first.errors[:1]]) == (
            (1, ["config_error"]) if has_failed else (0, [])
        )
        assert succeeded(second, sandbox)
        assert sorted({*video_ids(first), *video_ids(second)}) == expected_ids(sandbox, start)


# What happens before each sync: days since the previous one, videos posted in that time, and videos deleted.
sync_intervals = st.lists(st.tuples(st.integers(1, 100), st.integers(0, 45), st.integers(0, 5)), min_size=2, max_size=4)


@given(unknowns, st.sampled_from([0, 1, 30, 150]), options, sync_intervals, faults)
def test_no_sequence_of_syncs_misses_a_video(switches: Any, size: int, config: Any, syncs: Any, plan: Any) -> None:
    now = int(time.time())
    first_day = now - sum(days for days, _, _ in syncs) * DAY
    with Sandbox(videos=size, now=first_day, rate_limit=NO_RATE_LIMIT, **switches) as sandbox:
        connector, state, today = InProcess(sandbox.base_url), None, first_day
        config = {**config, "start_date": "2019-06-30"}
        sandbox.fail_on(LIST, plan)
        for days, new, gone in syncs:
            posted = [sandbox.account.post(today + days * DAY * n // (new + 1))["id"] for n in range(1, new + 1)]
            for video in sandbox.account.videos[3 : 3 + gone]:
                sandbox.account.delete(video["id"])
            today += days * DAY

            outcome = connector.read(sandbox.config(**config), "videos", state=state)

            listed = expected_ids(sandbox, epoch(config["start_date"]))
            missing = listed if state is None else sorted(set(posted) & set(listed))
            state = outcome.states[-1]
            assert succeeded(outcome, sandbox)
            assert set(missing) <= set(video_ids(outcome)) <= set(listed)
            assert len(set(video_ids(outcome))) == len(video_ids(outcome))
