"""Parses the project's Markdown: headings, tables, code blocks, links."""

import re
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


def code_blocks(path: Path, language: str) -> list[str]:
    """The code of each block in a language, without the block's own indentation."""
    found = [m for m in FENCE.finditer(path.read_text()) if m["language"] == language]
    return [re.sub(rf"^{m['indent']}", "", m["code"], flags=re.MULTILINE) for m in found]


def shell_commands(path: Path, containing: str) -> str:
    """The commands of the one block that contains a text, without their prompts."""
    (block,) = [block for block in code_blocks(path, "") if containing in block]
    return re.sub(r"^[$>] ", "", block, flags=re.MULTILINE)


def prose(path: Path) -> str:
    """The text without code blocks."""
    return FENCE.sub("", path.read_text())


def headings(path: Path) -> list[str]:
    """The headings including their marks: `## Prerequisites`."""
    return re.findall(r"^#{1,4} .*$", prose(path), re.MULTILINE)


def section(path: Path, heading: str) -> str:
    """The text under a heading up to the next one of the same or a higher level, code blocks included."""
    level = len(heading.split()[0])
    text = path.read_text()
    start = text.index(f"\n{heading}\n") + len(heading) + 2
    end = re.search(rf"^#{{1,{level}}} \w", text[start:], re.MULTILINE)
    return text[start : start + end.start()] if end else text[start:]


def before(path: Path, heading: str) -> str:
    """The text above a heading."""
    return path.read_text().partition(f"\n{heading}\n")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, headers included."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not re.fullmatch(r"-+", row[0])]


def links(path: Path) -> list[str]:
    """The targets of all links."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(path))


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub generates for the headings."""
    texts = (heading.lstrip("# ").lower() for heading in headings(path))
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in texts}
