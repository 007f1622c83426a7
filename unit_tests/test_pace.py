"""The pace of requests: as fast as TikTok admits, whatever its limit is. Time is frozen; each wait moves the clock."""

import itertools
import logging
import time
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from source_tiktok_organic.pace import LearningAPIBudget

WINDOW = 61
SIGN_OF_LIFE = "Waiting for TikTok's request limit; the next request follows in about"


class Request:
    """A request; the budget knows it again by its identity."""


@pytest.fixture
def budget(caplog: pytest.LogCaptureFixture) -> LearningAPIBudget:
    caplog.set_level(logging.INFO)
    return LearningAPIBudget(requests_per_window=600, window_in_seconds=WINDOW, patience_in_seconds=600)


@pytest.fixture
def slept(waits: list[float]) -> list[float]:
    return waits


def send(budget: LearningAPIBudget, refused: bool = False, request: Any = None) -> float:
    """Send a request and learn from its response; returns how long it waited (s)."""
    request, before = request or Request(), time.monotonic()
    budget.acquire_call(request)
    waited = time.monotonic() - before
    budget.learn(request, refused=refused)
    return waited


def waiting(budget: LearningAPIBudget, request: Any = None) -> bool:
    """Whether a request that is made now would have to wait; one that need not wait counts as sent."""
    return budget._take(request or Request(), time.monotonic()) > 0


def sent_in(budget: LearningAPIBudget, seconds: float) -> int:
    """How many requests pass in a time, if all are admitted."""
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        send(budget)
        count += 1
    return count


def learned(budget: LearningAPIBudget, admitted: int) -> None:
    """Let a budget learn a limit, as from a refusal after so many requests."""
    for _ in range(admitted):
        send(budget)
    send(budget, refused=True)
    send(budget, refused=True)  # the first probe: it was no stray refusal
    send(budget)


def lines(caplog: pytest.LogCaptureFixture, words: str) -> list[str]:
    return [r.message for r in caplog.records if words in r.message]


def test_burst_up_to_the_limit_does_not_wait(budget: LearningAPIBudget, slept: list[float]) -> None:
    assert [send(budget) for _ in range(600)] == [0] * 600
    assert slept == []
    assert waiting(budget)


def test_window_slides(budget: LearningAPIBudget, clock: FrozenDateTimeFactory) -> None:
    """The 601st request follows the first one after a window, the next one the second."""
    for _ in range(600):
        send(budget)
        clock.tick(0.05)
    assert send(budget) == pytest.approx(WINDOW - 30)
    assert send(budget) == pytest.approx(0.05)


def test_limit_is_never_exceeded_in_any_window(budget: LearningAPIBudget, clock: FrozenDateTimeFactory) -> None:
    times: list[float] = []
    for n in range(2_000):
        send(budget)
        times.append(time.monotonic())
        clock.tick(0.01 * (n % 7))
    assert all(later - first >= WINDOW - 1e-6 for first, later in zip(times, times[600:], strict=False))


def test_sleeps_are_short(budget: LearningAPIBudget, slept: list[float]) -> None:
    """A worker that sleeps for a minute would not see that the way is open again."""
    learned(budget, 5)
    for _ in range(20):
        send(budget)
    assert max(slept) <= 1


def test_refusal_closes_the_way_for_all(budget: LearningAPIBudget, clock: FrozenDateTimeFactory) -> None:
    send(budget)
    send(budget, refused=True)
    assert [waiting(budget) for _ in range(3)] == [True] * 3
    clock.tick(0.9)
    assert waiting(budget)


def test_one_probe_goes_after_the_pause(budget: LearningAPIBudget, clock: FrozenDateTimeFactory) -> None:
    for _ in range(3):
        send(budget)
    clock.tick(30)
    send(budget, refused=True)
    clock.tick(1)
    probe = Request()
    assert [waiting(budget, r) for r in (probe, Request(), Request())] == [False, True, True]
    budget.learn(probe, refused=True)
    clock.tick(2)
    assert waiting(budget)  # the window still holds three
    clock.tick(WINDOW)
    assert [waiting(budget) for _ in range(3)] == [False, True, True]


def test_stray_refusal_costs_one_second(budget: LearningAPIBudget) -> None:
    send(budget)
    send(budget, refused=True)
    assert send(budget) == pytest.approx(1)
    assert [send(budget) for _ in range(597)] == [0] * 597
    assert budget._limit == 600


