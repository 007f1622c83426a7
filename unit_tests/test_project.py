"""The project's own files: what must agree does agree."""

import re
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
CODE = ("source_tiktok_organic", "sandbox", "unit_tests", "integration_tests", "benchmarks", "examples")


def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text())


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_given_the_lock_when_compared_with_the_constraints_then_the_same_versions() -> None:
    """`make lock` writes both; pip installs by the second."""
    locked = {(normalized(p["name"]), p["version"]) for p in toml("poetry.lock")["package"]}
    lines = (line.split(";")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    pinned = {(normalized(name), version) for name, version in (line.split("==") for line in lines if line)}
    assert pinned == locked


def test_given_the_dependencies_when_looked_up_in_the_lock_then_it_has_each_of_them_and_the_extras() -> None:
    poetry = toml("pyproject.toml")["tool"]["poetry"]
    lock = toml("poetry.lock")
    locked = {normalized(p["name"]) for p in lock["package"]}
    wanted = {normalized(name) for name in poetry["dependencies"] if name != "python"}
    assert wanted - locked == set()
    assert {name: sorted(normalized(p) for p in parts) for name, parts in lock["extras"].items()} == {
        name: sorted(normalized(p) for p in parts) for name, parts in poetry["extras"].items()
    }
    assert lock["metadata"]["python-versions"] == poetry["dependencies"]["python"]


def test_given_the_projects_files_when_searched_then_none_needs_anything_outside_the_checkout() -> None:
    kinds = (".py", ".md", ".yaml", ".yml", ".json")
    texts = [p for f in (*CODE, "docs", "docker") for p in (ROOT / f).rglob("*") if p.suffix in kinds]
    outside = "../" + "shared"
    assert [str(p) for p in texts if outside in p.read_text(errors="replace")] == []


def test_given_the_code_when_measured_then_no_file_is_over_400_lines() -> None:
    files = [p for f in CODE for p in (ROOT / f).rglob("*.py")]
    assert [(p.name, n) for p in files if (n := len(p.read_text().splitlines())) > 400] == []


def test_given_components_when_imported_then_nothing_of_the_package_comes_along() -> None:
    """So that the connector could become manifest-only by putting three files into two."""
    for name in ("components.py", "authenticators.py"):
        source = (ROOT / "source_tiktok_organic" / name).read_text()
        assert re.findall(r"^\s*(?:from|import) source_tiktok_organic.*", source, re.MULTILINE) == []
