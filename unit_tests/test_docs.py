"""The documents: generated parts are current, links are valid, and commands exist."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import changelog, generate
from source_tiktok_organic.config import load_manifest
from unit_tests import markdown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGE = DOCS / "integrations" / "sources" / "tiktok-organic.md"
MANIFEST = load_manifest()
SKILL = DOCS / "tiktok-organic-skill.md"
README = ROOT / "README.md"
OF_THE_REPOSITORY = [ROOT / f"{name}.md" for name in ("README", "AGENTS", "CONTRIBUTING", "SECURITY", "CHANGELOG")]
DOCUMENTS = [*OF_THE_REPOSITORY, *sorted(DOCS.rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
# Where readers of the page in Airbyte, which is in the same repository, find the connector's files.
REPOSITORY = "https://github.com/airbytehq/airbyte/blob/master/airbyte-integrations/connectors/source-tiktok-organic/"


def of_the_repository(path: Path) -> str:
    return str(path.relative_to(ROOT))


# --- generated parts ---


@pytest.mark.parametrize("document", generate.documents(), ids=lambda document: document.path.name)
def test_generated_text_is_current(document: generate.Document) -> None:
    lines = document.path.read_text().splitlines()
    expected = document.text.splitlines()
    differing = [line for line in expected if line not in lines] or [line for line in lines if line not in expected]
    if differing:
        source = of_the_repository(document.source_of(differing[0]))
        pytest.fail(f"Made from {source}: change it there, then run `make docs`.\n{differing[0]}", pytrace=False)
    assert lines == expected, "run `make docs`"


def test_each_stream_has_a_table_of_columns() -> None:
    tables = {match[2] for match in generate.BLOCK.finditer(generate.COLUMNS.read_text())}
    assert tables == set(MANIFEST["definitions"]["streams"])


def test_make_docs_names_what_it_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "columns.md"
    for text in ("old", "new", "new"):
        generate.write(path, text)
    assert path.read_text() == "new"
    assert capsys.readouterr().out == f"wrote {path}\n" * 2


def test_skill_file_stands_alone() -> None:
    assert [link for link in markdown.links(SKILL) if not link.startswith("https://")] == []


# --- code and commands ---


@pytest.mark.parametrize("path", DOCUMENTS, ids=of_the_repository)
def test_json_of_the_documents_parses(path: Path) -> None:
    assert all(isinstance(json.loads(block), dict) for block in markdown.code_blocks(path, "json"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=of_the_repository)
def test_commands_in_the_documents_exist(path: Path) -> None:
    text = re.sub(r"<!--.*?-->", "", path.read_text(), flags=re.DOTALL)
    scripts = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poetry"]["scripts"])
    called = re.findall(r"^\s*\$ (\S+)", text, re.MULTILINE)
    assert {name for name in called if "tiktok" in name} <= scripts
    assert set(re.findall(r"[$`]\s?make ([a-z-]+)", text)) <= TARGETS
    commands = re.findall(r"^\$ source-tiktok-organic (\w+)", text, re.MULTILINE)
    assert set(commands) <= {"spec", "check", "discover", "read"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=of_the_repository)
def test_documented_modules_name_their_environment(path: Path) -> None:
    """Benchmarks, sandbox and examples need packages that `make` installs into separate environments."""
    called = re.findall(r"(\S*)python -m (\w+)((?:\.\w+)*)", path.read_text())
    ours = [(folder, package, module) for folder, package, module in called if (ROOT / package).is_dir()]
    for folder, package, module in ours:
        assert re.search(r"\.venv(-demo)?/bin/$", folder), f"python -m {package}{module} names no environment"
        target = ROOT / f"{package}{module}".replace(".", "/")
        assert target.with_suffix(".py").is_file() or (target / "__main__.py").is_file()


def test_workflows_name_targets_of_the_makefile() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text()
        called = re.findall(r"\.ci/run([a-z -]*)$", text, re.MULTILINE)
        called += re.findall(r"targets: \[(.*)\]", text)
        assert set(re.findall(r"[a-z-]+", " ".join(called))) <= TARGETS, path.name


@pytest.mark.parametrize("command", ["$ export TIKTOK_TOKEN_STORE", "$ connector() {"], ids=["shell", "container"])
def test_repeated_commands_match_the_readme(command: str) -> None:
    """Those of the README are run by test_shell.py and test_image.py."""
    tried, repeated = (
        [block for block in markdown.code_blocks(path, "") if block.lstrip().startswith(command)]
        for path in (README, DOCS / "command-line.md")
    )
    assert len(tried) == 1
    assert repeated == tried


def test_release_notes_are_the_versions_section() -> None:
    version, _, text = next(changelog.versions())
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()
    command = [sys.executable, "docs/changelog.py", version]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed == f"{text}\n"
    assert "## [" not in printed
    assert "### Added" in printed


def test_version_without_a_section_fails_the_release() -> None:
    with pytest.raises(SystemExit, match=r"^CHANGELOG\.md has no version 9\.9\.9\.$"):
        changelog.notes("9.9.9")


# --- links ---


@pytest.mark.parametrize("path", DOCUMENTS, ids=of_the_repository)
def test_links_are_valid(path: Path) -> None:
    broken = []
    for link in markdown.links(path):
        target, _, anchor = link.partition("#")
        if target.startswith(REPOSITORY):
            file = ROOT / target.removeprefix(REPOSITORY)
        elif target == MANIFEST["spec"]["documentation_url"]:
            file = PAGE
        elif target.startswith("https://"):
            continue
        else:
            file = (path.parent / target).resolve() if target else path
        if not file.exists() or (anchor and anchor not in markdown.anchors(file)):
            broken.append(link)
    assert broken == []
