"""Generates the tables of docs/columns.md and the skill file. `make docs` runs it.

The tables are between `<!-- generated: STREAM_columns -->` and `<!-- /generated -->`.
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from docs.skill import skill, without_links

ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / "source_tiktok_organic" / "manifest.yaml"
DOCS = ROOT / "docs"
PAGE = DOCS / "integrations" / "sources" / "tiktok-organic.md"
COLUMNS = DOCS / "columns.md"
LINKED = [DOCS / f"{name}.md" for name in ("reading", "command-line", "messages")]  # the page links to them
BLOCK = re.compile(r"(<!-- generated: (\w+)_columns -->\n).*?(<!-- /generated -->)", re.DOTALL)

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Document:
    """A generated file, its text, and the source texts by file."""

    path: Path
    text: str
    sources: Mapping[Path, str]

    def source_of(self, line: str) -> Path:
        """The source file that a line comes from."""
        found = (path for path, text in self.sources.items() if line.lstrip("#") in without_links(text))
        return next(found, next(iter(self.sources)))


def documents() -> list[Document]:
    """The generated files."""
    columns = render(COLUMNS.read_text(), yaml.safe_load(MANIFEST.read_text()))
    others = {path: path.read_text() for path in LINKED}
    page = PAGE.read_text()
    return [
        Document(COLUMNS, columns, {MANIFEST: columns}),
        Document(
            DOCS / "tiktok-organic-skill.md",
            skill(page, columns, *others.values()),
            {PAGE: page, **others, COLUMNS: COLUMNS.read_text(), MANIFEST: columns},
        ),
    ]


def render(text: str, manifest: Manifest) -> str:
    """The text with tables generated from the manifest."""
    return BLOCK.sub(lambda block: f"{block[1]}\n{columns(manifest, block[2])}\n{block[3]}", text)


def columns(manifest: Manifest, stream: str) -> str:
    """A table of a stream's columns; a column that its requests don't have comes from the parent stream."""
    retriever = manifest["definitions"]["streams"][stream]["retriever"]
    requesters = [parent["stream"]["retriever"]["requester"] for parent in _parents(retriever)]
    requesters.append(retriever["requester"])
    scope_of = {
        field: scope
        for requester in requesters
        for scope, fields in requester["fields_by_scope"].items()
        for field in fields
    }
    optional = retriever["requester"].get("optional_fields", ())
    rows = []
    for name, column in manifest["schemas"][stream]["properties"].items():
        kind = column["type"] if isinstance(column["type"], str) else " or ".join(column["type"])
        note = ", optional" if name in optional else ""
        rows.append((f"`{name}`", f"{kind}, {scope_of[name]}{note}", column["description"]))
    return _table(("column", "type, scope", "description"), rows)


def _parents(retriever: Manifest) -> Iterable[Manifest]:
    found: Iterable[Manifest] = retriever.get("partition_router", {}).get("parent_stream_configs", ())
    return found


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    escaped = ([cell.replace("|", r"\|") for cell in row] for row in lines)
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped)


def write(path: Path, text: str) -> None:
    """Write a file if its text changed, and print its name."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}\n")


if __name__ == "__main__":
    for document in documents():
        write(document.path, document.text)
