"""The installed command as a process, against a sandbox in this one, and what it wrote before its end or a kill."""

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
    """One run of the installed command; a context manager, at whose end the process is gone.

    Its output goes to a file: a pipe that nobody reads would make the process wait.
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
        """None while the process runs; negative: ended by a signal."""
        return self._process.poll()

    def wait(self, timeout: float) -> int | None:
        """Wait at most `timeout` s for the end of the process; its exit code."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End the process with SIGKILL, unless it has ended."""
        self._process.kill()
        self._process.wait()

    def messages(self) -> list[truth.Message]:
        """The complete messages so far."""
        return list(truth.lines(self._folder / "stdout"))

    def last_words(self) -> str:
        """What the command says is wrong, or the last line of stderr."""
        lines = (self._folder / "stderr").read_text(errors="replace").splitlines()
        return truth.error(self.messages()) or (lines[-1] if lines else "no reason given")


def catalog(sync_mode: str = "full_refresh") -> dict[str, Any]:
    """A configured catalog with all columns of `videos`."""
    return configured(discovered(SCRIPT), sync_mode)


def video_ids(account: Account) -> list[str]:
    """The ids of an account without pinned posts, without making up all its videos."""
    return [str(video_id) for video_id in account.timeline.ids]


def pages(videos: int) -> int:
    """How many list requests an account's videos take at least."""
    return -(-videos // MAX_PAGE_SIZE)


def answered(sandbox: Sandbox, status: int) -> int:
    """The number of list requests that got this HTTP status."""
    return sum(request.status == status for request in sandbox.requests_to(VIDEO_LIST_PATH))
