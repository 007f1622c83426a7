"""Writes what the documents repeat of the manifest, and the skill file out of sections of them: `make docs`.

The blocks lie between `<!-- generated: NAME -->` and `<!-- /generated -->`; a NAME is a key of `blocks`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from docs.changelog import changelog
from docs.skill import skill
from source_tiktok_organic.authenticators import WAITS_S

ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / "source_tiktok_organic" / "manifest.yaml"
AGENTS = ROOT / "AGENTS.md"
DOCS = ROOT / "docs"
PAGE = DOCS / "integrations" / "sources" / "tiktok-organic.md"
MORE = [DOCS / f"{name}.md" for name in ("columns", "reading", "command-line", "messages")]  # what the page leads to
SKILL = DOCS / "tiktok-organic-skill.md"
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- /generated -->)", re.DOTALL)

# The failure types with which the code raises the manifest's `messages`; None: it only warns.
MESSAGES = {
    "access_token_expired": "config_error",
    "refresh_token_expires": None,
    "token_store_unusable": "config_error",
    "token_file_damaged": None,
    "token_store_wait": None,
    "token_store_locked": "transient_error",
    "token_not_stored": None,
    "gave_up": None,
    "rate_limited": None,
    "rate_limit_wait": None,
    "key_scope_missing": "config_error",
    "columns_not_granted": None,
    "scopes_not_granted": None,
    "field_refused": None,
    "invalid_cursor": "system_error",
    "video_without_id": "system_error",
    "invalid_value": None,
    "invalid_create_time": None,
    "state_dropped": None,
    "state_in_the_future": None,
    "unknown_stream": "config_error",
    "duplicate_stream": "config_error",
    "unknown_property": None,
    "counts_missing": None,
    "authenticated_as": None,
    "videos_listed": None,
    "starts_in_the_future": None,
}
# Codes of the connector's own.
OWN_CODES = {
    "unreadable": "no JSON object with an `error` object",
    "incomplete": "`ok`, but with an HTTP error or missing fields",
    "no_valid_response": "no token and no known `error`",
    "unknown": "any other `error`",
}

Manifest = Mapping[str, Any]
Fate = tuple[str, str, str, str]  # cause, action, failure type, message


def documents() -> dict[Path, str]:
    """Each file and the text that it should have."""
    manifest = yaml.safe_load(MANIFEST.read_text())
    page, *more = (render(path.read_text(), manifest) for path in (PAGE, *MORE))
    agents = render(AGENTS.read_text(), manifest)
    return {PAGE: page, **dict(zip(MORE, more, strict=True)), AGENTS: agents, SKILL: skill(page, *more)}


def render(text: str, manifest: Manifest) -> str:
    """The text with the blocks as the manifest has them."""
    known = blocks(manifest)
    return BLOCK.sub(lambda block: f"{block[1]}\n{known[block[2]](manifest)}\n{block[3]}", text)


def blocks(manifest: Manifest) -> dict[str, Callable[[Manifest], str]]:
    """What can be generated, by name."""
    streams = {f"{name}_columns": partial(columns, stream=name) for name in manifest["definitions"]["streams"]}
    others = (config, written, scopes, sync_modes, errors, sign_in_errors, stream_errors, own_errors, warnings)
    return {**streams, "changelog": changelog} | {function.__name__: function for function in others}


# --- config ---


def config(manifest: Manifest) -> str:
    """The properties that a person sets: a list, as the panel beside Airbyte's form is too narrow for a table."""
    properties = _properties_of(manifest, hidden=False)
    return "".join(
        f"- {d['title']}, `{path}` ({_allowed(d, required)}): {d['description']}\n" for path, d, required in properties
    )


def written(manifest: Manifest) -> str:
    """The properties that the connector writes."""
    properties = _properties_of(manifest, hidden=True)
    rows = [(f"{d['title']}, `{path}`", d["description"]) for path, d, _ in properties]
    return table(("title and key", "meaning"), rows)


def _properties_of(manifest: Manifest, hidden: bool) -> list[tuple[str, Manifest, str]]:
    properties = _properties(manifest["spec"]["connection_specification"])
    return [found for found in properties if found[1].get("airbyte_hidden", False) is hidden]


