"""Runs the installed console script as a process, as Airbyte does."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox import Sandbox
from unit_tests.outcome import Outcome, catalog, read_outcome

SCRIPT = Path(sys.executable).with_name("source-tiktok-organic")
HURRIED = """
from source_tiktok_organic import run, source
load = source.load_manifest
def hurried():
    manifest = load()
    manifest["definitions"]["rates"] = [{"limit": 590, "interval": "PT2S"}]
    return manifest
source.load_manifest = hurried
run.run()
"""


class Command:
    """The command `source-tiktok-organic`, with a sandbox in TikTok's place."""

    program: Sequence[str | Path] = (SCRIPT,)

    def __init__(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self._sandbox = sandbox
        self._tmp_path = tmp_path

    def spec(self) -> Outcome:
        """Run `spec`."""
        return self.run("spec")

    def check(self, config: Any) -> Outcome:
        """Run `check`."""
        return self.run("check", "--config", self.file("config", config))

    def discover(self, config: Any) -> Outcome:
        """Run `discover`."""
        return self.run("discover", "--config", self.file("config", config))

    def read(self, config: Any, *streams: str, state: Any = None) -> Outcome:
        """Run `read` of whole streams."""
        return self.run("read", *self.files(config, streams, state))

    def files(self, config: Any, streams: Sequence[str] = (), state: Any = None) -> list[str]:
        """The arguments of a `read`, their files written."""
        content = {"config": config, "catalog": catalog(*streams)} | ({} if state is None else {"state": state})
        return [part for name, body in content.items() for part in (f"--{name}", self.file(name, body))]

    def file(self, name: str, content: Any) -> str:
        """Write a JSON file and return its path."""
        path = self._tmp_path / f"{name}.json"
        path.write_text(json.dumps(content))
        return str(path)

    def start(self, *argv: str) -> "subprocess.Popen[str]":
        """Start the process."""
        env = {**os.environ, "TIKTOK_API_BASE_URL": self._sandbox.base_url}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*self.program, *argv], env=env, cwd=self._tmp_path, text=True, **pipes)

    def run(self, *argv: str) -> Outcome:
        """Run the process to its end; a line of stdout that is no JSON object fails the test."""
        process = self.start(*argv)
        out, err = process.communicate(timeout=120)
        return read_outcome(out, process.returncode, err)


class HurriedCommand(Command):
    """The same with its budget of 590 requests for each 2 s instead of 61 s: a very large account in a minute."""

    program = (sys.executable, "-c", HURRIED)
