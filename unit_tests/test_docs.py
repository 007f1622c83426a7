"""The documents: their generated parts, the form that Airbyte asks for, their code, their links."""

import ast
import json
import re
import runpy
import sys
from pathlib import Path

import pytest
import yaml

from source_tiktok_organic.config import load_manifest
from unit_tests import markdown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGE = DOCS / "integrations" / "sources" / "tiktok-organic.md"
SKILL = DOCS / "tiktok-organic-skill.md"
DEPLOY = DOCS / "deploy.md"
README = ROOT / "README.md"
AGENTS = ROOT / "AGENTS.md"
DOCUMENTS = [README, AGENTS, *sorted(DOCS.rglob("*.md"))]
# Where the connector's files are for those who read the page in Airbyte, which has it from the same repository.
REPOSITORY = "https://github.com/airbytehq/airbyte/blob/master/airbyte-integrations/connectors/source-tiktok-organic/"

MANIFEST = load_manifest()
GENERATE = runpy.run_path(str(DOCS / "generate.py"))


# --- generated parts ---


@pytest.mark.parametrize("path", list(GENERATE["documents"]()), ids=lambda path: path.name)
def test_generated_text_is_current(path: Path) -> None:
    assert path.read_text() == GENERATE["documents"]()[path], "run `make docs`"


def test_each_block_stands_in_a_document() -> None:
    text = "".join(path.read_text() for path in DOCUMENTS)
    assert {match[2] for match in GENERATE["BLOCK"].finditer(text)} == set(GENERATE["blocks"](MANIFEST))


def test_render_replaces_what_lies_between_the_markers() -> None:
    text = "a\n<!-- generated: warnings -->\nstale\n<!-- /generated -->\nb\n"
    rendered = GENERATE["render"](text, MANIFEST)
    assert "stale" not in rendered
    assert GENERATE["render"](rendered, MANIFEST) == rendered


def test_skill_file_stands_alone() -> None:
    assert [link for link in markdown.links(SKILL) if not link.startswith("https://")] == []


# --- names ---


def test_versions_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poetry"]["version"]
    data = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
    _, newest, *_ = markdown.rows(markdown.section(PAGE, "## Changelog"))
    assert newest[:2] == [version, str(data["releaseDate"])]
    assert data["dockerImageTag"] == version


# --- code and commands ---


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_json_of_the_documents_parses(path: Path) -> None:
    assert all(isinstance(json.loads(block), dict) for block in markdown.code_blocks(path, "json"))


@pytest.mark.parametrize("script", markdown.code_blocks(DEPLOY, "python"), ids=["duckdb", "postgres", "bigquery"])
def test_scripts_of_the_docs_define_their_cache(script: str) -> None:
    names = [node.name for node in ast.parse(script).body if isinstance(node, ast.FunctionDef)]
    assert "cache_for" in names


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_the_documents_exist(path: Path) -> None:
    text = path.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    scripts = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poetry"]["scripts"])
    called = re.findall(r"^\s*\$ (\S+)", text, re.MULTILINE)
    ours = {name for name in called if "tiktok" in name}
    assert ours <= scripts
    assert set(re.findall(r"[$`]\s?make ([a-z-]+)", text)) <= targets
    commands = re.findall(r"^\$ source-tiktok-organic (\w+)", text, re.MULTILINE)
    assert set(commands) <= {"spec", "check", "discover", "read"}


@pytest.mark.parametrize("command", ["$ export TIKTOK_TOKEN_STORE", "$ connector() {"], ids=["shell", "container"])
def test_commands_are_those_of_the_readme_everywhere(command: str) -> None:
    """Those of the README are run by test_shell.py and test_image.py."""
    tried, repeated = (
        [block for block in markdown.code_blocks(path, "") if block.lstrip().startswith(command)]
        for path in (README, DOCS / "command-line.md")
    )
    assert len(tried) == 1
    assert repeated == tried


# --- links and names ---


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    dead = []
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
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_no_path_of_one_machine(path: Path) -> None:
    assert re.findall(r"/home/|/roo[t]/|/wor[k]/|/tmp/|localhost:\d{5}", path.read_text()) == []