def _properties(schema: Manifest, path: str = "", required: str = "required") -> Iterator[tuple[str, Manifest, str]]:
    for name, definition in schema["properties"].items():
        if "const" in definition:  # what it means is written at the option that it chooses
            yield path + name, {**schema, **definition}, required
            continue
        yield path + name, definition, required if name in schema.get("required", ()) else ""
        for option in definition.get("oneOf", ()):
            yield from _properties(option, f"{path}{name}.", f"required with {option['title']}")


def _allowed(definition: Manifest, required: str) -> str:
    if "const" in definition:
        return f"`{definition['const']}`"
    values = " or ".join(f"`{value}`" for value in definition.get("enum", ()) if value != definition.get("default"))
    numbers = f"{definition['minimum']} to {definition['maximum']}" if "minimum" in definition else ""
    default = f"default `{definition['default']}`" if "default" in definition else ""
    secret = "secret" if definition.get("airbyte_secret") else ""
    parts = [required, default, numbers, values, definition.get("pattern_descriptor", ""), secret]
    return ", ".join(part for part in parts if part)


# --- streams ---


def sync_modes(manifest: Manifest) -> str:
    """Each stream's sync modes and key."""
    rows = []
    for name, stream in manifest["definitions"]["streams"].items():
        cursor = stream.get("incremental_sync", {}).get("cursor_field")
        modes = f"full refresh, incremental on `{cursor}`" if cursor else "full refresh"
        rows.append((f"`{name}`", modes, _code(stream["primary_key"])))
    return table(("stream", "sync modes", "primary key"), rows)


def scopes(manifest: Manifest) -> str:
    """What each scope allows, and what its lack costs."""
    allowed: dict[str, list[str]] = {}
    needed_by: dict[str, list[str]] = {}
    for stream, scope, fields, keys in _fields(manifest):
        needed_by.setdefault(scope, []).extend([stream] if {*keys} & {*fields} else [])
        allowed.setdefault(scope, []).append(f"`{stream}`: {_code(fields)}")
    rows = [(f"`{scope}`", "; ".join(fields), _cost(needed_by[scope])) for scope, fields in allowed.items()]
    return table(("scope", "what it allows", "without it"), rows)


def _cost(streams: list[str]) -> str:
    return f"{_code(streams)} can't be read" if streams else "these columns are null, with one warning"


def _fields(manifest: Manifest) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """Stream, scope, fields and keys of each request; what a child needs of its parent stream counts as the child's."""
    for name, stream in manifest["definitions"]["streams"].items():
        requester = stream["retriever"]["requester"]
        for scope, fields in requester["fields_by_scope"].items():
            yield name, scope, fields, requester["keys"]
        for parent in stream["retriever"].get("partition_router", {}).get("parent_stream_configs", ()):
            requester = parent["stream"]["retriever"]["requester"]
            for scope, fields in requester["fields_by_scope"].items():
                if needed := [field for field in fields if field not in requester["optional_fields"]]:
                    yield name, scope, needed, needed


def columns(manifest: Manifest, stream: str) -> str:
    """The columns of a stream."""
    optional = manifest["definitions"]["streams"][stream]["retriever"]["requester"].get("optional_fields", ())
    scope_of = {field: scope for name, scope, fields, _ in _fields(manifest) for field in fields if name == stream}
    rows = []
    for name, column in manifest["schemas"][stream]["properties"].items():
        kind = f"{_type(column)}, {scope_of[name]}"
        rows.append((f"`{name}`", f"{kind}, optional" if name in optional else kind, column["description"]))
    return table(("column", "type, scope", "description"), rows)


def _type(column: Manifest) -> str:
    return column["type"] if isinstance(column["type"], str) else " or ".join(column["type"])


# --- errors ---


def errors(manifest: Manifest) -> str:
    """What the connector does about each response, and about what it finds by itself."""
    rows = [fate[:3] for fate in _stream_fates(manifest)]
    rows += _grouped("token endpoint", (fate[:3] for fate in _token_fates(manifest)))
    own = ((f"`{name}`", "fail", failure) for name, failure, _ in _messages(manifest) if failure)
    return table(("Response", "Action", "Failure type"), [*rows, *_grouped("own message", own)])


