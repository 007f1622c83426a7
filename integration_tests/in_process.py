"""Runs the connector's command line inside this process, against a sandbox, in compressed time.

Start-up of a process takes seconds; a property that is tried on hundreds of accounts cannot wait for them.
"""

import io
import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from integration_tests.connector import Connector
from sandbox import Sandbox
from source_tiktok_organic import source
from source_tiktok_organic.run import execute
from unit_tests.cdk_once import once
from unit_tests.outcome import Outcome

Change = Callable[[dict[str, Any]], None]
_sleep, _monotonic = time.sleep, time.monotonic
_LONGEST_SLEEP = 0.002  # s; not 0, as a thread that waits for others must let them work
_skipped = [0.0]  # s that were not slept: both the connector's monotonic clock and the sandbox's are ahead by them


def run_ahead() -> None:
    """Let time.monotonic() skip the waits, also after a test with frozen time, which puts the real one back."""
    time.monotonic = _ahead


def _ahead() -> float:
    return _monotonic() + _skipped[0]


run_ahead()  # before the sandboxes of whole modules start


@dataclass
class InProcess(Connector):
    """The connector in this process.

    Attributes:
        base_url: of a sandbox, or of nobody.
        change_manifest: changes the manifest in place before it is used, say to lower a timeout.
        waits: what the connector would have slept (s), in order.
    """

    base_url: str
    change_manifest: Change = lambda manifest: None
    waits: list[float] = field(default_factory=list)

    def execute(self, argv: Sequence[str]) -> Outcome:
        """Run the command; what it raises, the process would print as a trace."""
        out, error = io.StringIO(), None
        with self._instead_of_the_world(out):
            try:
                execute(argv)
            except Exception as raised:  # noqa: BLE001
                error = raised
                sys.excepthook(type(raised), raised, raised.__traceback__)
        messages = [json.loads(line) for line in out.getvalue().splitlines()]
        return Outcome(messages, exit_code=1 if error else 0, error=error)

    @contextmanager
    def _instead_of_the_world(self, out: io.StringIO) -> Iterator[None]:
        with ExitStack() as stack:
            for name in ("stdout", "__stdout__"):  # the CDK's print buffer writes to the second one
                stack.enter_context(mock.patch.object(sys, name, out))
            stack.enter_context(mock.patch.object(sys, "excepthook", sys.excepthook))  # run() replaces it
            for name in ("airbyte", "airbyte.SourceTiktokOrganic"):  # --debug changes them for good
                logger = logging.getLogger(name)
                stack.callback(logger.setLevel, logger.level)
            stack.enter_context(mock.patch.object(time, "sleep", self._wait))
            stack.enter_context(mock.patch.dict(os.environ, TIKTOK_API_BASE_URL=self.base_url))
            stack.enter_context(once())
            stack.enter_context(mock.patch.object(source, "load_manifest", self._manifest(source.load_manifest)))
            yield

    def _manifest(self, load: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def changed(**kwargs: Any) -> dict[str, Any]:
            manifest = load(**kwargs)
            # While a response is read, the skipped waits of other threads seem to pass.
            manifest["definitions"]["error_handler"]["max_response_time"] = math.inf
            self.change_manifest(manifest)
            return manifest

        return changed

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        _skipped[0] += max(0.0, seconds - _LONGEST_SLEEP)
        _sleep(min(seconds, _LONGEST_SLEEP))


def hurried(manifest: dict[str, Any]) -> None:
    """A change of the manifest: a read timeout that a test can wait for."""
    manifest["definitions"]["requester"]["read_timeout_in_seconds"] = 0.3


def video_ids(outcome: Outcome) -> list[str]:
    """The ids of the videos read, sorted; one that came twice is there twice."""
    return sorted(video["id"] for video in outcome.records("videos"))


def ids_there_are(sandbox: Sandbox, since: int = 0) -> list[str]:
    """The ids of the account's videos posted at or after a time (s), sorted."""
    return sorted(str(video["id"]) for video in sandbox.account.videos if video["create_time"] >= since)


def videos(outcome: Outcome) -> list[dict[str, Any]]:
    """The videos read, by their ids."""
    return sorted(outcome.records("videos"), key=lambda video: str(video["id"]))


def videos_there_are(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The account's videos as records, by their ids."""
    open_id = sandbox.account.user["open_id"]
    records = [{**video, "open_id": open_id, "id": str(video["id"])} for video in sandbox.account.videos]
    return sorted(records, key=lambda video: str(video["id"]))


def long_waits(connector: InProcess) -> list[float]:
    """The waits (s) before retries, without those of one thread for another."""
    return [wait for wait in connector.waits if wait >= 1]
