"""The project's own files: versions agree, unsupported Pythons are rejected, credentials stay out of git."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]


def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text())


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_lock_and_constraints_have_the_same_versions() -> None:
    """`make lock` writes both; pip installs from the constraints."""
    locked = {(canonical(p["name"]), p["version"]) for p in toml("poetry.lock")["package"]}
    lines = (line.split(";")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    pinned = {(canonical(name), version) for name, version in (line.split("==") for line in lines if line)}
    assert pinned == locked


def test_lock_has_every_dependency_and_extra() -> None:
    poetry = toml("pyproject.toml")["tool"]["poetry"]
    lock = toml("poetry.lock")
    locked = {canonical(p["name"]) for p in lock["package"]}
    wanted = {canonical(name) for name in poetry["dependencies"] if name != "python"}
    assert wanted - locked == set()
    assert {name: sorted(canonical(p) for p in parts) for name, parts in lock["extras"].items()} == {
        name: sorted(canonical(p) for p in parts) for name, parts in poetry["extras"].items()
    }
    assert lock["metadata"]["python-versions"] == poetry["dependencies"]["python"]


@pytest.mark.parametrize(("folder", "limits"), [("DEV", ("python",)), ("DEMO", ("python", "airbyte"))])
@pytest.mark.parametrize("minor", [9, 10, 12, 13, 14])
def test_make_names_the_supported_pythons(minor: int, folder: str, limits: tuple[str], tmp_path: Path) -> None:
    """An unsupported Python would fail minutes later, with a page of pip's output."""
    interpreter = tmp_path / "python"
    version = f"import sys; sys.version_info = (3, {minor})"
    interpreter.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} -c "{version}; $2"\nexit 7\n')
    interpreter.chmod(0o755)
    target = f"{tmp_path}/venv"
    command = ["make", f"PYTHON={interpreter}", f"{folder}={target}", f"{target}/installed"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    dependencies = toml("pyproject.toml")["tool"]["poetry"]["dependencies"]
    bounds = [d if isinstance(d, str) else d["python"] for d in (dependencies[name] for name in limits)]
    is_supported = all(SpecifierSet(bound).contains(f"3.{minor}") for bound in bounds)
    first, *others = done.stderr.splitlines()
    assert ("Error 7" in first) is is_supported
    hint = {"DEV": "try make test PYTHON=python3.12.", "DEMO": "try make demo PYTHON=python3.12."}[folder]
    assert is_supported or (first.endswith(hint) and len(others) == 1)


def test_git_ignores_files_that_the_documents_create(tmp_path: Path) -> None:
    """Credentials and data above all."""
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    written = {name for p in documents for name in re.findall(r"(?: >>? | --output )([a-zA-Z][\w./-]*)", p.read_text())}
    assert {"catalog.json", "first.jsonl", "accounts/brand-de.json", "sync.log"} <= written
    others = ["secrets/config.json", "secrets/tokens/a.json", "tmp/config.json", "accounts/a.new", "state.json"]
    others += ["venv/bin/python", "sync.py", "lock", "tiktok.duckdb"]
    others += ["accounts.tfvars", ".terraform/a", "terraform.tfstate", "tiktok.duckdb.svg", "marketing.a.postgres.svg"]
    shutil.copy(ROOT / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    names = sorted({*written, *others})
    done = subprocess.run(["git", "check-ignore", *names], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines() == names
