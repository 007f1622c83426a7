"""The connector as laid out in a checkout of airbytehq/airbyte; `make airbyte-pr` also runs Airbyte's checks there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from integration_tests.airbyte.checkout import (
    NAME,
    PAGE,
    ROOT,
    lay_out,
)
from integration_tests.airbyte.manifest_only import BASE_IMAGE, LOST
from integration_tests.airbyte.pull_request import main
from unit_tests import markdown

FOLDERS = {"docker", "docs", "integration_tests", "source_tiktok_organic", "unit_tests"}
FILES = {"acceptance-test-config.yml", "icon.svg", "main.py", "metadata.yaml", "poetry.lock"}
DOCUMENTS = {"AGENTS.md", "CLAUDE.md", "CONTRIBUTING.md", "README.md"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("airbyte")
    (folder / "airbyte-integrations" / "connectors" / NAME / "of_another_version").mkdir(parents=True)
    lay_out(folder)
    return folder


@pytest.fixture(scope="module")
def connector(repository: Path) -> Path:
    return repository / "airbyte-integrations" / "connectors" / NAME


def test_layout_holds_the_connector_and_its_page(repository: Path, connector: Path) -> None:
    assert {path.name for path in connector.iterdir()} == FOLDERS | FILES | DOCUMENTS | {"pyproject.toml"}
    for path in (Path("metadata.yaml"), Path("icon.svg")):
        assert (connector / path).read_bytes() == (ROOT / path).read_bytes()


def test_layout_page_passes_airbytes_checks(repository: Path) -> None:
    """Its changelog holds nothing but the table, and its panel takes relative links for pages of docs.airbyte.com."""
    page = repository / PAGE
    changelog = re.sub(r"^\|.*\n", "", page.read_text().partition("## Changelog\n\n")[2], flags=re.MULTILINE)
    assert changelog.split() == ["<details>", "<summary>Expand", "to", "review</summary>", "</details>"]
    assert [link for link in markdown.links(page) if not link.startswith(("https://", "#"))] == []


def test_layout_documents_link_only_within_it(connector: Path) -> None:
    texts = [connector / name for name in ("README.md", "CONTRIBUTING.md")]
    links = [link for text in texts for link in markdown.links(text) if not link.startswith("https://")]
    assert [link for link in links if not (connector / link).is_file()] == []
    assert [path.name for path in texts if re.search(r"\bmake ", path.read_text())] == []


def test_layout_uses_airbytes_secret_config(connector: Path) -> None:
    text = (connector / "acceptance-test-config.yml").read_text()
    named = set(re.findall(r"_path: (.*)", text))
    assert {path for path in named if not (connector / path).is_file()} == {"secrets/config.json"}
    ours = yaml.safe_load((ROOT / "acceptance-test-config.yml").read_text())
    assert list(yaml.safe_load(text)["acceptance_tests"]) == list(ours["acceptance_tests"])


def test_page_links_lead_into_the_layout(repository: Path) -> None:
    links = re.findall(r"\(https://github.com/airbytehq/airbyte/blob/master/([^)#]+)", (repository / PAGE).read_text())
    assert [link for link in links if not (repository / link).is_file()] == []


def test_layout_unit_tests_are_self_contained(connector: Path) -> None:
    texts = {path.name: path.read_text() for path in (connector / "unit_tests").rglob("*.py")}
    elsewhere = (
        r"^(?:from|import) (?:benchmarks|examples|integration_tests|sandbox)\b|parents\[1\] / \"(?:docs|examples)"
    )
    assert [name for name, text in texts.items() if re.search(elsewhere, text, re.MULTILINE)] == []
    assert len(texts) > 20


# An editable installation puts a whole checkout on the path, with everything that the layout omits.
NO_CHECKOUT = """\
import pathlib, sys
sys.path[:] = [folder for folder in sys.path if not pathlib.Path(folder, "sandbox", "__init__.py").exists()]
"""
WHERE = "import importlib.util as u; print(u.find_spec('source_tiktok_organic').origin, u.find_spec('sandbox'))"


def test_layout_unit_tests_can_be_collected(connector: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_CHECKOUT)
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{connector}", "PYTHONDONTWRITEBYTECODE": "1"}

    def python(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, *argv], cwd=connector, env=env, capture_output=True, text=True)

    assert python("-c", WHERE).stdout == f"{connector / 'source_tiktok_organic' / '__init__.py'} None\n"
    done = python("-m", "pytest", "unit_tests", "--collect-only", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout[-2000:]
    assert len(re.findall(r"^unit_tests/test_\w+\.py::", done.stdout, re.MULTILINE)) > 300


def test_manifest_only_layout_has_two_files_of_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    connector = tmp_path / "airbyte-integrations" / "connectors" / NAME
    connector.mkdir(parents=True)
    (connector / "of_another_form.py").touch()

    assert main("no python", tmp_path, "manifest-only") == 0

    assert {path.name for path in connector.iterdir()} == {
        *("manifest.yaml", "components.py", "metadata.yaml", "icon.svg", "README.md"),
        *("acceptance-test-config.yml", "integration_tests"),
    }
    data = yaml.safe_load((connector / "metadata.yaml").read_text())["data"]
    ours = yaml.safe_load((ROOT / "metadata.yaml").read_text())["data"]
    assert data["tags"] == ["language:manifest-only", "cdk:low-code"]
    assert data["connectorBuildOptions"] == {"baseImage": BASE_IMAGE}
    changed = {name for name in ours if data.get(name) != ours[name]}
    assert changed == {"tags", "connectorBuildOptions", "connectorTestSuitesOptions"}
    printed = capsys.readouterr().out
    assert (printed.startswith(LOST), "Only Airbyte can add:" in printed) == (True, True)
    assert printed.endswith(f"docker buildx imagetools inspect {BASE_IMAGE}\n")


def test_unknown_form_is_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "airbyte-integrations" / "connectors").mkdir(parents=True)
    assert main("no python", tmp_path, "both") == 2
    assert capsys.readouterr().out == "FORM must be package or manifest-only, not both.\n"
