"""The rate limits that TikTok may have.

The connector must handle all of them, as TikTok's has not been measured.
"""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.client import Client
from sandbox.facts import USER_INFO_PATH

NOW = 1_790_000_040  # epoch s; a multiple of 60


def statuses(sandbox: Sandbox, pauses: tuple[float, ...]) -> list[int]:
    """The status of a request for the profile after each pause (s)."""
    found = []
    with Client(sandbox) as client:
        for pause in pauses:
            sandbox.advance(pause)
            found.append(client.user_info().status_code)
    return found


@pytest.mark.parametrize(
    ("switches", "pauses", "expected"),
    [
        # The request at 0 s leaves the window at 60 s: the one at 61 s is accepted, the next one isn't.
        ({"rate_limit": 3}, (0, 30, 0, 0, 25, 6, 0), [200, 200, 200, 429, 429, 200, 429]),
        ({"rate_limit": 0}, (0, 0, 0), [200, 200, 200]),
        # The last request comes when the accepted one has left the window, and the rejected one hasn't.
        ({"count_refused": False}, (0, 40, 21), [200, 429, 200]),
        ({"count_refused": True}, (0, 40, 21), [200, 429, 429]),
        # Fixed windows start at full minutes.
        ({"rate_fixed_windows": True}, (50, 5, 6), [200, 429, 200]),
        ({"rate_fixed_windows": False}, (50, 5, 6), [200, 429, 429]),
        # A lock outlasts the window.
        ({"rate_lock": 100.0}, (0, 59, 99), [200, 429, 429]),
        ({"rate_lock": 100.0}, (0, 59, 101), [200, 429, 200]),
        # A request after 50 s of the lock doubles the other 50 s.
        ({"rate_lock": 100.0}, (0, 1, 50, 99), [200, 429, 429, 429]),
        ({"rate_lock": 100.0}, (0, 1, 50, 101), [200, 429, 429, 200]),
        # At most to an hour.
        ({"rate_lock": 1_000.0}, (*[0] * 13, 3_601), [200, *[429] * 12, 200]),
    ],
)
def test_rate_limit_accepts_and_rejects(
    switches: dict[str, Any], pauses: tuple[float, ...], expected: list[int]
) -> None:
    with Sandbox(**{"videos": 0, "now": NOW, "rate_limit": 1, **switches}) as sandbox:
        assert statuses(sandbox, pauses) == expected
        # A rate-limited request is not a violation.
        sandbox.check()


def test_accounts_share_a_limit_and_endpoints_do_not() -> None:
    with Sandbox(rate_limit=2, accounts=2, videos=0) as sandbox:
        first, second = (sandbox.grant(account).access_token for account in sandbox.accounts)
        with Client(sandbox, first) as client:
            found = [client.user_info().status_code]
            client.access_token = second
            found += [client.user_info().status_code, client.user_info().status_code]
            other = client.video_list().status_code

    assert (found, other) == ([200, 200, 429], 200)


def test_rejecting_periods_start_at_the_first_request() -> None:
    with Sandbox(videos=0, rate_limit=0) as sandbox:
        sandbox.reject_between(USER_INFO_PATH, 0, 10)
        sandbox.reject_between(USER_INFO_PATH, 30, 40)
        sandbox.advance(100)

        assert statuses(sandbox, (0, 9, 2, 20, 10)) == [429, 429, 200, 429, 200]
