"""Writes docs/tiktok-organic-skill.md from the connector's manifest and its documentation page: `make docs`.

What the manifest knows (config, streams, columns) is taken from there; the rest are sections of the page.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / "source_tiktok_organic" / "manifest.yaml"
PAGE = ROOT / "docs" / "integrations" / "sources" / "tiktok-organic.md"
SKILL = ROOT / "docs" / "tiktok-organic-skill.md"

HEAD = """\
# TikTok Organic: the Airbyte source connector `source-tiktok-organic`

<!-- Made by `make docs` from source_tiktok_organic/manifest.yaml and docs/integrations/sources/tiktok-organic.md. -->

Everything needed to set up, run and repair the connector, in one file.
"""
# Sections of the page, by the heading there, in this order; the second list comes after what the manifest tells.
BEFORE = [
    "Setup guide",
    "Create an app on TikTok for Developers",
    "For Airbyte Cloud:",
    "For Airbyte Open Source:",
    "Scopes",
    "Sign in with the command",
    "Sign in with an access token",
]
AFTER = [
    "Properties that the connector writes",
    "Command line",
    "Supported sync modes",
    "How videos are read",
    "Incremental syncs",
    "State",
    "Limits of the API",
    "Tokens",
    "Data type map",
    "What is not captured",
    "Errors",
    "Warnings",
    "Trouble with the sign-in",
]
Schema = Mapping[str, Any]


def skill() -> str:
    """The text of the skill file."""
    page, manifest = PAGE.read_text(), yaml.safe_load(MANIFEST.read_text())
    parts = [HEAD, "## What it does\n\n" + _introduction(page)]
    parts += [_section(page, name) for name in BEFORE]
    parts += [_config(manifest["spec"]["connection_specification"]), _example(page), _streams(manifest)]
    parts += [_section(page, name) for name in AFTER]
    return _without_links("\n\n".join(part.strip() for part in parts)) + "\n"


def _introduction(page: str) -> str:
    return page.split("</HideInUI>")[1].split("\n## ")[0].strip()


def _body(page: str, heading: str) -> str:
    """The text under a heading, to the next heading of any level."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ \w|\Z)", page, re.MULTILINE | re.DOTALL)
    if not found:
        raise SystemExit(f"{PAGE.name} has no section {heading!r}.")
    return found[1].strip()


def _section(page: str, heading: str) -> str:
    return f"## {heading}\n\n{_body(page, heading)}"


def _example(page: str) -> str:
    return "As JSON:\n\n" + "\n\n".join(re.findall(r"^```json\n.*?^```", _body(page, "Configuration"), re.M | re.S))


def _config(spec: Schema) -> str:
    lines = ["## Configuration\n", "| key | type | default | allowed | meaning |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in _properties(spec))])


def _properties(schema: Schema, path: str = "", required: str = "required") -> Iterator[tuple[str, ...]]:
    for name, definition in schema["properties"].items():
        if "const" in definition or definition.get("airbyte_hidden"):
            continue
        secret = ", secret" if definition.get("airbyte_secret") else ""
        default = f"`{definition['default']}`" if "default" in definition else ""
        if name in schema.get("required", []):
            default = required
        meaning = f"{definition['title']}: {definition['description']}"
        yield f"`{path}{name}`", definition["type"] + secret, default, _allowed(definition), meaning
        for option in definition.get("oneOf", []):
            kind = option["properties"]["auth_type"]["const"]
            yield f"`{path}{name}.auth_type`", "string", f"`{kind}`", "", f"{option['title']}: {option['description']}"
            yield from _properties(option, f"{path}{name}.", f"required with `{kind}`")


def _allowed(definition: Schema) -> str:
    if "minimum" in definition:
        return f"{definition['minimum']} to {definition['maximum']}"
    return ", ".join(f"`{value}`" for value in definition.get("enum", [])) or definition.get("pattern_descriptor", "")


def _streams(manifest: Schema) -> str:
    lines = ["## Streams and columns\n"]
    for name, stream in manifest["definitions"]["streams"].items():
        requester = stream["retriever"]["requester"]
        scopes = {column: scope for scope, names in requester["fields_by_scope"].items() for column in names}
        cursor = stream.get("incremental_sync", {}).get("cursor_field")
        modes = f"full refresh, incremental on `{cursor}`" if cursor else "full refresh"
        key = ", ".join(f"`{column}`" for column in stream["primary_key"])
        lines += [f"### {name}\n", f"`{requester['http_method']} {requester['path']}`, primary key {key}, {modes}.\n"]
        lines += ["| column | type | scope | null | description |", "|---|---|---|---|---|"]
        for column, definition in manifest["schemas"][name]["properties"].items():
            kinds = definition["type"] if isinstance(definition["type"], list) else [definition["type"]]
            scope, null = scopes.get(column, "user.info.basic"), "yes" if "null" in kinds else "no"
            lines.append(f"| `{column}` | {kinds[0]} | {scope} | {null} | {definition['description']} |")
        lines.append("")
    return "\n".join(lines)


def _without_links(text: str) -> str:
    """Links within the page and the checkout lead nowhere in a context; their texts stay."""
    return re.sub(r"\[([^\]\n]*)\]\((?!https)[^)\n]*\)", r"\1", text)


if __name__ == "__main__":
    SKILL.write_text(skill())
