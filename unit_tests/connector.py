"""The connector's command line as tests run it: one interface, in this process or as a process."""

from __future__ import annotations

import io
import json
import logging
import math
import os
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

from airbyte_cdk.logger import PRINT_BUFFER

from source_tiktok_organic import source
from source_tiktok_organic.config import BASE_URL_VARIABLE
from source_tiktok_organic.reporting import report_error
from source_tiktok_organic.run import execute
from unit_tests import skipped_time
from unit_tests.cdk_cache import once
from unit_tests.command_result import Outcome, catalog, read_outcome

SCRIPT = Path(sys.executable).with_name("source-tiktok-organic")
LONGEST_RUN_S = 120
# Rate windows of 2 s instead of 61 s, with matching waits, so that a very large account takes a minute.
SHORT_RATE_WINDOWS = """
from source_tiktok_organic import run, source
load = source.load_manifest
def with_short_rate_windows(**kwargs):
    manifest = load(**kwargs)
    manifest["definitions"]["endpoint_limit"]["rates"][0] |= {"limit": LIMIT, "interval": "PT2S"}
    manifest["definitions"]["requester"] |= {"rate_limit_waits": [2, 4, 4], "full_width_after": 4}
    return manifest
source.load_manifest = with_short_rate_windows
run.run()
"""
Program = Sequence[str | Path]
Change = Callable[[dict[str, Any]], None]


class Connector(ABC):
    """The command `source-tiktok-organic`.

    Attributes:
        latest: outcomes of the last runs of any connector; the integration tests add them to failure reports.
    """

    latest: ClassVar[deque[Outcome]] = deque(maxlen=3)

    @abstractmethod
    def execute(self, argv: Sequence[str]) -> Outcome:
        """Run the command with these arguments; a line of stdout that isn't a JSON object fails the test."""

    def spec(self) -> Outcome:
        """Run `spec`."""
        return self.run("spec")

    def check(self, config: Any, *, debug: bool = False) -> Outcome:
        """Run `check`."""
        return self.run("check", {"config": config}, debug=debug)

    def discover(self, config: Any) -> Outcome:
        """Run `discover`."""
        return self.run("discover", {"config": config})

    def read(
        self,
        config: Any,
        *streams: str,
        state: Any = None,
        sync_mode: str = "incremental",
        columns: Mapping[str, Sequence[str]] | None = None,
        debug: bool = False,
    ) -> Outcome:
        """Run a `read` of all or some columns of the streams, from a state of `videos` if there is one."""
        return self.run("read", read_files(config, streams, state, sync_mode, columns), debug=debug)

    def run(self, command: str, files: Mapping[str, Any] | None = None, *, debug: bool = False) -> Outcome:
        """Run a command with files of these contents: config, catalog, state."""
        with tempfile.TemporaryDirectory() as folder:
            arguments = write_files(Path(folder), files or {})
            outcome = self.execute([command, *(["--debug"] if debug else []), *arguments])
        self.latest.append(outcome)
        return outcome


