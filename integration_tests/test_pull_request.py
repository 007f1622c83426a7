"""The connector as laid out in a checkout of airbytehq/airbyte; `make airbyte-pr` also runs Airbyte's checks there."""

import re
from pathlib import Path

import pytest
import yaml

from integration_tests.airbyte.checkout import NAME, PAGE, ROOT, lay_out
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


def test_page_of_the_layout_is_as_airbyte_checks_it(repository: Path) -> None:
    """Its changelog may hold nothing but the table."""
    page, ours = (repository / PAGE).read_text(), (ROOT / PAGE).read_text()
    changelog = re.sub(r"^\|.*\n", "", page.partition("## Changelog\n\n")[2], flags=re.MULTILINE)
    assert changelog.split() == ["<details>", "<summary>Expand", "to", "review</summary>", "</details>"]
    assert [line for line in ours.splitlines() if line and line not in page] == re.findall("<!-- /?generated.*", ours)


def test_texts_of_the_layout_lead_nowhere_else(connector: Path) -> None:
    texts = [connector / name for name in ("README.md", "CONTRIBUTING.md")]
    links = [link for text in texts for link in markdown.links(text) if not link.startswith("https://")]
    assert [link for link in links if not (connector / link).is_file()] == []
    assert [path.name for path in texts if re.search(r"\bmake ", path.read_text())] == []


def test_layout_reads_with_airbytes_secret(connector: Path) -> None:
    text = (connector / "acceptance-test-config.yml").read_text()
    named = set(re.findall(r"_path: (.*)", text))
    assert {path for path in named if not (connector / path).is_file()} == {"secrets/config.json"}
    ours = yaml.safe_load((ROOT / "acceptance-test-config.yml").read_text())
    assert list(yaml.safe_load(text)["acceptance_tests"]) == list(ours["acceptance_tests"])


def test_links_of_the_page_lead_into_the_layout(repository: Path) -> None:
    links = re.findall(r"\(https://github.com/airbytehq/airbyte/blob/master/([^)#]+)", (repository / PAGE).read_text())
    assert [link for link in links if not (repository / link).is_file()] == []


def test_unit_tests_of_the_layout_stand_alone(connector: Path) -> None:
    texts = {path.name: path.read_text() for path in (connector / "unit_tests").rglob("*.py")}
    elsewhere = (
        r"^(?:from|import) (?:benchmarks|examples|integration_tests|sandbox)\b|parents\[1\] / \"(?:docs|examples)"
    )
    assert [name for name, text in texts.items() if re.search(elsewhere, text, re.MULTILINE)] == []
    assert len(texts) > 20
