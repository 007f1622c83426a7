"""Whether what landed is what the account holds: every row once, every column equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]
NAMED_AT_MOST = 5


def differences(noun: str, key: str, expected: Sequence[Row], landed: Sequence[Row]) -> list[str]:
    """Sentences on what differs; none when everything is as it should be.

    Args:
        noun: what a row is, in the singular: "video".
        key: the primary key.
        expected: the rows that must be there, each key once.
        landed: the rows that are there.
    """
    truth = {row[key]: row for row in expected}
    times = Counter(row[key] for row in landed)
    doubled = [f"{name} ({count} times)" for name, count in times.items() if count > 1]
    changed = [found for row in landed if row[key] in truth and (found := _changes(key, truth[row[key]], row))]
    checks = {
        "missing": [name for name in truth if name not in times],
        "there more than once": doubled,
        "there but not in the account": [name for name in times if name not in truth],
        "there with other values": changed,
    }
    return [f"{_count(len(names), noun)} {what}: {_listed(names)}." for what, names in checks.items() if names]


def _changes(key: str, expected: Row, landed: Row) -> str | None:
    """The row's key with the columns that differ; a column too many or too few differs as well."""
    columns = [name for name in {**expected, **landed} if not _same(name, expected, landed)]
    if not columns:
        return None
    values = [f"{name} is {_value(landed, name)} instead of {_value(expected, name)}" for name in columns[:2]]
    more = f" and {len(columns) - 2} more columns" if len(columns) > 2 else ""
    return f"{landed[key]} ({', '.join(values)}{more})"


def _same(name: str, expected: Row, landed: Row) -> bool:
    if name not in expected or name not in landed:
        return False
    # The type too: to Python, True is 1.
    return type(expected[name]) is type(landed[name]) and bool(expected[name] == landed[name])


def _value(row: Row, name: str) -> str:
    if name not in row:
        return "no column"
    text = repr(row[name])
    return text if len(text) <= 40 else f"{text[:39]}…"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun} is" if number == 1 else f"{number:,} {noun}s are"


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    rest = len(names) - NAMED_AT_MOST
    return ", ".join(names[:NAMED_AT_MOST]) + (f" and {rest:,} more" if rest > 0 else "")
