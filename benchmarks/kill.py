"""What a kill at half way costs: `python -m benchmarks.kill`, with the development tools; half a minute.

The sync ends when half of its records are out, and the next goes on from the last state. Costs are counted in requests,
which decide the time: 100 % is a sync that starts over, 50 % the least there can be. The connector's state, emitted
after each window, stands beside that of the CDK's cursor as it comes, every 600 s.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any
from unittest import mock

from airbyte_cdk.sources.declarative.incremental import ConcurrentPerPartitionCursor

from integration_tests.in_process import InProcess, ids_there_are, video_ids
from sandbox import Sandbox
from source_tiktok_organic.source import AccountCursor
from unit_tests.outcome import Outcome

ACCOUNTS, LATENCY_S = ((1_500, 3), (6_000, 11)), 0.1
LIST, THROTTLE = "/v2/video/list/", "_throttle_state_message"
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Design:
    """A way to keep the state: a change of the manifest, and the cursor's throttle."""

    name: str
    change: Callable[[Manifest], None] = lambda manifest: None
    throttle: Any = AccountCursor._throttle_state_message


DESIGNS = (
    Design("a state for each account, after each window"),
    Design("a state for each account, every 600 s", throttle=ConcurrentPerPartitionCursor._throttle_state_message),
)


def cost(design: Design, videos: int, years: float, workers: int) -> tuple[int, int, bool]:
    """Requests of a whole sync, requests of the one after the kill, and whether both together have every video."""
    with (
        Sandbox(videos=videos, years=years, latency=LATENCY_S, rate_limit=0) as sandbox,
        mock.patch.object(AccountCursor, THROTTLE, design.throttle),
    ):
        connector = InProcess(sandbox.base_url, design.change)
        whole = connector.read(sandbox.config(num_workers=workers), "videos")
        requests = len(sandbox.requests_to(LIST))
        killed = half_of(whole, videos)
        state = killed.states[-1] if killed.states else None
        again = connector.read(sandbox.config(num_workers=workers), "videos", state=state)
        ids = {*map(str, video_ids(killed)), *map(str, video_ids(again))}
        complete = whole.exit_code == again.exit_code == 0 and sorted(ids) == ids_there_are(sandbox)
        return requests, len(sandbox.requests_to(LIST)) - requests, complete


def half_of(outcome: Outcome, videos: int) -> Outcome:
    """What was emitted when half of the records were."""
    records = 0
    for place, message in enumerate(outcome.messages):
        records += message["type"] == "RECORD"
        if records == videos // 2:
            return Outcome(outcome.messages[: place + 1])
    return outcome


def main() -> int:
    """Print a table; 1 when a video was lost."""
    lost = False
    for (videos, years), workers, design in product(ACCOUNTS, (8, 20), DESIGNS):
        whole, again, complete = cost(design, videos, years, workers)
        lost = lost or not complete
        told = f"{again:4} of {whole} = {again / whole:4.0%}{'' if complete else '  VIDEOS LOST'}"
        sys.stdout.write(f"{videos:,} videos  {workers:2} workers  {design.name:44} {told}\n")
    return int(lost)


if __name__ == "__main__":
    sys.exit(main())
