"""Videos by month, as `make sync` shows them."""

import pytest

from examples.sync.months import Month, bar, fill_gaps, sparkline


def test_missing_months_are_filled_in_order() -> None:
    """Catches a month 00 or 13, and months left in their original order."""
    months = [Month("2026-02", 3, 30), Month("2025-11", 1, 10)]
    assert fill_gaps(months) == [
        Month("2025-11", 1, 10),
        Month("2025-12"),
        Month("2026-01"),
        Month("2026-02", 3, 30),
    ]


def test_account_without_videos_has_no_months() -> None:
    """Catches a crash on an account without videos."""
    assert fill_gaps([]) == []


@pytest.mark.parametrize(
    ("value", "largest", "expected"),
    [(0, 80, ""), (80, 80, "█" * 10), (40, 80, "█" * 5), (41, 80, "█████▏"), (1, 10_000, "▏"), (0, 0, "")],
)
def test_bar_is_proportional_and_never_invisible(value: int, largest: int, expected: str) -> None:
    """Catches bars that overflow, a division by zero views, and small counts without a bar."""
    assert bar(value, largest, 10) == expected


def test_sparkline_shows_small_values() -> None:
    """Catches months that are invisible beside a viral one, and a division by zero."""
    assert sparkline([0, 1, 40, 80, 8_000_000]) == " ▁▁▁█"
    assert sparkline([0, 0]) == "  "
