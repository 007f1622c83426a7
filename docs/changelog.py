"""CHANGELOG.md as the page shows it, and a version's section of it: `python docs/changelog.py 0.2.0`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
VERSION = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)\n\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def versions() -> Iterator[tuple[str, str, str]]:
    """Number, day and text of each version, the newest first."""
    for match in VERSION.finditer(re.sub(r"<!--.*?-->\n*", "", CHANGELOG.read_text(), flags=re.DOTALL)):
        yield match[1], match[2], match[3].strip()


def changelog(_: Any = None) -> str:
    """The page's table; Airbyte's checks look for a row of each version."""
    rows = ((version, day, text.partition("\n\n")[0].replace("\n", " ")) for version, day, text in versions())
    lines = [f"| {version} | {day} | | {subject} |\n" for version, day, subject in rows]
    return "".join(["| Version | Date | Pull Request | Subject |\n| --- | --- | --- | --- |\n", *lines])


def notes(wanted: str) -> str:
    """The text of one version."""
    found = [text for version, _, text in versions() if version == wanted]
    return found[0] if found else sys.exit(f"CHANGELOG.md has no version {wanted}.")


if __name__ == "__main__":
    sys.stdout.write(f"{notes(sys.argv[1])}\n")
