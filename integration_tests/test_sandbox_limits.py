"""Rate limits as TikTok may have them: counting refused requests, locking who asks on, changing at any time.

A connector must get through all of them, as nobody has measured which one is true.
"""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.client import Client


def _statuses(pauses: tuple[float, ...], **switches: Any) -> list[int]:
    """The status of a request after each pause (s)."""
    statuses = []
    with Sandbox(videos=0, rate_window=60.0, **switches) as sandbox, Client(sandbox) as client:
        for pause in pauses:
            sandbox.advance(pause)
            statuses.append(client.user_info().status_code)
        sandbox.check()
    return statuses


@pytest.mark.parametrize(("count_refused", "last"), [(False, 200), (True, 429)])
def test_count_refused_lets_refused_requests_fill_the_window(count_refused: bool, last: int) -> None:
    # The last request comes when the first one has left the window, and the refused one has not.
    assert _statuses((0, 40, 21), rate_limit=1, count_refused=count_refused) == [200, 429, last]


def test_a_lock_outlasts_the_window() -> None:
    assert _statuses((0, 59, 99), rate_limit=1, rate_lock=100.0) == [200, 429, 429]
    assert _statuses((0, 59, 101), rate_limit=1, rate_lock=100.0) == [200, 429, 200]
    assert _statuses((0, 59, 50), rate_limit=1, rate_lock=0.0) == [200, 429, 200]


def test_a_request_during_the_lock_doubles_its_rest() -> None:
    # Locked for 100 s; after 50 s the other 50 s become 100 s, of which 99 s are not enough.
    assert _statuses((0, 1, 50, 99), rate_limit=1, rate_lock=100.0)[2:] == [429, 429]
    assert _statuses((0, 1, 50, 101), rate_limit=1, rate_lock=100.0)[2:] == [429, 200]


def test_a_lock_grows_to_an_hour_at_most() -> None:
    asked_on = (0.0, *[0.0] * 12)

    assert _statuses((*asked_on, 3_590), rate_limit=1, rate_lock=1_000.0)[-1] == 429
    assert _statuses((*asked_on, 3_601), rate_limit=1, rate_lock=1_000.0)[-1] == 200


def test_a_lock_is_of_one_endpoint() -> None:
    with Sandbox(videos=0, rate_limit=1, rate_lock=100.0) as sandbox, Client(sandbox) as client:
        statuses = [client.user_info().status_code for _ in range(2)]

        assert [*statuses, client.video_list().status_code] == [200, 429, 200]


def test_set_rate_limit_counts_the_requests_made_so_far() -> None:
    with Sandbox(videos=0) as sandbox, Client(sandbox) as client:
        before = [client.user_info().status_code for _ in range(3)]
        sandbox.set_rate_limit(4)
        limited = [client.user_info().status_code for _ in range(2)]
        sandbox.set_rate_limit(0)

        assert (before, limited, client.user_info().status_code) == ([200] * 3, [200, 429], 200)


def test_reset_takes_back_limit_and_lock() -> None:
    with Sandbox(videos=0, rate_lock=1_000.0) as sandbox:
        sandbox.set_rate_limit(1)
        limited = _two_requests(sandbox)
        sandbox.reset()

        assert (limited, _two_requests(sandbox)) == ([200, 429], [200, 200])


def _two_requests(sandbox: Sandbox) -> list[int]:
    with Client(sandbox) as client:
        return [client.user_info().status_code for _ in range(2)]


@pytest.mark.parametrize("limit", [-1, True, 1.5, "30"])
def test_a_limit_that_is_no_number_of_requests_is_refused(limit: Any) -> None:
    with pytest.raises(ValueError, match="The limit must be an integer of 0 or more"):
        Sandbox(videos=0).set_rate_limit(limit)