@dataclass
class InProcess(Connector):
    """The connector in this process, which saves the start-up time.

    Attributes:
        base_url: of a sandbox, or unreachable; "" is TikTok's own, which a test mocks.
        change_manifest: changes the manifest in place before it is used, for example to lower a timeout.
        skips_time: whether waits are skipped, after `skipped_time.run_ahead()`; otherwise the test has its own clock.
        waits: what the connector would have slept (s), in order, if waits are skipped.
    """

    base_url: str = ""
    change_manifest: Change = lambda manifest: None
    skips_time: bool = True
    waits: list[float] = field(default_factory=list)

    @property
    def long_waits(self) -> list[float]:
        """The waits (s) before retries, without those of threads for each other."""
        return [wait for wait in self.waits if wait >= 1]

    def execute(self, argv: Sequence[str]) -> Outcome:
        """Run the command as `run.run` does, except for signals and the exit."""
        out = io.StringIO()
        err = io.StringIO()
        exit_code = 0
        with self._patched_process(out, err):
            try:
                execute(argv)
            except Exception as error:  # noqa: BLE001
                exit_code = 1
                report_error(error)
            PRINT_BUFFER.flush()
        return read_outcome(out.getvalue(), exit_code, err.getvalue())

    @contextmanager
    def _patched_process(self, out: io.StringIO, err: io.StringIO) -> Iterator[None]:
        """Replace the parts of the process that the command uses, and restore what it changes."""
        with ExitStack() as stack:
            for name in ("stdout", "__stdout__"):  # the CDK's print buffer writes to the second one
                stack.enter_context(mock.patch.object(sys, name, out))
            if sys.stderr is not None:  # as in a process that was started without one
                stack.enter_context(mock.patch.object(sys, "stderr", err))
            stack.enter_context(mock.patch.object(sys, "excepthook", sys.excepthook))
            for name in ("airbyte", "airbyte.SourceTiktokOrganic"):  # --debug changes their levels
                logger = logging.getLogger(name)
                stack.callback(logger.setLevel, logger.level)
            if self.base_url:
                stack.enter_context(mock.patch.dict(os.environ, {BASE_URL_VARIABLE: self.base_url}))
            if self.skips_time:
                stack.enter_context(mock.patch.object(time, "sleep", self._skip))
            stack.enter_context(once())
            stack.enter_context(mock.patch.object(source, "load_manifest", self._with_change(source.load_manifest)))
            yield

    def _with_change(self, load: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        def changed(**kwargs: Any) -> dict[str, Any]:
            manifest = load(**kwargs)
            if self.skips_time:
                # While a response is read, the skipped waits of other threads seem to pass.
                manifest["definitions"]["error_handler"]["max_response_time"] = math.inf
            self.change_manifest(manifest)
            return manifest

        return changed

    def _skip(self, seconds: float) -> None:
        self.waits.append(seconds)
        skipped_time.skip(seconds)


@dataclass
class Command(Connector):
    """The command as a process, by default the installed console script, as Airbyte runs it.

    Attributes:
        base_url: of a sandbox, or whatever replaces TikTok.
        folder: where the process runs, and `files` are written; None: the current one.
        program: what is started instead of the console script.
        longest_run_s: time after which the process is killed.
    """

    base_url: str
    folder: Path | None = None
    program: Program = (SCRIPT,)
    longest_run_s: float = LONGEST_RUN_S

    def execute(self, argv: Sequence[str]) -> Outcome:
        """Run the process until it exits."""
        with self.start(*argv) as process:
            try:
                out, err = process.communicate(timeout=self.longest_run_s)
            finally:
                process.kill()
        return read_outcome(out, process.returncode, err)

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Start the process."""
        env = {**os.environ, BASE_URL_VARIABLE: self.base_url}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*self.program, *argv], env=env, cwd=self.folder, text=True, **pipes)

    def files(self, config: Any, streams: Sequence[str] = (), state: Any = None) -> list[str]:
        """The arguments of a `read` for `start`, their files written into the folder."""
        assert self.folder
        return write_files(self.folder, read_files(config, streams, state))


def with_short_rate_windows(limit: int = 600) -> Program:
    """The command with rate windows of 2 s, each of which allows `limit` requests."""
    return (sys.executable, "-c", SHORT_RATE_WINDOWS.replace("LIMIT", str(limit)))


def read_files(
    config: Any,
    streams: Sequence[str] = (),
    state: Any = None,
    sync_mode: str = "incremental",
    columns: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """The contents of the files for a `read`; `state` is one of `videos`, passed as it is."""
    files = {"config": config, "catalog": catalog(*streams, columns=columns, sync_mode=sync_mode)}
    if state is None:
        return files
    descriptor = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "videos"}, "stream_state": state}}
    return {**files, "state": [descriptor]}


def write_files(folder: Path, files: Mapping[str, Any]) -> list[str]:
    """Write JSON files, and texts as they are; returns the arguments that name them."""
    arguments: list[str] = []
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        arguments += [f"--{name}", str(path)]
    return arguments
