"""Syncs against rate limits unknown to the connector: `python -m benchmarks.limits`, about 15 minutes.

Arguments select rows whose names contain one of them: `python -m benchmarks.limits "719 videos"`. Rows run in real time
with 300 ms a request; the installed command reads them without a start date and with the default workers. A row passes
if every sync exits 0, emits each video once and stays within the bar. Rows that mostly wait run in parallel, the others
alone.
"""

from __future__ import annotations

import math
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import truth
from benchmarks.command import Command, catalog, count_responses, pages, video_ids
from benchmarks.report import table
from benchmarks.tls import server_context
from sandbox import Account, Sandbox
from sandbox.client import Client
from sandbox.facts import DATA_PATHS, VIDEO_FIELDS, VIDEO_LIST_PATH

LATENCY_S = 0.3
PARALLEL_ROWS = 4
LONGEST_S = 900.0  # timeout of a row whose bar isn't a time; other rows stop at twice their bar
NO_LIMIT = 0
DOCUMENTED_LIMIT = 600  # requests a minute
AFTER_REJECTIONS_S = 150.0  # from the last rejection to the end of the sync
LONGEST_CHECK_S = 60.0
TIMES_AS_FAST = 12
CONNECTIONS = 45  # over TLS: one for each worker of the maximum, and a few more
COLUMNS = ("case", "s", "bar", "list requests", "rejected", "verdict")


@dataclass
class Measured:
    """The outcome of a row.

    Attributes:
        seconds: duration of the slowest sync.
        requests: list requests with HTTP 200; `rejected`: with 429.
        bar: as shown in the table.
    """

    seconds: float
    requests: int
    rejected: int
    bar: str
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One case.

    Attributes:
        longest: maximum duration of a passing run, in s. The slowest rows start first.
        alone: it must not share the processor.
    """

    name: str
    measure: Callable[[], Measured]
    longest: float = 0.0
    alone: bool = False


def limited(name: str, videos: int, per_minute: int, times: float, lock: float = 0.0, **settings: Any) -> Row:
    """A limit a minute; the bar is a multiple of the time that the pages take at it, plus one lock."""
    bar = times * (pages(videos) * 60 / per_minute + lock)
    settings = {"videos": videos, "rate_limit": per_minute, "rate_lock": lock, **settings}
    return Row(name, partial(_within, bar, settings), longest=bar)


def rejected(start: float, end: float) -> Row:
    """A row in which the sandbox rejects all list requests for some time."""
    bar = end + AFTER_REJECTIONS_S
    when = f"from second {start:.0f} to {end:.0f}"
    settings = {"videos": 3_000, "rate_limit": DOCUMENTED_LIMIT}
    return Row(f"3,000 videos, rejected {when}", partial(_within, bar, settings, (start, end)), longest=bar)


def unlimited(videos: int, years: int) -> Row:
    """No limit; the bar is a number of list requests."""
    settings = {"videos": videos, "years": years, "rate_limit": NO_LIMIT}
    return Row(f"{videos:,} videos, no limit", partial(_in_few_requests, settings))


def _within(bar: float, settings: dict[str, Any], rejections: tuple[float, float] | None = None) -> Measured:
    with Sandbox(latency=LATENCY_S, **settings) as sandbox:
        if rejections:
            sandbox.reject_between(VIDEO_LIST_PATH, *rejections)
        found = _read_all(sandbox, f"{bar:.0f} s", 2 * bar)
    if found.seconds > bar:
        found.problems.append("too slow")
    return found


def _in_few_requests(
    settings: dict[str, Any], ssl_context: ssl.SSLContext | None = None, ca_file: Path | None = None
) -> Measured:
    bar = math.floor(1.35 * pages(settings["videos"]) + 3)
    with Sandbox(ssl_context=ssl_context, latency=LATENCY_S, **settings) as sandbox:
        found = _read_all(sandbox, f"{bar} requests", ca_file=ca_file)
        connections = sandbox.connections
    if found.requests > bar:
        found.problems.append("too many list requests")
    # The CDK pools its connections over TLS only.
    if ssl_context and connections > CONNECTIONS:
        found.problems.append(f"{connections} TCP connections")
    return found


def over_tls() -> Measured:
    """No limit, over TLS; the bars are a number of list requests and a number of TCP connections."""
    with TemporaryDirectory() as folder:
        pem = Path(folder) / "sandbox.pem"
        return _in_few_requests({"videos": 10_000, "rate_limit": NO_LIMIT}, server_context(pem), pem)


def faster_than_a_loop() -> Measured:
    """Read the same account with a plain loop, then with the connector."""
    with Sandbox(videos=10_000, latency=LATENCY_S, rate_limit=DOCUMENTED_LIMIT) as sandbox:
        loop = _loop_seconds(sandbox)
        sandbox.reset()  # its requests would count against the limit of the connector
        found = _read_all(sandbox, f"{TIMES_AS_FAST} times as fast as a loop ({loop:.0f} s)")
    times = loop / found.seconds
    if times < TIMES_AS_FAST:
        found.problems.append(f"{times:.1f} times as fast")
    return found


def _loop_seconds(sandbox: Sandbox) -> float:
    """The duration of reading page after page in one `requests` session, in s."""
    started = time.perf_counter()
    with Client(sandbox) as client:
        for _ in client.pages(VIDEO_FIELDS):
            pass
    return time.perf_counter() - started


def crowd() -> Measured:
    """Many concurrent first syncs that share one app."""
    with Sandbox(videos=1_000, latency=LATENCY_S, rate_limit=DOCUMENTED_LIMIT, accounts=20) as sandbox:
        return _read_all(sandbox, "all complete")


def check_fails() -> Measured:
    """`check` while the sandbox rejects everything."""
    with Sandbox(videos=100, latency=LATENCY_S) as sandbox:
        for path in DATA_PATHS:
            sandbox.reject_between(path, 0, math.inf)
        started = time.perf_counter()
        with Command(sandbox, "check", config=sandbox.config()) as command:
            exit_code = command.wait(2 * LONGEST_CHECK_S)
            seconds = time.perf_counter() - started
            statuses = [m["connectionStatus"]["status"] for m in command.messages() if m["type"] == "CONNECTION_STATUS"]
        rejections = sum(request.status == 429 for request in sandbox.requests)
    problems = ["too slow"] if seconds > LONGEST_CHECK_S else []
    if (exit_code, statuses) != (0, ["FAILED"]):
        problems.append(f"exit code {exit_code}, status {statuses}")
    return Measured(seconds, 0, rejections, f"{LONGEST_CHECK_S:.0f} s, FAILED", problems)


def _read_all(sandbox: Sandbox, bar: str, longest: float = LONGEST_S, ca_file: Path | None = None) -> Measured:
    """Read all accounts concurrently, in at most `longest` s."""
    read = partial(_read, sandbox, longest, ca_file)
    started = time.perf_counter()
    with ThreadPoolExecutor(len(sandbox.accounts)) as pool:
        problems = [problem for found in pool.map(read, sandbox.accounts) for problem in found]
    seconds = time.perf_counter() - started
    accepted = count_responses(sandbox, 200)
    return Measured(seconds, accepted, count_responses(sandbox, 429), bar, [*problems, *sandbox.violations])


def _read(sandbox: Sandbox, longest: float, ca_file: Path | None, account: Account) -> list[str]:
    """The problems of one account's sync."""
    held = video_ids(account)
    files = {"config": sandbox.config(account=account), "catalog": catalog()}
    with Command(sandbox, "read", ca_file, **files) as command:
        exit_code = command.wait(longest)
        problems = [*truth.problems(truth.airbyte_ids(command.messages()), held, held)]
        if exit_code is None:
            problems.append(f"still running after {longest:.0f} s")
        elif exit_code:
            problems.append(f"exit code {exit_code}: {command.error_message()}")
    return problems


