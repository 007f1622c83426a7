"""Runs the connector as a sync does, and sums up what came out."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer

from source_tiktok_organic import SourceTiktokOrganic
from source_tiktok_organic.run import run

PRIMARY_KEYS = {"user_info": [["open_id"]], "videos": [["id"]]}


@dataclass
class Outcome:
    """What one command printed.

    Attributes:
        messages: every message, parsed; the command fails its test when a line of stdout is no message.
        exit_code: of the command; 0, or 1 after an exception (which the process would print as a trace).
    """

    messages: list[dict[str, Any]]
    exit_code: int = 0
    error: BaseException | None = None
    stderr: str = ""
    _by_type: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The messages of one type, without their envelope."""
        names = {"CONNECTION_STATUS": "connectionStatus"}
        return [m[names.get(kind, kind.lower())] for m in self.messages if m["type"] == kind]

    def records(self, stream: str) -> list[dict[str, Any]]:
        """The records of one stream, in order."""
        return [r["data"] for r in self.of("RECORD") if r["stream"] == stream]

    @property
    def errors(self) -> list[tuple[str, str]]:
        """Failure type and message of every error trace."""
        traces = [t["error"] for t in self.of("TRACE") if t["type"] == "ERROR"]
        return [(error["failure_type"], error["message"]) for error in traces]

    @property
    def configs(self) -> list[dict[str, Any]]:
        """The configs that the connector asked the platform to store."""
        return [c["connectorConfig"]["config"] for c in self.of("CONTROL")]

    @property
    def logs(self) -> str:
        """All log messages."""
        return "\n".join(log["message"] for log in self.of("LOG"))

    def statuses(self, stream: str) -> list[str]:
        """The stream statuses of one stream, in order."""
        found = [t["stream_status"] for t in self.of("TRACE") if t["type"] == "STREAM_STATUS"]
        return [s["status"] for s in found if s["stream_descriptor"]["name"] == stream]


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
        """Run `read` of whole streams, or of some of their columns."""
        return self.read_catalog(config, catalog(*streams, columns=columns or {}))

    def read_catalog(self, config: Any, configured: Any) -> Outcome:
        """Run `read` with a catalog as it stands."""
        return self.run("read", "--config", self.file("config", config), "--catalog", self.file("catalog", configured))

    def file(self, name: str, content: Any) -> str:
        """Write a JSON file and return its path; text is written as it is."""
        path = self._tmp_path / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    def run(self, *argv: str) -> Outcome:
        """Run a command and read what it printed."""
        self._capfd.readouterr()
        error: BaseException | None = None
        try:
            run(list(argv))
        except Exception as raised:  # noqa: BLE001  # the process would print it as a trace
            error = raised
            _print_as_the_process_does(raised)
        printed = self._capfd.readouterr()
        messages = [json.loads(line) for line in printed.out.splitlines()]
        return Outcome(messages, exit_code=1 if error else 0, error=error, stderr=printed.err)


def _print_as_the_process_does(error: Exception) -> None:
    import sys

    sys.excepthook(type(error), error, error.__traceback__)


def catalog(*streams: str, columns: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
    """A configured catalog: every column of the named streams (both, if none is named), or the columns given."""
    schemas = {s["name"]: s["schema_loader"]["schema"] for s in SourceTiktokOrganic().resolved_manifest["streams"]}
    chosen = []
    for name in streams or ("user_info", "videos"):
        schema = copy.deepcopy(schemas[name])
        if columns and name in columns:
            schema["properties"] = {c: schema["properties"][c] for c in columns[name]}
        stream = {
            "name": name,
            "json_schema": schema,
            "supported_sync_modes": ["full_refresh"],
            "source_defined_primary_key": PRIMARY_KEYS[name],
        }
        chosen.append({"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"})
    result = {"streams": chosen}
    ConfiguredAirbyteCatalogSerializer.load(result)
    return result
