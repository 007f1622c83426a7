"""The output of a connector command, and the catalogs it is run with; shared by unit and integration tests."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from source_tiktok_organic.config import load_manifest

PRIMARY_KEYS = {"user_info": [["open_id"]], "videos": [["id"]]}
REQUESTERS = {name: s["retriever"]["requester"] for name, s in load_manifest()["definitions"]["streams"].items()}
FIELDS = {
    name: ",".join(f for fields in r["fields_by_scope"].values() for f in fields) for name, r in REQUESTERS.items()
}
OPTIONAL = REQUESTERS["videos"]["optional_fields"]
FIELD_REFUSED = load_manifest()["definitions"]["messages"]["field_refused"].format(
    names=", ".join(OPTIONAL), stream="videos"
)


@dataclass
class Outcome:
    """The output of one command.

    Attributes:
        messages: every message, parsed; a line of stdout that is not a message fails the test.
        exit_code: of the command; in this process 0, or 1 after an exception.
    """

    messages: list[dict[str, Any]]
    exit_code: int = 0
    stderr: str = ""

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The messages of one type, without the envelope."""
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
        """The configs that the connector emitted for the platform to store."""
        return [c["connectorConfig"]["config"] for c in self.of("CONTROL")]

    @property
    def logs(self) -> str:
        """All log messages."""
        return "\n".join(log["message"] for log in self.of("LOG"))

    @property
    def states(self) -> list[dict[str, Any]]:
        """The states of `videos`, in order, as the platform would pass them to the next sync."""
        found = [s["stream"] for s in self.of("STATE")]
        return [s.get("stream_state") or {} for s in found if s["stream_descriptor"]["name"] == "videos"]

    @property
    def warnings(self) -> list[str]:
        """The messages of all warnings except the one about the sandbox's address."""
        logs = [log["message"] for log in self.of("LOG") if log["level"] == "WARN"]
        return [message for message in logs if "TIKTOK_API_BASE_URL" not in message]

    def statuses(self, stream: str) -> list[str]:
        """The stream statuses of one stream, in order."""
        found = [t["stream_status"] for t in self.of("TRACE") if t["type"] == "STREAM_STATUS"]
        return [s["status"] for s in found if s["stream_descriptor"]["name"] == stream]


def read_outcome(stdout: str, exit_code: int, stderr: str = "") -> Outcome:
    """The output of a process; a line of stdout that is not a JSON object fails the test."""
    return Outcome([json.loads(line) for line in stdout.splitlines()], exit_code, stderr)


def catalog(
    *streams: str, columns: Mapping[str, Sequence[str]] | None = None, sync_mode: str = "full_refresh"
) -> dict[str, Any]:
    """A configured catalog: every column of the named streams (both if none is named), or only the given columns."""
    schemas = load_manifest()["schemas"]
    chosen = []
    for name in streams or ("user_info", "videos"):
        mode = sync_mode if name == "videos" else "full_refresh"
        schema = copy.deepcopy(schemas[name])
        if columns and name in columns:
            schema["properties"] = {c: schema["properties"][c] for c in columns[name]}
        stream = {
            "name": name,
            "json_schema": schema,
            "supported_sync_modes": ["full_refresh", "incremental"] if name == "videos" else ["full_refresh"],
            "source_defined_primary_key": PRIMARY_KEYS[name],
        }
        chosen.append({"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"})
    return {"streams": chosen}
