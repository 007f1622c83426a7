"""docs/growth.md: rows and requests per day, by sync mode and lookback, for 1,500 videos of three years."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration_tests.warehouse import ROOT
from sandbox import Sandbox
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.connector import InProcess


@pytest.fixture
def account() -> Iterator[tuple[Sandbox, dict[str, Any], Any]]:
    """An account that was read once, its config and the state after it."""
    with Sandbox(videos=1500, years=3) as sandbox:
        outcome = InProcess(sandbox.base_url).read(sandbox.access_token_config(), "user_info", "videos")
        assert outcome.errors == []
        yield sandbox, sandbox.access_token_config(), outcome.states[-1]


def cost(account: tuple[Sandbox, dict[str, Any], Any], full: bool, **options: Any) -> tuple[int, int]:
    """Rows and list requests of the next sync."""
    sandbox, config, state = account
    before = len(sandbox.requests_to(LIST))
    outcome = InProcess(sandbox.base_url).read({**config, **options}, "videos", state=None if full else state)
    assert outcome.errors == []
    return len(outcome.of("RECORD")), len(sandbox.requests_to(LIST)) - before


@pytest.mark.parametrize(
    ("first_cell", "full", "lookback"),
    [
        ("incremental, append, `lookback_window_days` 30 (default)", False, 30),
        ("incremental, append, `lookback_window_days` 3650", False, 3650),
        ("full refresh, append", True, 30),
    ],
)
def test_daily_costs_match_the_page(account: Any, first_cell: str, full: bool, lookback: int) -> None:
    rows, requests = cost(account, full, lookback_window_days=lookback)
    lines = (ROOT / "docs" / "growth.md").read_text().splitlines()
    (row,) = [line for line in lines if line.startswith(f"| {first_cell} |")]
    assert row.split(" | ")[2] == f"{rows:,}"
    assert abs(int(row.strip(" |").split()[-1]) - requests) <= requests / 10