def test_second_refusal_within_a_window_is_no_stray_one(
    budget: LearningAPIBudget, clock: FrozenDateTimeFactory
) -> None:
    send(budget)
    for _ in range(2):
        clock.tick(WINDOW)
        send(budget, refused=True)
        assert send(budget) == pytest.approx(1)
    send(budget)
    clock.tick(WINDOW - 10)
    send(budget, refused=True)
    assert send(budget) == pytest.approx(10)
    assert budget._limit == 2


def test_pause_doubles_up_to_two_minutes(budget: LearningAPIBudget) -> None:
    send(budget, refused=True)
    waited = [round(send(budget, refused=True)) for _ in range(10)]
    assert waited == [1, WINDOW, WINDOW, WINDOW, WINDOW, WINDOW, 64, 120, 120, 120]


def test_pause_begins_again_after_an_admission(budget: LearningAPIBudget, clock: FrozenDateTimeFactory) -> None:
    for _ in range(10):
        send(budget, refused=True)
    assert send(budget) == pytest.approx(120)
    clock.tick(2 * WINDOW)
    send(budget, refused=True)
    assert send(budget, refused=True) == pytest.approx(1)
    assert send(budget) == pytest.approx(WINDOW)


def test_admitted_probe_opens_with_the_learned_limit(budget: LearningAPIBudget) -> None:
    learned(budget, 30)
    clock_of_probe = time.monotonic()
    assert [send(budget) for _ in range(28)] == [0] * 28
    assert time.monotonic() == clock_of_probe
    assert send(budget) == pytest.approx(1)  # when the refused probe has left the window
    assert send(budget) == pytest.approx(WINDOW - 1)


def test_admissions_of_an_earlier_window_do_not_count(budget: LearningAPIBudget, clock: FrozenDateTimeFactory) -> None:
    for _ in range(50):
        send(budget)
    clock.tick(WINDOW)
    learned(budget, 10)
    assert budget._limit == 10


@pytest.mark.parametrize("earlier", [0, 1, 14])
def test_admissions_after_the_refusal_count(
    earlier: int, budget: LearningAPIBudget, clock: FrozenDateTimeFactory
) -> None:
    """Twenty are under way at once, and TikTok may have refused a late one before it admits an early one."""
    under_way = [Request() for _ in range(20)]
    for request in under_way:
        budget.acquire_call(request)
    for request in under_way[:earlier]:
        budget.learn(request, refused=False)
    budget.learn(under_way[19], refused=True)
    for request in under_way[earlier:15]:
        budget.learn(request, refused=False)
    for request in under_way[15:19]:
        budget.learn(request, refused=True)
    assert budget._limit == 15
    assert waiting(budget)
    send(budget, refused=True)
    assert budget._limit == 15
    clock.tick(WINDOW)
    assert send(budget) == 0
    assert [send(budget) for _ in range(14)] == [0] * 14
    assert waiting(budget)


def test_refusals_of_one_burst_count_as_one(budget: LearningAPIBudget, clock: FrozenDateTimeFactory) -> None:
    """Otherwise twenty workers would make a pause of two minutes at once."""
    under_way = [Request() for _ in range(20)]
    for request in under_way:
        budget.acquire_call(request)
    for request in under_way:
        budget.learn(request, refused=True)
    clock.tick(WINDOW)
    assert not waiting(budget)


def test_limit_is_never_below_one(budget: LearningAPIBudget, clock: FrozenDateTimeFactory) -> None:
    for _ in range(5):
        send(budget, refused=True)
    clock.tick(200)
    assert send(budget) == 0
    assert budget._limit == 1
    assert send(budget) == pytest.approx(WINDOW)


def test_limit_never_grows_beyond_where_it_began(clock: FrozenDateTimeFactory) -> None:
    budget = LearningAPIBudget(requests_per_window=10, window_in_seconds=WINDOW, patience_in_seconds=600)
    learned(budget, 8)
    sent_in(budget, 40 * WINDOW)
    assert budget._limit == 10
    under_way = [Request() for _ in range(10)]
    clock.tick(WINDOW)
    for request in under_way:
        budget.acquire_call(request)
    budget.learn(Request(), refused=True)
    for request in under_way:
        budget.learn(request, refused=False)
    assert budget._limit <= 10


def test_limit_grows_by_1_2_4_after_two_full_windows(budget: LearningAPIBudget) -> None:
    learned(budget, 10)
    limits, changed_at = [budget._limit], [time.monotonic()]
    while len(limits) < 5:
        send(budget)
        if budget._limit != limits[-1]:
            limits.append(budget._limit)
            changed_at.append(time.monotonic())
    assert limits == [10, 11, 13, 17, 25]
    gaps = [later - earlier for earlier, later in itertools.pairwise(changed_at)]
    assert [2 * WINDOW < gap <= 3 * WINDOW + 1 for gap in gaps] == [True] * 4


