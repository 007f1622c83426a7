"""Any limit: what syncs do against limits that they are not told. `python -m benchmarks.limits`, about ten minutes.

Each row is a TikTok with 300 ms a request and real time, read by the installed command without a start date and with
the default workers. A row is met when every sync exits 0 with each video once, within its bars.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sandbox import Sandbox
from source_tiktok_organic.config import load_manifest
from unit_tests.outcome import catalog

LIST, LATENCY_S, PAGE, LIMIT_OFF = "/v2/video/list/", 0.3, 20, 0
WORKERS = load_manifest()["spec"]["connection_specification"]["properties"]["num_workers"]["default"]
SCRIPT = Path(sys.executable).with_name("source-tiktok-organic")


@dataclass(frozen=True)
class Row:
    """One case: the sandbox's settings, what happens meanwhile, and its bars.

    Attributes:
        limit: requests a minute, for the time that the limit allows for the pages (`at_most` times as long).
        admitted, refused: the most list requests that may be; `late` is the share refused after the first 30.
        connections: the most TCP connections that may be opened, over TLS, as users have it.
    """

    name: str
    videos: int
    years: float
    limit: int = LIMIT_OFF
    settings: dict[str, Any] = field(default_factory=dict)
    accounts: int = 1
    admitted: int | None = None
    refused: int | None = None
    at_most: float | None = None
    late: float | None = None
    connections: int | None = None
    meanwhile: Callable[[Sandbox], None] = lambda sandbox: None


def drop_and_return(sandbox: Sandbox) -> None:
    """The limit falls to 30 in mid-sync, and two minutes later is as it was."""
    while len(sandbox.requests_to(LIST)) < 40:
        time.sleep(0.05)
    sandbox.set_rate_limit(30)
    time.sleep(120)
    sandbox.set_rate_limit(600)


REFUSED_COUNT = {"count_refused": True}
ROWS = (
    Row("719 videos, 5 years, 30 a minute", 719, 5, 30, admitted=52, at_most=1.3, late=0.05),
    Row("the same, refused requests count", 719, 5, 30, REFUSED_COUNT, admitted=52, at_most=1.3, late=0.05),
    Row("2,530 videos, 6 years, 60 a minute", 2530, 6, 60, admitted=175, at_most=1.3, late=0.05),
    Row("the same, refused requests count", 2530, 6, 60, REFUSED_COUNT, admitted=175, at_most=1.3, late=0.05),
    Row("719 videos, 10 a minute", 719, 5, 10),
    Row("2,530 videos, 600, then 30, then 600 a minute", 2530, 6, 600, meanwhile=drop_and_return),
    Row("two accounts of 719 videos that share 60 a minute", 719, 5, 60, accounts=2),
    *(
        Row(f"{n:,} videos, no limit", n, 5, admitted=math.floor(1.35 * math.ceil(n / PAGE) + 3))
        for n in (19, 100, 300)
    ),
    *(Row(f"{n:,} videos, no limit", n, 6, admitted=math.floor(1.35 * math.ceil(n / PAGE) + 3)) for n in (719, 2530)),
    Row("10,000 videos, no limit, over TLS", 10_000, 3, settings={"tls": True}, admitted=678, connections=WORKERS + 5),
)
CROWD = Row("20 first syncs of 1,000 videos that share 600 a minute", 1000, 3, 600, accounts=20, refused=600)


@dataclass(frozen=True)
class Measured:
    """What came of a row: seconds of the slowest sync, list requests, connections, and what was wrong."""

    seconds: float
    admitted: int
    refused: int
    late: float
    connections: int
    problems: tuple[str, ...] = ()


def measured(row: Row) -> Measured:
    """Run all syncs of a row at once."""
    settings = {"videos": row.videos, "years": row.years, "rate_limit": row.limit, "accounts": row.accounts}
    with Sandbox(latency=LATENCY_S, **settings, **row.settings) as sandbox, ThreadPoolExecutor(row.accounts) as pool:
        threading.Thread(target=row.meanwhile, args=[sandbox], daemon=True).start()
        started = time.perf_counter()
        syncs = list(pool.map(lambda account: _sync(sandbox, account), sandbox.accounts))
        seconds = time.perf_counter() - started
        statuses = [request.status for request in sandbox.requests_to(LIST)]
        admitted, refused = statuses.count(200), statuses.count(429)
        found = Measured(seconds, admitted, refused, _late_refusals(statuses), sandbox.connections)
    return replace(found, problems=(*(problem for sync in syncs for problem in sync), *_missed(row, found)))


def _sync(sandbox: Sandbox, account: Any) -> list[str]:
    with TemporaryDirectory() as name:
        files = {"config": sandbox.config(account=account), "catalog": catalog("videos")}
        for kind, content in files.items():
            Path(name, f"{kind}.json").write_text(json.dumps(content))
        args = [part for kind in files for part in (f"--{kind}", f"{kind}.json")]
        env = {**os.environ, "TIKTOK_API_BASE_URL": sandbox.base_url}
        env |= {"REQUESTS_CA_BUNDLE": sandbox.ca_file} if sandbox.ca_file else {}
        process = subprocess.run(
            [SCRIPT, "read", *args], cwd=name, env=env, capture_output=True, text=True, check=False
        )
    ids = Counter(_ids(process.stdout))
    right = Counter(str(video["id"]) for video in account.videos)
    return [f"exit code {process.returncode}"] * (process.returncode != 0) + ["not each video once"] * (ids != right)


def _ids(stdout: str) -> Iterator[str]:
    for line in stdout.splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            yield message["record"]["data"]["id"]


def _late_refusals(statuses: list[int]) -> float:
    """The share of requests that are refused after the first 30 refusals."""
    refusals = [place for place, status in enumerate(statuses) if status == 429]
    later = statuses[refusals[29] + 1 :] if len(refusals) > 30 else []
    return later.count(429) / len(later) if later else 0.0


def _missed(row: Row, found: Measured) -> Iterator[str]:
    if row.admitted is not None and found.admitted > row.admitted:
        yield f"more than {row.admitted} admitted"
    if row.refused is not None and found.refused > row.refused:
        yield f"more than {row.refused} refused"
    if row.late is not None and found.late > row.late:
        yield f"more than {row.late:.0%} refused after the first 30 refusals"
    if row.at_most is not None and found.seconds > row.at_most * allowed(row):
        yield f"longer than {row.at_most} times {allowed(row):.0f} s"
    if row.connections is not None and found.connections > row.connections:
        yield f"more than {row.connections} connections"


def allowed(row: Row) -> float:
    """How long the limit makes the pages of an account take, at its rate (s)."""
    return math.ceil(row.videos / PAGE) * 60 / row.limit


def main() -> int:
    """Measure every row: those that mostly wait side by side, the crowd alone; 1 when one is missed."""
    with ThreadPoolExecutor(4) as pool:
        results = list(zip(ROWS, pool.map(measured, ROWS), strict=True))
    results.append((CROWD, measured(CROWD)))
    lines = ["| case | s | admitted | refused | connections | verdict |", "|---|---|---|---|---|---|"]
    for row, found in results:
        verdict = "; ".join(found.problems) or "met"
        counts = f"{found.seconds:.0f} | {found.admitted} | {found.refused} | {found.connections}"
        lines.append(f"| {row.name} | {counts} | {verdict} |")
    sys.stdout.write("\n".join(lines) + "\n")
    return int(any(found.problems for _, found in results))


if __name__ == "__main__":
    sys.exit(main())
