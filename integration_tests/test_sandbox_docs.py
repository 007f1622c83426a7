"""sandbox/README.md: the names in its tables, and its command, which the benchmarks start and control."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.tiktok import TikTok
from sandbox import Settings
from sandbox.errors import DATA_ERRORS, TOKEN_ERRORS
from sandbox.facts import PATHS
from sandbox.faults import names_for

README = Path(__file__).parents[1] / "sandbox" / "README.md"


def test_readme_names_every_switch_and_fault() -> None:
    sections = dict(re.findall(r"^## (\w+).*?\n(.*?)(?=^## |\Z)", README.read_text(), re.MULTILINE | re.DOTALL))
    named = {title: set(re.findall(r"`(\w+)`", _first_column(text))) for title, text in sections.items()}
    faults = {name for path in PATHS for name in names_for(path)} - {*DATA_ERRORS, *TOKEN_ERRORS}

    assert named["Switches"] == {field.name for field in fields(Settings)}
    assert named["Faults"] == faults


def _first_column(text: str) -> str:
    return "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("|"))


def test_command_serves_and_is_controlled_over_http() -> None:
    with TikTok(Case("tiny", "3 videos", 3)) as tiktok:
        token = tiktok.access_token()
        refresh = tiktok.start_over()["refresh_token"]

        assert (token[:4], refresh[:4]) == ("act.", "rft.")
        assert tiktok.new_requests() == []
        assert len(tiktok.videos()) == 3
