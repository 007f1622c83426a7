"""The cost of kills: `python -m benchmarks.kill`, about five minutes. Arguments select rows whose names contain one.

The command reads an account of 5,000 videos repeatedly, each time from the last printed state, until a run exits 0.
Every run except the last is killed: after a quota of list requests, when the sandbox rejects all further ones, or at a
random moment. Only complete lines count. A row passes if the runs together emit each video, no run emits one twice, and
the successful list requests (HTTP 200) of all runs stay within the bar.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import truth
from benchmarks.command import Command, catalog, count_responses, pages, video_ids
from benchmarks.report import table
from sandbox import Sandbox

VIDEOS = 5_000
YEARS = 3
QUOTAS = (60, 100, 150, 200, 300)  # list requests a run
QUOTA_LATENCY_S = 0.05
# From the first rejection to the kill, so that responses in flight arrive and the connector is waiting.
KILL_AFTER_REJECTION_S = 2.0
LATENCIES_S = (0.0, 0.05)  # of the runs killed at random moments
SEEDS = (1, 2, 3)
MAX_RUNS = 40
LONGEST_RUN_S = 300.0
POLL_S = 0.01
ONE_WINDOW_S = 1e9  # a rate window longer than the benchmark: `Quota` raises the limit instead
BAR = 1.35  # times the pages
COLUMNS = ("case", "runs", "list requests", "bar", "rejected", "verdict")


@dataclass
class Quota:
    """Kills a run after a list request beyond its quota was rejected."""

    requests: int
    extra: int = 5  # requests that a run may make in addition to its pages

    def end(self, sandbox: Sandbox, command: Command) -> None:
        """Return after the process has exited or was killed."""
        rejected_before = count_responses(sandbox, 429)
        _wait(command, lambda: count_responses(sandbox, 429) > rejected_before, KILL_AFTER_REJECTION_S)

    def begin(self, sandbox: Sandbox) -> None:
        """Allow this many more list requests."""
        sandbox.set_rate_limit(count_responses(sandbox, 200) + self.requests)


@dataclass
class RandomMoment:
    """Kills a run after a random number of successful list requests, smaller than the account's number of pages."""

    seed: int
    extra: int = 40
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    def begin(self, sandbox: Sandbox) -> None:
        """Nothing to prepare."""

    def end(self, sandbox: Sandbox, command: Command) -> None:
        """Return after the process has exited or was killed."""
        target = count_responses(sandbox, 200) + self._rng.randrange(1, pages(VIDEOS))
        _wait(command, lambda: count_responses(sandbox, 200) >= target)


@dataclass(frozen=True)
class Row:
    """How runs are killed, and the latency of each request (s)."""

    name: str
    latency: float
    killer: Quota | RandomMoment


@dataclass
class Chain:
    """The outcome of the runs so far."""

    runs: int = 0
    ids: set[str] = field(default_factory=set)
    state: list[truth.Message] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    complete: bool = False

    def add(self, command: Command, held: Sequence[str]) -> None:
        """Add a finished run."""
        messages = command.messages()
        ids = list(truth.airbyte_ids(messages))
        self.runs += 1
        self.ids.update(ids)
        self.state = truth.last_state(messages) or self.state
        self.problems += [f"run {self.runs}: {problem}" for problem in truth.problems(ids, held, ())]
        self.complete = command.exit_code == 0
        if not self.complete and command.exit_code != -9:
            self.problems.append(f"run {self.runs}: exit code {command.exit_code}: {command.error_message()}")


ROWS = (
    *(Row(f"killed after {quota} list requests", QUOTA_LATENCY_S, Quota(quota)) for quota in QUOTAS),
    *(
        Row(f"killed at random, {1000 * latency:.0f} ms, seed {seed}", latency, RandomMoment(seed))
        for latency in LATENCIES_S
        for seed in SEEDS
    ),
)


def main(names: Sequence[str]) -> int:
    """Print a table; 1 if a bar is missed."""
    results = [measured(row) for row in ROWS if any(name in row.name for name in names or [""])]
    sys.stdout.write(table(COLUMNS, results))
    return int(any(cells[-1] != "met" for cells in results))


def measured(row: Row) -> tuple[str, ...]:
    """The cells of a row."""
    with Sandbox(videos=VIDEOS, years=YEARS, latency=row.latency, rate_limit=0, rate_window=ONE_WINDOW_S) as sandbox:
        chain = _runs(sandbox, row.killer)
        requests = count_responses(sandbox, 200)
        rejected = count_responses(sandbox, 429)
        problems = [*chain.problems, *truth.problems(chain.ids, video_ids(sandbox.account), video_ids(sandbox.account))]
    bar = int(BAR * pages(VIDEOS) + row.killer.extra * chain.runs)
    if not chain.complete:
        problems.append(f"not complete after {chain.runs} runs")
    if requests > bar:
        problems.append("too many list requests")
    return (row.name, str(chain.runs), str(requests), str(bar), str(rejected), "; ".join(problems[:3]) or "met")


def _runs(sandbox: Sandbox, killer: Quota | RandomMoment) -> Chain:
    """Run the command until it exits 0 or fails, at most MAX_RUNS times."""
    files: dict[str, Any] = {"config": sandbox.access_token_config(), "catalog": catalog("incremental")}
    held = video_ids(sandbox.account)
    chain = Chain()
    while not chain.complete and not chain.problems and chain.runs < MAX_RUNS:
        state = {"state": chain.state} if chain.state else {}
        killer.begin(sandbox)
        started = time.monotonic()
        with Command(sandbox, "read", **files, **state) as command:
            killer.end(sandbox, command)
            chain.add(command, held)
        if time.monotonic() - started > LONGEST_RUN_S:
            chain.problems.append(f"run {chain.runs}: neither an exit nor a rejection in {LONGEST_RUN_S:.0f} s")
    return chain


def _wait(command: Command, is_due: Callable[[], bool], delay: float = 0.0) -> None:
    """Wait until the process exits, or kill it once `is_due`, after a delay (s)."""
    latest = time.monotonic() + LONGEST_RUN_S
    while command.exit_code is None and not is_due() and time.monotonic() < latest:
        time.sleep(POLL_S)
    if command.exit_code is None:
        command.wait(delay)
        command.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
