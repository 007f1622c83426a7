"""The state of an account's videos, kept by us: PyAirbyte keeps one for each table, whichever account it is of."""

from __future__ import annotations

from typing import Any

from airbyte.caches import CacheBase
from airbyte.shared.state_writers import StateWriterBase
from airbyte_protocol.models import AirbyteStateMessage

STREAM = "videos"


class Memory(StateWriterBase):
    """Hands the connector a state, and holds the one that it ends with.

    Args:
        text: the state message of an earlier sync, or nothing.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        if text:
            self._latest_stream_state_messages[STREAM] = AirbyteStateMessage.model_validate_json(text)

    def _write_state(self, state_message: AirbyteStateMessage) -> None:
        """The base class has taken it down."""

    @property
    def text(self) -> str:
        """The newest state message."""
        message = self._latest_stream_state_messages.get(STREAM)
        return message.model_dump_json() if message else ""


def with_memory(kind: type[CacheBase], memory: Memory) -> type[CacheBase]:
    """The same kind of cache, with its state in `memory`."""
    ours: dict[str, Any] = dict.fromkeys(
        ("get_state_provider", "get_state_writer"), lambda self, *args, **options: memory
    )
    return type(kind.__name__, (kind,), ours)
