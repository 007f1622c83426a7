"""The report of a run: a progress display, a table on the terminal, and report.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from integration_tests.live.api import Api
from integration_tests.live.probe import Finding, Probe, merged

HEADER = ("question", "TikTok", "its documentation", "the sandbox", "")
MARKS = {True: ("≠", "yellow"), False: ("=", "green"), None: ("?", "dim")}


@dataclass
class Report:
    """The findings so far, in the order of the probes.

    Attributes:
        place: display name of the API.
        end: why the run stopped early; empty if it did not.
    """

    place: str
    findings: dict[str, tuple[Probe, Finding]] = field(default_factory=dict)
    end: str = ""

    def add(self, probe: Probe, finding: Finding) -> None:
        """Add a finding."""
        self.findings[probe.name] = probe, finding

    @property
    def switches(self) -> dict[str, Any]:
        """The settings with which the sandbox would behave as seen."""
        return merged(finding for _, finding in self.findings.values())

    @property
    def advice(self) -> str:
        """One sentence on the differences from the sandbox."""
        if self.switches:
            return f"The sandbox behaves the same with Sandbox({_arguments(self.switches)})."
        if any(finding.differs for _, finding in self.findings.values()):
            return "The sandbox has no switch for the differences."
        return "No finding differs from the sandbox."

    @property
    def proof(self) -> str:
        """The sentence on the connector, if it was run."""
        return next((finding.seen for name, (_, finding) in self.findings.items() if name == "proof"), "")

    @property
    def limit(self) -> str:
        """The sentence on the rate limit, if the run hit one."""
        found = self.findings.get("limit_met")
        is_met = found is not None and not found[1].seen.startswith("not seen")
        return f"Rate limit: {found[1].seen}." if found and is_met else ""

    def markdown(self, used: int) -> str:
        """The report as Markdown."""
        rows = [_row(probe, finding) for probe, finding in self.findings.values()]
        cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
        today = datetime.now(timezone.utc).date()
        parts = [
            f"# What {self.place} does\n",
            f"{today}, {used} requests. {self.end}".strip() + "\n",
            f"**{self.proof}**\n" if self.proof else "",
            f"**{self.limit}**\n" if self.limit else "",
            f"{self.advice}\n",
            "≠ differs from the sandbox's default, = is the same, ? was not seen or the sandbox makes no claim.\n",
            _table(cells),
        ]
        return "\n".join(part for part in parts if part)


def print_table(console: Console, report: Report, used: int) -> None:
    """Print the table on the terminal."""
    table = Table(box=None, padding=(0, 2, 1, 0), header_style="dim", expand=True)
    for heading, ratio in zip(HEADER[:-1], (3, 4, 2, 4), strict=True):
        table.add_column(heading, ratio=ratio, overflow="fold")
    for probe, finding in report.findings.values():
        *cells, verdict = _row(probe, finding)
        style = MARKS[verdict_of(finding)][1]
        question, seen, documented, ours = (Text(cell.replace("**", "")) for cell in cells)
        table.add_row(question, Text(f"{verdict} ", style=style) + seen, documented, ours)
    console.print(table)
    bold = (report.proof, report.limit)
    for line in filter(None, (report.end, f"{used} requests.", *bold, report.advice)):
        console.print(Text(line, style="bold" if line in bold else ""), soft_wrap=True)


class ProgressDisplay:
    """The run's progress: a bar on a terminal, elsewhere a line for each finding."""

    def __init__(self, console: Console, api: Api, count: int) -> None:
        columns = (SpinnerColumn(), BarColumn(20), TextColumn("{task.fields[used]} requests  {task.description}"))
        self.bar = Progress(*columns, console=console, transient=True)
        self._api, self._console = api, console
        self._task = self.bar.add_task("", total=count, used=0)

    def start(self, probe: Probe) -> None:
        """Show a question."""
        self.bar.update(self._task, description=probe.question, used=self._api.used)

    def end(self, probe: Probe, finding: Finding) -> None:
        """Show a finding."""
        self.bar.update(self._task, advance=1, used=self._api.used)
        if not self._console.is_terminal:
            mark, _ = MARKS[verdict_of(finding)]
            self._console.print(Text(f"{mark} {probe.question} {finding.seen}"), soft_wrap=True)


def verdict_of(finding: Finding) -> bool | None:
    """Whether it differs from the sandbox; None if nothing was seen, or if the sandbox makes no claim."""
    return finding.differs if finding.settings or finding.agrees is not None else None


def _row(probe: Probe, finding: Finding) -> Sequence[str]:
    rule = f"{probe.rule.rule} ({probe.rule.strength})" if probe.rule else ""
    switches = f" **Set {_arguments(finding.switches)}.**" if finding.switches else ""
    return probe.question, finding.seen, probe.documented, rule + switches, MARKS[verdict_of(finding)][0]


def _table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = (HEADER, ["---"] * len(HEADER), *rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _arguments(switches: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in switches.items())
