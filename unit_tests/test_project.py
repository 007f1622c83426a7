"""The project's own files: what must agree does agree, and the conventions hold."""

import ast
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


def test_lock_and_constraints_have_the_same_versions() -> None:
    """`make lock` writes both; pip installs from the constraints."""
    locked = {(normalized(p["name"]), p["version"]) for p in toml("poetry.lock")["package"]}
    lines = (line.split(";")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    pinned = {(normalized(name), version) for name, version in (line.split("==") for line in lines if line)}
    assert pinned == locked


def test_lock_has_every_dependency_and_extra() -> None:
    poetry = toml("pyproject.toml")["tool"]["poetry"]
    lock = toml("poetry.lock")
    locked = {normalized(p["name"]) for p in lock["package"]}
    wanted = {normalized(name) for name in poetry["dependencies"] if name != "python"}
    assert wanted - locked == set()
    assert {name: sorted(normalized(p) for p in parts) for name, parts in lock["extras"].items()} == {
        name: sorted(normalized(p) for p in parts) for name, parts in poetry["extras"].items()
    }
    assert lock["metadata"]["python-versions"] == poetry["dependencies"]["python"]


def test_nothing_outside_the_checkout_is_needed() -> None:
    kinds = (".py", ".md", ".yaml", ".yml", ".json")
    texts = [p for f in (*CODE, "docs", "docker") for p in (ROOT / f).rglob("*") if p.suffix in kinds]
    outside = "../" + "shared"
    assert [str(p) for p in texts if outside in p.read_text(errors="replace")] == []


def test_no_file_is_over_400_lines() -> None:
    files = [p for f in CODE for p in (ROOT / f).rglob("*.py")]
    assert [(p.name, n) for p in files if (n := len(p.read_text().splitlines())) > 400] == []


def test_components_import_nothing_of_the_package() -> None:
    """The connector could become manifest-only by merging them into one file."""
    for name in ("components.py", "authenticators.py", "pace.py", "responses.py"):
        source = (ROOT / "source_tiktok_organic" / name).read_text()
        assert re.findall(r"^\s*(?:from|import) source_tiktok_organic.*", source, re.MULTILINE) == []


def test_test_names_are_short_claims() -> None:
    files = [p for f in ("unit_tests", "integration_tests") for p in (ROOT / f).rglob("*.py")]
    nodes = [node for p in files for node in ast.walk(ast.parse(p.read_text()))]
    functions = [node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    names = [name for name in functions if name.startswith("test_")]
    assert len(names) > 300
    assert [n for n in names if len(n) > 60 or re.search(r"_given_|_when_|_then_|^test_given_", n)] == []
