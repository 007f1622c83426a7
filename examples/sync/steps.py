"""Progress display: a spinner on a terminal, a growing line elsewhere; then a line with the outcome."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from examples.sync.months import bar

NAME_WIDTH = 10
BAR_CELLS = 20
UPDATE_INTERVAL = 2.0  # s


class Step:
    """One step of a sync.

    Attributes:
        done: the text to show after the step.
    """

    def __init__(self, console: Console, name: str, doing: str) -> None:
        self.done = ""
        self._console = console
        self._name = Text(f"{name:<{NAME_WIDTH}} ", style="bold")
        self._spinner = Spinner("dots", self._name + Text(doing))
        # By default, Live undoes the redirection of PyAirbyte's output.
        self._live = Live(self._spinner, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
        self._start = self._last_update = time.monotonic()

    def show(self, text: str, on_terminal: str | None = None) -> None:
        """Show progress: on a terminal, `on_terminal` replaces the last text; elsewhere, `text` is appended."""
        if self._console.is_terminal:
            self._spinner.update(text=self._name + Text(on_terminal or text))
        elif time.monotonic() - self._last_update >= UPDATE_INTERVAL:
            self._last_update = time.monotonic()
            self._console.print(f"{text} ... ", end="", soft_wrap=True, highlight=False)

    def progress(self, text: str, count: int, total: int | None) -> None:
        """Show `text`, on a terminal with a bar if the total is known."""
        drawn = f"{bar(min(count, total), total, BAR_CELLS):<{BAR_CELLS}} " if total else ""
        self.show(text, on_terminal=drawn + text)

    @contextmanager
    def running(self) -> Iterator[Step]:
        """Show the step while the block runs, then its outcome."""
        if self._console.is_terminal:
            self._live.start()
        else:
            self._console.print(Text("  ") + self._name, end="... ", soft_wrap=True)
        succeeded = False
        try:
            yield self
            succeeded = True
        finally:
            self._end(succeeded)

    def _end(self, succeeded: bool) -> None:
        took = f"{time.monotonic() - self._start:.1f} s"
        outcome = self.done if succeeded else "failed"
        if not self._console.is_terminal:
            self._console.print(f"{outcome} ({took})", soft_wrap=True, highlight=False)
            return
        self._live.stop()
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column(no_wrap=True)
        line.add_column(ratio=1)
        line.add_column(justify="right", no_wrap=True, style="dim")
        mark = Text("✓", style="green") if succeeded else Text("✗", style="red")
        line.add_row(mark + Text(" ") + self._name, Text(outcome), took)
        self._console.print(line)


class Steps:
    """Shows the steps of a sync in turn on one console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, name: str, doing: str) -> Iterator[Step]:
        """Show `doing` while the block runs, then the `done` text that it set."""
        with Step(self._console, name, doing).running() as step:
            yield step
