"""Requests that only a budget sees, in frozen time: each wait moves the clock."""

import time
from typing import Any

import pytest

from source_tiktok_organic.pace import LearningAPIBudget

WINDOW = 61
SIGN_OF_LIFE = "Waiting for TikTok's request limit; the next request follows in about"


class Request:
    """A request; the budget knows it again by its identity."""


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
