"""Runs the installed console script as a process, as Airbyte does."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from integration_tests.connector import Connector, read_files, written
from sandbox import Sandbox
from unit_tests.outcome import Outcome, read_outcome

SCRIPT = Path(sys.executable).with_name("source-tiktok-organic")
LONGEST_RUN = 120  # s
HURRIED = """
from source_tiktok_organic import run, source
load = source.load_manifest
def hurried(**kwargs):
    manifest = load(**kwargs)
    manifest["definitions"]["endpoint_limit"]["rates"][0] |= {"limit": LIMIT, "interval": "PT2S"}
    manifest["definitions"]["requester"] |= {"rate_limit_waits": [2, 4, 4], "full_width_after": 4}
    return manifest
source.load_manifest = hurried
run.run()
"""


class Command(Connector):
    """The command as a process, which runs in a folder of the test."""

    program: Sequence[str | Path] = (SCRIPT,)

    def __init__(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self._sandbox = sandbox
        self._tmp_path = tmp_path

    def execute(self, argv: Sequence[str]) -> Outcome:
        """Run the process to its end."""
        with self.start(*argv) as process:
            try:
                out, err = process.communicate(timeout=LONGEST_RUN)
            finally:
                process.kill()
        return read_outcome(out, process.returncode, err)

    def start(self, *argv: str) -> "subprocess.Popen[str]":
        """Start the process."""
        env = {**os.environ, "TIKTOK_API_BASE_URL": self._sandbox.base_url}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*self.program, *argv], env=env, cwd=self._tmp_path, text=True, **pipes)

    def files(self, config: Any, streams: Sequence[str] = (), state: Any = None) -> list[str]:
        """The arguments of a `read` for `start`, their files written into the folder of the test."""
        return written(self._tmp_path, read_files(config, streams, state))


class HurriedCommand(Command):
    """The same with rate windows of 2 s instead of 61 s, and waits to match: a very large account in a minute.

    Args:
        limit: requests that a window allows.
    """

    def __init__(self, sandbox: Sandbox, tmp_path: Path, limit: int = 600) -> None:
        super().__init__(sandbox, tmp_path)
        self.program = (sys.executable, "-c", HURRIED.replace("LIMIT", str(limit)))
