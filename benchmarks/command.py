"""Runs the installed command against a sandbox in this process; its output can be read after an exit or a kill."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from benchmarks import truth
from benchmarks.readers import configured, discovered, environment
from sandbox import Account, Sandbox
from sandbox.facts import MAX_PAGE_SIZE, VIDEO_LIST_PATH

SCRIPT = Path(sys.executable).with_name("source-tiktok-organic")


class Command:
    """One run of the installed command; a context manager that kills the process on exit.

    Its output goes to a file, because the process would block on a full pipe.
    """

    def __init__(self, sandbox: Sandbox, command: str, ca_file: Path | None = None, **files: Any) -> None:
        self._temporary = TemporaryDirectory()
        self._folder = Path(self._temporary.name)
        arguments = [part for name, content in files.items() for part in self._written(name, content)]
        trusted = {"REQUESTS_CA_BUNDLE": str(ca_file)} if ca_file else {}
        with (self._folder / "stdout").open("wb") as out, (self._folder / "stderr").open("wb") as err:
            self._process = subprocess.Popen(
                [SCRIPT, command, *arguments],
                cwd=self._folder,
                env=environment(sandbox.base_url) | trusted,
                stdout=out,
                stderr=err,
            )

    def __enter__(self) -> Command:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._temporary.cleanup()

    def _written(self, name: str, content: Any) -> tuple[str, str]:
        (self._folder / f"{name}.json").write_text(json.dumps(content))
        return f"--{name}", f"{name}.json"

    @property
    def exit_code(self) -> int | None:
        """None while the process runs; negative if a signal stopped it."""
        return self._process.poll()

    def wait(self, timeout: float) -> int | None:
        """Wait at most `timeout` s for the process to exit; returns its exit code, None if it still runs."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """Kill the process with SIGKILL, unless it has exited."""
        self._process.kill()
        self._process.wait()

    def messages(self) -> list[truth.Message]:
        """The complete messages so far."""
        return list(truth.lines(self._folder / "stdout"))

    def error_message(self) -> str:
        """The command's error message, or the last line of stderr."""
        lines = (self._folder / "stderr").read_text(errors="replace").splitlines()
        return truth.error(self.messages()) or (lines[-1] if lines else "no error message")


def catalog(sync_mode: str = "full_refresh") -> dict[str, Any]:
    """A configured catalog with all columns of `videos`."""
    return configured(discovered(SCRIPT), sync_mode)


def video_ids(account: Account) -> list[str]:
    """The ids of an account without pinned posts; doesn't generate the videos themselves."""
    return [str(video_id) for video_id in account.timeline.ids]


def pages(videos: int) -> int:
    """The minimum number of list requests for an account's videos."""
    return -(-videos // MAX_PAGE_SIZE)


def count_responses(sandbox: Sandbox, status: int) -> int:
    """The number of list requests with this HTTP status."""
    return sum(request.status == status for request in sandbox.requests_to(VIDEO_LIST_PATH))
