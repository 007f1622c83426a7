"""The page beside Airbyte's form: it renders, its help anchors are found, and its tables match the manifest."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs import changelog
from source_tiktok_organic.config import load_manifest
from unit_tests import markdown

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "integrations" / "sources" / "tiktok-organic.md"
COMMAND_LINE = DOCS / "command-line.md"
MANIFEST = load_manifest()
STREAMS = MANIFEST["definitions"]["streams"]
SPEC = MANIFEST["spec"]["connection_specification"]


def properties(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and definition of each property; what a constant means is written at the option that it chooses."""
    for name, definition in schema["properties"].items():
        yield path + name, {**schema, **definition} if "const" in definition else definition
        for option in definition.get("oneOf", ()):
            yield from properties(option, f"{path}{name}.")


PROPERTIES = list(properties(SPEC))
SETTINGS = markdown.section(PAGE, "### All settings").strip().splitlines()


@pytest.mark.parametrize(("path", "definition"), PROPERTIES, ids=[path for path, _ in PROPERTIES])
def test_each_property_has_the_manifests_description(path: str, definition: dict[str, Any]) -> None:
    if definition.get("airbyte_hidden"):
        name, lines = "command-line.md", [" | ".join(row) for row in markdown.rows(COMMAND_LINE.read_text())]
    else:
        name, lines = "the page", SETTINGS
    described = [line for line in lines if f"{definition['title']}, `{path}`" in line]
    exact = [line for line in described if line.endswith(definition["description"])]
    assert len(exact) == 1, f"this sentence is in manifest.yaml, and in {name}: {definition['description']}"
    assert "default" not in definition or f"default `{definition['default']}`" in exact[0]
    assert "minimum" not in definition or f"{definition['minimum']} to {definition['maximum']}" in exact[0]


def test_page_lists_no_removed_property() -> None:
    shown = [definition for _, definition in PROPERTIES if not definition.get("airbyte_hidden")]
    assert len(SETTINGS) == len(shown)


def test_scopes_are_listed_with_their_columns() -> None:
    allowed = {row[0]: row[1] for row in markdown.rows(PAGE.read_text()) if re.match(r"`(user|video)\.", row[0])}
    by_scope = {
        f"`{scope}`": (fields, set(requester["keys"]).isdisjoint(fields))
        for requester in (stream["retriever"]["requester"] for stream in STREAMS.values())
        for scope, fields in requester["fields_by_scope"].items()
    }
    assert set(allowed) == set(by_scope)
    for scope, (fields, is_optional) in by_scope.items():
        named = re.findall("`(.*?)`", allowed[scope])
        assert named[1:] == fields if is_optional else "all columns" in allowed[scope]


def test_sync_modes_match_the_manifest() -> None:
    section = markdown.section(PAGE, "## Supported sync modes")
    listed = {row[0]: row[1:] for row in markdown.rows(section) if row[0].strip("`") in STREAMS}
    assert set(listed) == {f"`{name}`" for name in STREAMS}
    for name, stream in STREAMS.items():
        modes, key = listed[f"`{name}`"]
        cursor = stream.get("incremental_sync", {}).get("cursor_field")
        assert modes == (f"full refresh, incremental on `{cursor}`" if cursor else "full refresh")
        assert key == ", ".join(f"`{part}`" for part in stream["primary_key"])


def test_changelog_has_each_version() -> None:
    _, *rows = markdown.rows(markdown.section(PAGE, "## Changelog"))
    expected = [[version, day] for version, day, _ in changelog.versions()]
    assert [row[:2] for row in rows] == expected, "the versions are those of CHANGELOG.md"


# --- how Airbyte's panel renders it ---


def test_page_has_no_brace_or_tag_mdx_would_evaluate() -> None:
    """The site renders Markdown as MDX, where braces are code, except in code blocks and spans."""
    text = re.sub(r"`[^`\n]*`|<!--.*?-->", "", markdown.prose(PAGE))
    assert re.findall(r"[{}]|<(?!/?(?:HideInUI|details|summary|FieldAnchor(?: field=\"[\w.,\[\]]+\")?)>)", text) == []


def test_help_is_highlighted_for_each_shown_field() -> None:
    """The panel removes parts that are hidden for an edition before it looks for anchors."""
    anchored = [f for fields in re.findall(r'<FieldAnchor field="(.*)">', PAGE.read_text()) for f in fields.split(",")]
    shown = {path for path, definition in PROPERTIES if not definition.get("airbyte_hidden")}
    # The form focuses the chosen option by its constant, and never the two below.
    options = SPEC["properties"]["credentials"]["oneOf"]
    chosen = {f"credentials[{option['properties']['auth_type']['const']}]" for option in options}
    expected = shown - {"credentials", "credentials.auth_type"} | chosen
    assert (set(anchored), len(anchored)) == (expected, len(expected))


@pytest.mark.parametrize(("env", "other"), [("cloud", "Open Source"), ("oss", "Cloud")])
def test_panel_shows_the_sections_of_its_edition(env: str, other: str) -> None:
    text = re.sub(rf"<!-- env:(?!{env})(\w+) -->.*?<!-- /env:\1 -->", "", PAGE.read_text(), flags=re.DOTALL)
    assert set(re.findall(r"<!-- /?env:(\w+)", text)) == {env}
    assert f"### For Airbyte {other}:" not in text
