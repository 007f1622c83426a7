"""How the learned rate recovers, when it is given up, and what is said of it, in frozen time."""

import itertools
import time
from typing import Any

import pytest
from freezegun.api import FrozenDateTimeFactory

from source_tiktok_organic.pace import LearningAPIBudget
from unit_tests.pacing import SIGN_OF_LIFE, WINDOW, Request, learned, lines, send, sent_in, waiting


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
