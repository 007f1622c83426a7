"""Reads the files after --config, --catalog and --state, in every form that a user may have."""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import airbyte_cdk as cdk
from airbyte_cdk.models import AirbyteStateMessage, AirbyteStateMessageSerializer, ConfiguredAirbyteCatalogSerializer

from source_tiktok_organic.config import config_error, load_manifest, validate_config

logger = logging.getLogger("airbyte")
WHAT_FITS = {
    "config": "must contain one JSON object",
    "catalog": "is not a catalog. Pass the output of `discover`, or omit --catalog to read everything",
    "state": "is not a state. Pass the output of `read`, or omit --state to read everything",
}


def read_files(paths: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of `config`, `catalog` and `state`, as far as the command takes them.

    Raises a config error for a missing, malformed or unsuitable file. A path may be empty: without a catalog, every
    stream is read, and without a state, everything.
    """
    contents: dict[str, Any] = {}
    for kind, taken in (("config", _config), ("catalog", _catalog), ("state", _state)):
        if kind in paths:
            documents = _documents(kind, paths[kind]) if paths[kind] else []
            try:
                contents[kind] = taken(documents)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                message = f"The {kind} file {paths[kind]} {WHAT_FITS[kind]}."
                raise config_error(message, type(error).__name__) from None  # as the original may quote a secret
    if "config" in contents:
        contents["config"] = validate_config(contents["config"])
    return contents


def inject_files(contents: Mapping[str, Any], source: cdk.Source) -> None:
    """Make the source return these contents: the CDK would read each file again, which a pipe doesn't allow."""
    for kind, content in contents.items():
        setattr(source, f"read_{kind}", lambda _, content=content: content)


def _documents(kind: str, path: str) -> list[Any]:
    """The JSON documents of a file: one, or several in a row, as a command prints them."""
    try:
        documents = list(_parsed(Path(path).read_text(encoding="utf-8-sig")))
        problem = "" if documents else "is empty"
    except OSError as error:
        problem = f"can't be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "is not valid UTF-8"
    except json.JSONDecodeError as error:
        problem = f"is not valid JSON, at line {error.lineno}, column {error.colno}: {error.msg}"
    if problem == "is empty" and kind == "state":
        logger.warning(f"The state file {path} is empty: everything is read.")
    elif problem:
        raise config_error(f"The {kind} file {path} {problem}.", problem)
    return documents


def _parsed(text: str) -> Iterator[Any]:
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        document, position = decoder.raw_decode(text, position)
        yield document


def _config(documents: list[Any]) -> dict[str, Any]:
    (config,) = documents
    if not isinstance(config, dict):
        raise TypeError
    return config


def _catalog(documents: list[Any]) -> cdk.ConfiguredAirbyteCatalog:
    """A configured catalog or the output of `discover`; without either, every stream."""
    found = [d["catalog"] if d.get("type") == "CATALOG" else d for d in documents if d.get("type") in (None, "CATALOG")]
    streams = found[-1]["streams"] if documents else _every_stream()
    configured = [stream if "stream" in stream else _configure_stream(stream) for stream in streams]
    for stream in configured:
        _check_mode(stream)
    return ConfiguredAirbyteCatalogSerializer.load({"streams": configured})


def _check_mode(stream: Mapping[str, Any]) -> None:
    """Raise a config error for a destination sync mode that the CDK's protocol does not know."""
    known = [mode.value for mode in cdk.DestinationSyncMode]
    mode = stream.get("destination_sync_mode")
    if mode is not None and mode not in known:
        message = (
            f"The catalog has the unknown destination_sync_mode {mode}. Use {', '.join(known[:-1])} or {known[-1]}."
        )
        raise config_error(message, f"unknown: {mode}")


def _every_stream() -> Iterator[dict[str, Any]]:
    manifest = load_manifest()
    for name, stream in manifest["definitions"]["streams"].items():
        modes = ["full_refresh", "incremental"] if "incremental_sync" in stream else ["full_refresh"]
        yield {"name": name, "json_schema": manifest["schemas"][name], "supported_sync_modes": modes}


def _configure_stream(stream: Mapping[str, Any]) -> dict[str, Any]:
    """A stream with all its columns, incremental if supported: without a state, that reads everything."""
    mode = "incremental" if "incremental" in stream["supported_sync_modes"] else "full_refresh"
    return {"stream": stream, "sync_mode": mode, "destination_sync_mode": "append"}


def _state(documents: list[Any]) -> list[AirbyteStateMessage]:
    """The states in order; the CDK uses the last one of each stream."""
    states = [AirbyteStateMessageSerializer.load(state) for state in _states(documents)]
    if not all(state.stream or state.global_ for state in states) or (any(documents) and not states):
        raise ValueError
    return states


def _states(document: Any) -> list[Any]:
    """The states in lists and messages, or a bare state of `videos`, as the documentation shows it."""
    if isinstance(document, list):
        return [state for part in document for state in _states(part)]
    if not document or document.get("type") not in (None, "STATE", "STREAM", "GLOBAL", "LEGACY"):
        return []  # another message
    if "states" in document:
        return [{"type": "STREAM", "stream": {"stream_descriptor": {"name": "videos"}, "stream_state": document}}]
    return [document["state"] if document.get("type") == "STATE" else document]
