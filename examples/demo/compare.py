"""Compares the written rows with the account: every row once, every column equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]
MAX_LISTED = 5


def differences(noun: str, key: str, expected: Sequence[Row], landed: Sequence[Row]) -> list[str]:
    """One sentence for each kind of difference; an empty list if there is none.

    Args:
        noun: singular noun for a row: "video".
        key: the primary key.
        expected: the expected rows, each key once.
        landed: the rows in the table.
    """
    truth = {row[key]: row for row in expected}
    times = Counter(row[key] for row in landed)
    duplicates = [f"{name} ({count} times)" for name, count in times.items() if count > 1]
    changed = [found for row in landed if row[key] in truth and (found := _changes(key, truth[row[key]], row))]
    checks = {
        "missing": [name for name in truth if name not in times],
        "duplicated": duplicates,
        "not in the account": [name for name in times if name not in truth],
        "different": changed,
    }
    return [f"{_count(len(names), noun)} {what}: {_listed(names)}." for what, names in checks.items() if names]


def _changes(key: str, expected: Row, landed: Row) -> str | None:
    """The row's key with the columns that differ; extra and missing columns differ too."""
    columns = [name for name in {**expected, **landed} if not _same(name, expected, landed)]
    if not columns:
        return None
    values = [f"{name} is {_value(landed, name)} instead of {_value(expected, name)}" for name in columns[:2]]
    more = f" and {len(columns) - 2} more columns" if len(columns) > 2 else ""
    return f"{landed[key]} ({', '.join(values)}{more})"


def _same(name: str, expected: Row, landed: Row) -> bool:
    if name not in expected or name not in landed:
        return False
    # Compare the type too, because True == 1 in Python.
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
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more:,} more" if more > 0 else "")
