"""The pace of requests: as fast as TikTok admits, whatever its limit is. Time is frozen; each wait moves the clock."""

import time

import pytest
from freezegun.api import FrozenDateTimeFactory

from source_tiktok_organic.pace import LearningAPIBudget
from unit_tests.pacing import WINDOW, Request, learned, send, sent_in, waiting


def test_burst_up_to_the_limit_does_not_wait(budget: LearningAPIBudget, waits: list[float]) -> None:
    assert [send(budget) for _ in range(600)] == [0] * 600
    assert waits == []
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


def test_sleeps_are_short(budget: LearningAPIBudget, waits: list[float]) -> None:
    """A worker that sleeps for a minute would not see that the way is open again."""
    learned(budget, 5)
    for _ in range(20):
        send(budget)
    assert max(waits) <= 1


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
