"""The connector's command line as tests run it: one interface, whether in this process or as one of its own."""

from __future__ import annotations

import json
import tempfile
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unit_tests.outcome import Outcome, catalog

LAST_LINES, LONGEST_LINE = 5, 300


class Connector(ABC):
    """The command `source-tiktok-organic`, with a sandbox in TikTok's place.

    Attributes:
        latest: outcomes of the last runs of any connector; conftest.py adds them to the report of a failed test.
    """

    latest: ClassVar[deque[Outcome]] = deque(maxlen=3)

    @abstractmethod
    def execute(self, argv: Sequence[str]) -> Outcome:
        """Run the command with these arguments to its end; a line of stdout that is no JSON object fails the test."""

    def spec(self) -> Outcome:
        """Run `spec`."""
        return self.run("spec")

    def check(self, config: Any, *, debug: bool = False) -> Outcome:
        """Run `check`."""
        return self.run("check", {"config": config}, debug=debug)

    def discover(self, config: Any) -> Outcome:
        """Run `discover`."""
        return self.run("discover", {"config": config})

    def read(self, config: Any, *streams: str, state: Any = None, debug: bool = False) -> Outcome:
        """Run an incremental `read` of whole streams, from a state of `videos` if there is one."""
        return self.run("read", read_files(config, streams, state), debug=debug)

    def run(self, command: str, files: Mapping[str, Any] | None = None, *, debug: bool = False) -> Outcome:
        """Run a command with files of these contents: config, catalog, state."""
        with tempfile.TemporaryDirectory() as folder:
            arguments = written(Path(folder), files or {})
            outcome = self.execute([command, *(["--debug"] if debug else []), *arguments])
        self.latest.append(outcome)
        return outcome


def read_files(config: Any, streams: Sequence[str] = (), state: Any = None) -> dict[str, Any]:
    """The contents of the files for an incremental `read`; `state` is one of `videos`."""
    files = {"config": config, "catalog": catalog(*streams, sync_mode="incremental")}
    return files if state is None else {**files, "state": stream_state(state)}


def stream_state(state: Any) -> list[dict[str, Any]]:
    """A state of `videos`, as the platform hands it to a sync."""
    return [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "videos"}, "stream_state": state}}]


def written(folder: Path, files: Mapping[str, Any]) -> list[str]:
    """Write JSON files; returns the arguments that name them."""
    paths = {name: folder / f"{name}.json" for name in files}
    for name, path in paths.items():
        path.write_text(json.dumps(files[name]))
    return [part for name, path in paths.items() for part in (f"--{name}", str(path))]


def summary(outcome: Outcome) -> str:
    """What a person needs to see of an outcome: exit code, first error, warnings, the last lines of the log."""
    first = outcome.errors[0] if outcome.errors else outcome.of("CONNECTION_STATUS") or "no error trace"
    logged = [log["message"].partition("\n")[0] for log in outcome.of("LOG")][-LAST_LINES:]
    counts = {stream: len(outcome.records(stream)) for stream in ("user_info", "videos")}
    head = f"exit code {outcome.exit_code}, {len(outcome.errors)} errors, records {counts}"
    lines = [head, str(first), *outcome.warnings[:LAST_LINES], *logged, *outcome.stderr.splitlines()[-LAST_LINES:]]
    return "\n".join(line[:LONGEST_LINE] for line in lines)
