"""Runs the connector's command line in this process and collects its output."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from source_tiktok_organic.reporting import report_error
from source_tiktok_organic.run import execute
from unit_tests.outcome import Outcome, catalog, read_outcome


class Connector:
    """The connector's command line, in this process."""

    def __init__(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self._tmp_path = tmp_path
        self._capfd = capfd

    def spec(self) -> Outcome:
        """Run `spec`."""
        return self.run("spec")

    def check(self, config: Any) -> Outcome:
        """Run `check`."""
        return self.run("check", "--config", self.file("config", config))

    def discover(self, config: Any) -> Outcome:
        """Run `discover`."""
        return self.run("discover", "--config", self.file("config", config))

    def read(self, config: Any, *streams: str, columns: Mapping[str, Sequence[str]] | None = None) -> Outcome:
        """Run `read` with whole streams, or with some of their columns."""
        return self.read_catalog(config, catalog(*streams, columns=columns or {}))

    def read_from(self, state: Any, config: Any, *others: str, sync_mode: str = "incremental") -> Outcome:
        """Run a `read` of `videos` from a stream state, passed as it is, and perhaps of other streams."""
        descriptor = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "videos"}, "stream_state": state}}
        files = {
            "config": config,
            "catalog": catalog("videos", *others, sync_mode=sync_mode),
            "state": [descriptor],
        }
        paths = {name: self.file(name, body) for name, body in files.items()}
        return self.run("read", *(part for name, path in paths.items() for part in (f"--{name}", path)))

    def read_catalog(self, config: Any, configured: Any) -> Outcome:
        """Run `read` with a catalog, passed as it is."""
        return self.run("read", "--config", self.file("config", config), "--catalog", self.file("catalog", configured))

    def file(self, name: str, content: Any) -> str:
        """Write a JSON file and return its path; text is written as it is."""
        path = self._tmp_path / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def run(self, *argv: str) -> Outcome:
        """Run a command and parse what it printed."""
        self._capfd.readouterr()
        exit_code = 0
        try:
            execute(argv)
        except Exception as error:  # noqa: BLE001  # the process would report it
            exit_code = 1
            report_error(error)
        printed = self._capfd.readouterr()
        return read_outcome(printed.out, exit_code, printed.err)
