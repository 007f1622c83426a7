"""Runs the connector's command line inside this process, against a sandbox on the real clock, without sleeping.

Start-up of a process takes seconds; a property that is tried on hundreds of accounts cannot wait for them.
"""

import io
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from sandbox import Sandbox
from source_tiktok_organic import source
from source_tiktok_organic.run import run
from unit_tests import cdk_schema
from unit_tests.outcome import Outcome, catalog

Change = Callable[[dict[str, Any]], None]
_sleep = time.sleep
_LONGEST_SLEEP = 0.002  # s; not 0, as a thread that waits for others must let them work


@dataclass
class InProcess:
    """The connector in this process.

    Attributes:
        base_url: of a sandbox, or of nobody.
        change_manifest: changes the manifest in place before it is used, say to lower a timeout.
        waits: what the connector would have slept (s), in order.
    """

    base_url: str
    change_manifest: Change = lambda manifest: None
    waits: list[float] = field(default_factory=list)

    def read(self, config: Any, *streams: str, state: Any = None, debug: bool = False) -> Outcome:
        """Run an incremental `read`, from a state of `videos` if there is one."""
        files = {"config": config, "catalog": catalog(*streams, sync_mode="incremental")}
        return self.run("read", files if state is None else {**files, "state": stream_state(state)}, debug=debug)

    def check(self, config: Any, *, debug: bool = False) -> Outcome:
        """Run `check`."""
        return self.run("check", {"config": config}, debug=debug)

    def run(self, command: str, files: Mapping[str, Any], *, debug: bool = False) -> Outcome:
        """Run a command; each line of stdout must be a message."""
        out, error = io.StringIO(), None
        with tempfile.TemporaryDirectory() as folder, self._instead_of_the_world(out):
            argv = [part for name, body in files.items() for part in (f"--{name}", _file(folder, name, body))]
            try:
                run([command, *(["--debug"] if debug else []), *argv])
            except Exception as raised:  # noqa: BLE001  # the process would print it as a trace
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
            stack.enter_context(mock.patch.object(cdk_schema.OWNER, cdk_schema.NAME, cdk_schema.parsed_once))
            stack.enter_context(mock.patch.object(source, "load_manifest", self._manifest(source.load_manifest)))
            yield

    def _manifest(self, load: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        def changed() -> dict[str, Any]:
            manifest = load()
            self.change_manifest(manifest)
            return manifest

        return changed

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        _sleep(min(seconds, _LONGEST_SLEEP))


def hurried(manifest: dict[str, Any]) -> None:
    """A change of the manifest: a read timeout that a test can wait for."""
    manifest["definitions"]["requester"]["read_timeout_in_seconds"] = 0.3


def stream_state(state: Any) -> list[dict[str, Any]]:
    """A state of `videos`, as the platform hands it to a sync."""
    return [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "videos"}, "stream_state": state}}]


def video_ids(outcome: Outcome) -> list[str]:
    """The ids of the videos read, sorted; one that came twice is there twice."""
    return sorted(video["id"] for video in outcome.records("videos"))


def ids_there_are(sandbox: Sandbox, since: int = 0) -> list[str]:
    """The ids of the account's videos posted at or after a time (s), sorted."""
    return sorted(str(video["id"]) for video in sandbox.account.videos if video["create_time"] >= since)


def _file(folder: str, name: str, content: Any) -> str:
    path = Path(folder) / f"{name}.json"
    path.write_text(json.dumps(content))
    return str(path)
