"""The connector's performance targets, and whether it meets them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.cases import CASES
from benchmarks.results import Results, times_as_fast


@dataclass(frozen=True)
class Bar:
    """A target: one value with its limit.

    Attributes:
        value: computes the value from the results; raises KeyError if a run is missing.
        decimals: of the value in the table.
    """

    what: str
    value: Callable[[Results], float]
    limit: float
    at_least: bool = False
    decimals: int = 0


@dataclass(frozen=True)
class Verdict:
    """A bar and its measured value; None without a valid measurement."""

    bar: Bar
    measured: float | None

    @property
    def met(self) -> bool | None:
        """Whether the value passes the bar; None if it was not measured."""
        if self.measured is None:
            return None
        return self.measured >= self.bar.limit if self.bar.at_least else self.measured <= self.bar.limit


def _longer_than_low_code(results: Results) -> float:
    return results["50"]["connector"].seconds - results["50"]["low_code"].seconds


def _memory_of_a_large_account(results: Results) -> float:
    return results["100000-0ms"]["connector"].memory - results["1000-0ms"]["connector"].memory


def _start(results: Results) -> float:
    return results["startup"]["spec"].seconds / results["startup"]["import"].seconds


def _accepted(results: Results, case: str) -> int:
    run = results[case]["connector"]
    return run.requests - run.rejected


def _times_minimum(results: Results, case: str, pages: int, per_minute: int) -> float:
    """The duration as a multiple of the time that the account's pages take at the limit."""
    return results[case]["connector"].seconds / (pages * 60 / per_minute)


BARS = (
    Bar(
        "10,000 videos, 300 ms: times as fast as the plain loop",
        lambda results: times_as_fast(results, "10000-300ms", "connector"),
        12,
        at_least=True,
        decimals=1,
    ),
    Bar("10,000 videos, 300 ms: list requests", lambda r: r["10000-300ms"]["connector"].requests, 678),
    Bar("10,000 videos, 300 ms: rejected requests", lambda r: r["10000-300ms"]["connector"].rejected, 0),
    Bar(
        "1,000 videos, 300 ms: times as fast as the plain loop",
        lambda results: times_as_fast(results, "1000-300ms", "connector"),
        3,
        at_least=True,
        decimals=1,
    ),
    Bar("719 videos, 30 a minute: accepted list requests", lambda r: _accepted(r, "719-30"), 52),
    Bar(
        "719 videos, 30 a minute: times the minimum duration",
        lambda results: _times_minimum(results, "719-30", 36, 30),
        1.3,
        decimals=2,
    ),
    Bar("2,530 videos, 60 a minute: accepted list requests", lambda r: _accepted(r, "2530-60"), 175),
    Bar(
        "2,530 videos, 60 a minute: times the minimum duration",
        lambda results: _times_minimum(results, "2530-60", 127, 60),
        1.3,
        decimals=2,
    ),
    Bar("50 videos, default config: list requests", lambda r: r["50"]["connector"].requests, 7),
    Bar("50 videos: s longer than low-code without windows", _longer_than_low_code, 0.5, decimals=2),
    Bar("Nothing new: list requests", lambda r: r["incremental"]["connector"].requests, 5),
    Bar("Nothing new: token refreshes", lambda r: r["incremental"]["connector"].token_requests, 0),
    Bar("100,000 videos: MB of peak memory above 1,000 videos", _memory_of_a_large_account, 25, decimals=1),
    Bar("10,000 videos, 0 ms: s of CPU", lambda r: r["10000-0ms"]["connector"].cpu, 3.5, decimals=1),
    Bar("`spec`: times as long as `import airbyte_cdk`", _start, 1.5, decimals=2),
    Bar("14,000 videos at full speed: rejected requests", lambda r: r["14000-0ms"]["connector"].rejected, 3),
)


def verdicts(results: Results, bars: Sequence[Bar] = BARS) -> list[Verdict]:
    """One verdict for each bar, in order."""
    return [Verdict(bar, _value(bar, results)) for bar in bars]


def _value(bar: Bar, results: Results) -> float | None:
    try:
        return bar.value(results)
    except KeyError:
        return None


def valid(results: Results) -> Results:
    """The results without invalid runs: a reader that fails at once would meet every bar."""
    return {case: {reader: run for reader, run in runs.items() if not run.problems} for case, runs in results.items()}


def faults(results: Results) -> list[str]:
    """All problems with the records, by row and reader; any of them fails the benchmark.

    A peer that gives up at a limit far below the documented one is a result, not a fault.
    """
    below = [case.name for case in CASES if case.below]
    named = ((case, reader, run) for case, runs in results.items() for reader, run in runs.items())
    counted = [(c, reader, run) for c, reader, run in named if reader == "connector" or c not in below]
    return [f"{case}, {reader}: {problem}" for case, reader, run in counted for problem in run.problems]
