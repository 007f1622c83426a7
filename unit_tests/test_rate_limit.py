"""Whole reads against a limit that TikTok applies: whichever it is, all is read, and nothing is asked for twice."""

import time
from typing import Any

import pytest

from unit_tests.connector import Connector
from unit_tests.outcome import Outcome
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, USER, TikTok, good, page, refused, video


def limited(
    tiktok: TikTok, limit: int, status: int, posted: list[int], window: float = 60, stray: int = 0
) -> list[bool]:
    """Prepare an account of which TikTok admits `limit` list requests a window; returns which were admitted.

    The request with the number `stray` is refused though there is room.
    """
    tiktok.with_an_account()
    admitted, verdicts = [], []

    def respond(request: Any, context: Any) -> Any:
        now = time.monotonic()
        admitted[:] = [t for t in admitted if t > now - window]
        verdicts.append(len(admitted) < limit and len(verdicts) + 1 != stray)
        if not verdicts[-1]:
            context.status_code = status
            return refused("rate_limit_exceeded", status)["json"]
        admitted.append(now)
        found = [t for t in posted if t * 1000 < request.json().get("cursor", 10**16)]
        return page([video(t) for t in found[:20]], len(found) > 20)["json"]

    tiktok.responds("videos", {"json": respond})
    return verdicts


POSTED = [1_793_000_000 - 40_000 * n for n in range(400)]


def read(connector: Connector, workers: int) -> Outcome:
    config = {**ACCESS_TOKEN_CONFIG, "start_date": "2026-04-01", "num_workers": workers}
    return connector.read(config, "videos")


@pytest.mark.thorough
@pytest.mark.parametrize("status", [200, 429, 503])
@pytest.mark.parametrize(("limit", "workers"), [(1, 2), (5, 2), (30, 2), (5, 20), (30, 20), (30, 30)])
def test_any_limit_is_read_to_the_end(
    limit: int, workers: int, status: int, tiktok: TikTok, connector: Connector
) -> None:
    verdicts = limited(tiktok, limit, status, POSTED)

    outcome = read(connector, workers)

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert sorted(v["create_time"] for v in outcome.records("videos")) == sorted(POSTED)
    assert len(verdicts) < 3 * verdicts.count(True)


@pytest.mark.parametrize("place", [1, 2, 5, 20])
def test_stray_refusal_costs_seconds(place: int, tiktok: TikTok, connector: Connector) -> None:
    """The limit once learned from it, such as one a minute, made a sync of seconds take nine minutes."""
    verdicts, began = limited(tiktok, 600, 429, POSTED, stray=place), time.monotonic()

    outcome = read(connector, 2)

    assert (outcome.errors, verdicts.count(False)) == ([], 1)
    assert sorted(v["create_time"] for v in outcome.records("videos")) == sorted(POSTED)
    assert time.monotonic() - began < 10


def test_admitted_requests_never_ask_twice(tiktok: TikTok, connector: Connector) -> None:
    verdicts = limited(tiktok, 5, 429, POSTED)
    outcome = read(connector, 20)
    assert outcome.errors == []
    asked = [body.get("cursor") for body, was in zip(tiktok.bodies(), verdicts, strict=True) if was]
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("status", [200, 429])
def test_ten_minutes_without_admission_end_the_sync(
    status: int, tiktok: TikTok, connector: Connector, waits: list[float]
) -> None:
    tiktok.with_an_account(*[refused("rate_limit_exceeded", status)] * 50, page([], False))

    outcome = connector.read(ACCESS_TOKEN_CONFIG, "videos")

    assert outcome.errors[:-1] == [
        (
            "transient_error",
            "TikTok has admitted no request of this app for ten minutes: its request limit is exceeded, perhaps by "
            "other syncs that share the app. Run the sync again later; it goes on from the last state.",
        )
    ]
    assert 600 <= sum(waits) <= 800
    assert len(tiktok.bodies()) < 15


def test_rate_limit_is_a_stream_status_and_not_an_error(tiktok: TikTok, connector: Connector) -> None:
    limited(tiktok, 5, 429, POSTED[:150])
    outcome = read(connector, 2)
    statuses = [t["stream_status"] for t in outcome.of("TRACE") if t["type"] == "STREAM_STATUS"]
    reasons = [reason["type"] for s in statuses for reason in s.get("reasons") or []]
    assert set(reasons) == {"RATE_LIMITED"}
    assert "TikTok admits about 5 requests a minute of this app; the sync is paced to it." in outcome.logs
    assert (outcome.errors, outcome.warnings) == ([], [])


def test_limit_of_the_profile_is_waited_for_too(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    tiktok.responds("user", *[refused("rate_limit_exceeded", 429)] * 9, good({"user": USER}))
    outcome = connector.read(ACCESS_TOKEN_CONFIG, "user_info")
    assert (outcome.errors, len(outcome.records("user_info"))) == ([], 1)