def test_limit_does_not_grow_while_it_is_not_used(budget: LearningAPIBudget, clock: FrozenDateTimeFactory) -> None:
    learned(budget, 10)
    for _ in range(100):
        clock.tick(WINDOW / 5)
        send(budget)
    assert budget._limit == 10


def test_refusal_makes_the_steps_small_again(budget: LearningAPIBudget) -> None:
    learned(budget, 10)
    while budget._limit < 25:
        send(budget)
    send(budget, refused=True)
    send(budget)
    limit = budget._limit
    while budget._limit == limit:
        send(budget)
    assert budget._limit == limit + 1


def test_unlearned_limit_does_not_grow(budget: LearningAPIBudget) -> None:
    sent_in(budget, 5 * WINDOW)
    assert budget._limit == 600


def test_only_600_s_without_admission_are_a_stall(budget: LearningAPIBudget, clock: FrozenDateTimeFactory) -> None:
    assert not budget.has_stalled()
    send(budget)
    clock.tick(5_000)
    assert not budget.has_stalled()
    send(budget, refused=True)
    began = time.monotonic()
    while time.monotonic() <= began + 600:
        assert not budget.has_stalled()
        send(budget, refused=True)
    assert budget.has_stalled()
    send(budget)
    assert not budget.has_stalled()


def test_progress_ends_a_stall_and_starts_it_anew(budget: LearningAPIBudget, clock: FrozenDateTimeFactory) -> None:
    for _ in range(20):
        clock.tick(500)
        send(budget, refused=True)
        assert not budget.has_stalled()
        send(budget)


def test_lost_probe_is_replaced_after_130_s(budget: LearningAPIBudget, clock: FrozenDateTimeFactory) -> None:
    """One whose connection broke never brings a response."""
    send(budget, refused=True)
    clock.tick(WINDOW)
    assert not waiting(budget)
    clock.tick(129)
    assert waiting(budget)
    clock.tick(1.1)
    assert [waiting(budget) for _ in range(2)] == [False, True]


def test_probe_that_is_sent_again_does_not_wait_for_itself(
    budget: LearningAPIBudget, clock: FrozenDateTimeFactory
) -> None:
    """The CDK retries a request without a response by itself, with the same object."""
    send(budget, refused=True)
    clock.tick(WINDOW)
    probe = Request()
    assert not waiting(budget, probe)
    clock.tick(WINDOW)
    assert waiting(budget)
    assert not waiting(budget, probe)


def test_refused_request_is_remembered_until_sent_again(budget: LearningAPIBudget) -> None:
    request, other = Request(), Request()
    send(budget, request=request)
    assert not budget.is_refused(request)
    send(budget, refused=True, request=request)
    assert budget.is_refused(request)
    assert not budget.is_refused(other)
    budget.acquire_call(request)
    assert not budget.is_refused(request)


def test_learned_rate_is_said_once(budget: LearningAPIBudget, caplog: pytest.LogCaptureFixture) -> None:
    words = "TikTok admits about"
    assert lines(caplog, words) == []
    learned(budget, 31)
    for _ in range(3):
        send(budget, refused=True)
        send(budget)
    assert lines(caplog, words)[0] == ("TikTok admits about 30 requests a minute of this app; the sync is paced to it.")


@pytest.mark.parametrize(("first", "second", "said"), [(100, 85, 1), (100, 79, 2), (500, 480, 0), (470, 460, 1)])
def test_learned_rate_is_said_again_if_far_below(
    first: int, second: int, said: int, budget: LearningAPIBudget, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    learned(budget, first)
    clock.tick(WINDOW)
    learned(budget, second)
    assert len(lines(caplog, "TikTok admits about")) == said


def test_sign_of_life_every_30_s(budget: LearningAPIBudget, caplog: pytest.LogCaptureFixture) -> None:
    """The platform ends a sync that says nothing for long."""
    send(budget, refused=True)
    began = time.monotonic()
    for _ in range(12):
        send(budget, refused=True)
    said = lines(caplog, SIGN_OF_LIFE)
    assert (time.monotonic() - began) / 32 <= len(said) <= (time.monotonic() - began) / 30 + 1
    assert said[0] == f"{SIGN_OF_LIFE} 1 s."


def test_policies_and_headers_are_left_alone(budget: LearningAPIBudget) -> None:
    """The CDK asks for both; only who reads the response knows whether it was refused."""
    assert budget.get_matching_policy(Request()) is None
    assert budget.update_from_response(Request(), object()) is None
    assert not waiting(budget)
