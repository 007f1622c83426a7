"""Reads from manifest.yaml what this command needs: scopes, messages and TikTok's addresses."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml  # type: ignore[import-untyped]

# libyaml's loader takes a fiftieth of the time; PyYAML has it almost everywhere.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def manifest() -> Any:
    """The packaged manifest."""
    return yaml.load(pkgutil.get_data("source_tiktok_organic", "manifest.yaml") or b"", Loader=_LOADER)  # noqa: S506


def api_host() -> str:
    """The address of TikTok's API."""
    return str(manifest()["definitions"]["url_base"])


def token_errors() -> Mapping[str, Any]:
    """What the connector does about each `error` of a token response."""
    errors: Mapping[str, Any] = manifest()["definitions"]["authenticator"]["token_errors"]
    return errors


def token_message(code: str) -> str:
    """The connector's own message for this `error`."""
    message: str = token_errors()[code]["message"]
    return message


@cache
def fields_by_scope() -> dict[str, dict[str, list[str]]]:
    """For each scope, in the order in which they are requested, the fields that it allows, by stream."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, stream in _streams().items():
        for scope, fields in stream["retriever"]["requester"]["fields_by_scope"].items():
            found.setdefault(scope, {})[name] = fields
    return found


def scopes() -> list[str]:
    """Every scope that the connector can use."""
    return list(fields_by_scope())


def cost(scope: str) -> str:
    """What is missing without a scope, as a clause."""
    unreadable = [name for name, stream in _streams().items() if _needs(stream, scope)]
    if unreadable:
        return f"{' and '.join(unreadable)} can't be read"
    columns = [f"{', '.join(fields)} of {name}" for name, fields in fields_by_scope()[scope].items()]
    return f"{' and '.join(columns)} will be null"


def required_scopes() -> list[str]:
    """The scopes without which no stream can be read."""
    return [scope for scope in scopes() if all(_needs(stream, scope) for stream in _streams().values())]


def _streams() -> Mapping[str, Any]:
    streams: Mapping[str, Any] = manifest()["definitions"]["streams"]
    return streams


def _needs(stream: Mapping[str, Any], scope: str) -> bool:
    """Whether a key of the stream, or the key of its parent that leads to its records, is a field of the scope."""
    retriever = stream["retriever"]
    parents = retriever.get("partition_router", {}).get("parent_stream_configs", [])
    keys = {*retriever["requester"]["keys"], *(parent["parent_key"] for parent in parents)}
    return any(keys.intersection(fields) for fields in fields_by_scope()[scope].values())