ROWS = (
    limited("719 videos, 30 a minute", 719, 30, 1.3),
    limited("719 videos, 30 a minute, rejected requests count", 719, 30, 1.3, count_refused=True),
    limited("719 videos, 30 a minute, fixed windows", 719, 30, 1.3, rate_fixed_windows=True),
    limited("2,530 videos, 60 a minute", 2_530, 60, 1.3, years=6),
    limited("719 videos, 10 a minute", 719, 10, 1.3),
    limited("300 videos, 5 a minute, rejected requests count", 300, 5, 1.6, count_refused=True),
    limited("60 videos, 1 a minute", 60, 1, 1.6),
    *(limited(f"719 videos, 30 a minute, a rejection locks for {s} s", 719, 30, 1.6, s) for s in (5, 60, 110)),
    rejected(0, 15),
    rejected(3, 18),
    rejected(3, 63),
    rejected(0, 540),
    Row("check while everything is rejected", check_fails, longest=LONGEST_CHECK_S),
    unlimited(19, years=5),
    unlimited(100, years=5),
    unlimited(300, years=5),
    unlimited(719, years=6),
    unlimited(2_530, years=6),
    Row("10,000 videos, no limit, over TLS", over_tls, alone=True),
    Row("10,000 videos, 600 a minute", faster_than_a_loop, alone=True),
    Row("20 accounts of 1,000 videos at once, 600 a minute", crowd, alone=True),
)


def main(names: Sequence[str]) -> int:
    """Print a table; 1 if a bar is missed."""
    chosen = [row for row in ROWS if any(name in row.name for name in names or [""])]
    results = {row.name: found for row, found in _measured(chosen)}
    sys.stdout.write("\n" + table(COLUMNS, [_cells(row.name, results[row.name]) for row in chosen]))
    return int(any(found.problems for found in results.values()))


def _measured(rows: Sequence[Row]) -> Iterator[tuple[Row, Measured]]:
    """Each row with its outcome; prints each one when it finishes."""
    waiting = sorted((row for row in rows if not row.alone), key=lambda row: -row.longest)
    alone = [row for row in rows if row.alone]
    with ThreadPoolExecutor(PARALLEL_ROWS) as pool:
        yield from zip(waiting, pool.map(_measure_and_print, waiting), strict=True)
    for row in alone:
        yield row, _measure_and_print(row)


def _measure_and_print(row: Row) -> Measured:
    found = row.measure()
    sys.stderr.write(f"{found.seconds:5.0f} s  {row.name}: {_verdict(found)}\n")
    return found


def _cells(name: str, found: Measured) -> tuple[str, ...]:
    return (
        name,
        f"{found.seconds:.0f}",
        found.bar,
        str(found.requests),
        str(found.rejected),
        _verdict(found),
    )


def _verdict(found: Measured) -> str:
    return "; ".join(found.problems[:3]) or "met"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