def _grouped(prefix: str, rows: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Rows that differ in their cause alone become one."""
    causes: dict[tuple[str, str], list[str]] = {}
    for cause, action, failure in rows:
        causes.setdefault((action, failure), []).append(cause)
    return [(f"{prefix}: {', '.join(names)}", *fate) for fate, names in causes.items()]


def sign_in_errors(manifest: Manifest) -> str:
    """What the user reads when TikTok's token endpoint refuses."""
    rows = [(cause, message, failure) for cause, _, failure, message in _token_fates(manifest) if message]
    return table(("code", "message", "type"), rows)


def stream_errors(manifest: Manifest) -> str:
    """What the user reads when TikTok's data endpoints refuse."""
    rows = [(cause, message, failure) for cause, _, failure, message in _stream_fates(manifest) if message]
    return table(("code or cause", "message", "type"), rows)


def own_errors(manifest: Manifest) -> str:
    """The errors that the connector finds by itself."""
    return table(("message", "type"), [(text, failure) for _, failure, text in _messages(manifest) if failure])


def warnings(manifest: Manifest) -> str:
    """The sentences that do not end a sync."""
    return "".join(f"- {text}\n" for _, failure, text in _messages(manifest) if not failure)


def _stream_fates(manifest: Manifest) -> Iterator[Fate]:
    definitions, actions = manifest["definitions"], _actions(manifest)
    for rule in definitions["error_handler"]["response_filters"]:
        action, when = actions[rule["action"]]
        message, failure = rule.get("error_message", ""), rule.get("failure_type", "transient_error")
        yield _cause(rule), action, failure + when if message else "", message
    action, when = actions["RETRY"]
    for name, message in definitions["no_response"].items():
        reason = "any other reason" if name == "Exception" else f"`{name}`"
        yield f"no response: {reason}", action, f"transient_error{when}", message


def _actions(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """What each action of a filter does, and when it ends in an error."""
    definitions = manifest["definitions"]
    retries = definitions["error_handler"]["max_retries"]
    waits = ", ".join(str(2**n) for n in range(retries))  # as the CDK does without a backoff strategy
    patience = sum(definitions["requester"]["rate_limit_waits"]) / 60
    return {
        "SUCCESS": ("success", ""),
        "RETRY": (f"retry after {waits} s", f" after {retries + 1} attempts"),
        "REFRESH_TOKEN_THEN_RETRY": ("refresh the access token, then retry", f" after {retries + 1} attempts"),
        "RATE_LIMITED": (
            "wait and retry, one request at a time",
            f" after {patience:.0f} minutes without an accepted request",
        ),
        "FAIL": ("fail", ""),
    }


def _cause(rule: Manifest) -> str:
    if codes := re.findall(r"'(\w+)'", rule.get("predicate", "")):
        return ", ".join(OWN_CODES.get(code, f"`{code}`") for code in codes)
    statuses = ", ".join(map(str, rule.get("http_codes", ())))
    return f"HTTP {statuses} with any other code" if statuses else "any other code"


def _token_fates(manifest: Manifest) -> Iterator[Fate]:
    waits = ", ".join(map(str, WAITS_S))
    passing = f"retry after {waits} s", f"transient_error after {len(WAITS_S) + 1} attempts"
    for code, error in manifest["definitions"]["authenticator"]["token_errors"].items():
        failure = error["failure_type"]
        fate = passing if failure == "transient_error" else ("fail", failure)
        yield OWN_CODES.get(code, f"`{code}`"), *fate, error["message"]
    yield "no response", *passing, ""


def _messages(manifest: Manifest) -> Iterator[tuple[str, str | None, str]]:
    """Name, failure type and text of the manifest's messages."""
    for name, text in manifest["definitions"]["messages"].items():
        if name not in MESSAGES:
            raise SystemExit(f"docs/generate.py: does the code raise {name!r}, or warn with it? Add it to MESSAGES.")
        yield name, MESSAGES[name], re.sub(r"\{\w+\}", "…", text)


# --- Markdown ---


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table; the cells are Markdown themselves."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    escaped = ([cell.replace("|", r"\|") for cell in row] for row in lines)
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped)


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
