"""Command line: `python -m benchmarks`, or `make bench`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import environments, machine, runs, startup
from benchmarks.bars import faults
from benchmarks.cases import CASES, NAMES, STARTUP, Case
from benchmarks.cases import READERS as NAMES_OF_READERS
from benchmarks.readers import READERS
from benchmarks.report import LABELS, report
from benchmarks.results import Run, summary

RESULTS = Path(__file__).with_name("RESULTS.md")
STARTUP_REPEAT = 5


@dataclass(frozen=True)
class Options:
    """What to run; `repeat` None means each row's own number."""

    only: tuple[str, ...]
    readers: tuple[str, ...]
    repeat: int | None

    @property
    def complete(self) -> bool:
        """Whether RESULTS.md may be replaced."""
        return self.only == NAMES and self.readers == NAMES_OF_READERS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows and print the results; 1 if a reader did not read each video exactly once."""
    options, start = _options(arguments), time.monotonic()
    for reader in options.readers:
        say(f"{reader}: {'installed' if environments.make(reader) else 'ready'}\n")
    results = {name: measured(name, options) for name in options.only}
    results = {name: by_reader for name, by_reader in results.items() if by_reader}
    minutes = (time.monotonic() - start) / 60
    text = report(results, _heading(minutes), _versions(options.readers))
    if options.complete:
        RESULTS.write_text(text, encoding="utf-8")
    say(f"\n{text}\n{minutes:.1f} minutes in all. ")
    say(f"Wrote {RESULTS.name}.\n" if options.complete else f"{RESULTS.name} is unchanged: the run was not complete.\n")
    return 1 if faults(results) else 0


def measured(name: str, options: Options) -> dict[str, Run]:
    """The summaries of one row by reader; prints each run when it finishes."""
    found: dict[str, list[Run]] = {}
    say(f"{name}\n")
    for reader, run in _runs(name, options):
        found.setdefault(reader, []).append(run)
        say(f"  {LABELS.get(reader, reader):34} {describe(run)}\n")
    return {reader: summary(several) for reader, several in found.items()}


def describe(run: Run) -> str:
    """One run in one line."""
    outcome = "; ".join(run.problems) or (f"{run.videos:,} videos" if run.videos else "")
    return f"{run.seconds:7.2f} s {run.cpu:6.2f} s CPU {run.memory:5.0f} MB {run.requests:6,} requests  {outcome}"


def say(text: str) -> None:
    """Write to stdout and flush."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _runs(name: str, options: Options) -> Iterator[tuple[str, Run]]:
    if name == STARTUP:
        return startup.runs(options.repeat or STARTUP_REPEAT) if "connector" in options.readers else iter(())
    case: Case = next(case for case in CASES if case.name == name)
    readers = [reader for reader in case.readers if reader in options.readers]
    return runs.runs(case, options.repeat or case.repeat, readers) if readers else iter(())


def _heading(minutes: float) -> str:
    today = time.strftime("%Y-%m-%d", time.gmtime())
    return (
        f"`make bench` on {today}: {machine.description()}, in {minutes:.0f} minutes.\n"
        "The connector and its alternatives, side by side in one run against the sandbox.\n"
    )


def _versions(readers: Sequence[str]) -> dict[str, dict[str, str]]:
    return {reader: environments.versions(reader, READERS[reader].packages) for reader in readers}


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compares the connector with its alternatives."
    )
    parser.add_argument("--only", metavar="ROW", nargs="+", choices=NAMES, help=f"rows to run: {', '.join(NAMES)}")
    parser.add_argument("--readers", metavar="READER", nargs="+", choices=READERS, help=f"of {', '.join(READERS)}")
    parser.add_argument("--repeat", metavar="N", type=int, help="runs of each reader in each row")
    given = parser.parse_args(arguments)
    if given.repeat is not None and given.repeat < 1:
        parser.error("--repeat must be at least 1")
    only = tuple(name for name in NAMES if name in (given.only or NAMES))
    readers = tuple(name for name in READERS if name in (given.readers or READERS))
    return Options(only, readers, given.repeat)


if __name__ == "__main__":
    sys.exit(main())
