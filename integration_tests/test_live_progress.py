"""`make live` shows how far it is: a bar on a terminal, elsewhere a line for each finding."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from integration_tests.live import probes
from integration_tests.live.api import Api
from integration_tests.live.probe import Finding
from integration_tests.live.report import ProgressDisplay


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "log"])
def test_progress_is_shown(terminal: bool) -> None:
    output, api, entry = io.StringIO(), Api("http://localhost"), probes.ALL[0]
    course = ProgressDisplay(Console(file=output, force_terminal=terminal, width=150), api, count=2)
    with course.bar:
        course.start(entry)
        api.used = 12
        course.end(entry, Finding("it does", agrees=True))
        course.bar.refresh()

    bar = f"12 requests  {entry.question}"
    assert (bar in output.getvalue(), "━" in output.getvalue()) == (True, True) or not terminal
    assert (f"= {entry.question} it does\n" in output.getvalue()) is not terminal
