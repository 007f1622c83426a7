"""Reads CHANGELOG.md; `python docs/changelog.py 0.2.0` prints the notes of one version, for its release."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
VERSION = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)\n\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def versions() -> Iterator[tuple[str, str, str]]:
    """Number, date and notes of each version, newest first."""
    for match in VERSION.finditer(CHANGELOG.read_text()):
        yield match[1], match[2], match[3].strip()


def notes(wanted: str) -> str:
    """The notes of one version."""
    found = [text for version, _, text in versions() if version == wanted]
    return found[0] if found else sys.exit(f"CHANGELOG.md has no version {wanted}.")


if __name__ == "__main__":
    sys.stdout.write(f"{notes(sys.argv[1])}\n")
