"""Stores the state of `videos` by account: PyAirbyte has only one state for each table, shared by all accounts."""

from __future__ import annotations

from typing import Any

from airbyte.caches import CacheBase
from airbyte.shared.state_writers import StateWriterBase
from airbyte_protocol.models import AirbyteStateMessage

STREAM = "videos"


class StateStore(StateWriterBase):
    """Gives the connector a state, and receives its new ones.

    Args:
        text: the state message of an earlier sync, or an empty string.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        if text:
            self._latest_stream_state_messages[STREAM] = AirbyteStateMessage.model_validate_json(text)

    def _write_state(self, state_message: AirbyteStateMessage) -> None:
        """Nothing to do: the base class has stored it."""

    @property
    def text(self) -> str:
        """The newest state message, empty if there is none."""
        message = self._latest_stream_state_messages.get(STREAM)
        return message.model_dump_json() if message else ""


def with_state(kind: type[CacheBase], store: StateStore) -> type[CacheBase]:
    """A subclass of a cache class that stores its state in `store`."""
    ours: dict[str, Any] = dict.fromkeys(
        ("get_state_provider", "get_state_writer"), lambda self, *args, **options: store
    )
    return type(kind.__name__, (kind,), ours)
