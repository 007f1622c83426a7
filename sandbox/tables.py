"""Markdown tables for README.md, made from the code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from sandbox.facts import DATA_PATHS, PATHS, REVOKE_PATH, TOKEN_PATH, USER_INFO_PATH, VIDEO_LIST_PATH
from sandbox.faults import DESCRIPTIONS, names_for
from sandbox.settings import Settings

_PATH_NAMES = {
    PATHS: "all",
    DATA_PATHS: "data",
    (TOKEN_PATH, REVOKE_PATH): "token, revoke",
    (TOKEN_PATH, REVOKE_PATH, *DATA_PATHS): "data, token, revoke",
    (TOKEN_PATH,): "token",
    (USER_INFO_PATH,): "user info",
    (VIDEO_LIST_PATH,): "video list",
}


def settings() -> str:
    """Every setting with its default and its note."""
    hints = get_type_hints(Settings, include_extras=True)
    rows = [(f"`{field.name}`", _shown(field.default), get_args(hints[field.name])[1]) for field in fields(Settings)]
    return table(("setting", "default", "meaning"), rows)


def faults() -> str:
    """Every fault with the paths that can meet it."""
    rows = [(f"`{name}`", _PATH_NAMES[_paths_of(name)], text) for name, text in DESCRIPTIONS.items()]
    return table(("fault", "paths", "what happens"), rows)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the cells are Markdown themselves."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def code(names: Iterable[str]) -> str:
    """Names as code, comma-separated."""
    return ", ".join(f"`{name}`" for name in names)


def _paths_of(fault: str) -> tuple[str, ...]:
    return tuple(path for path in PATHS if fault in names_for(path))


def _shown(default: Any) -> str:
    """A default as one would write it on the command line."""
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return code(default)
    return "" if default is None else str(default)
