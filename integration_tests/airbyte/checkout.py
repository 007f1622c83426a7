"""Copies this checkout in the layouts of Airbyte's tools and Airbyte's repository."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from integration_tests.airbyte import manifest_only

ROOT = Path(__file__).parents[2]
NAME = "source-tiktok-organic"
# Not part of the connector: environments, caches, git's data, the user's credentials.
IGNORED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "*.duckdb*", "build", "dist", "secrets")
# The metadata of a certified connector, because the tools have the most checks for it.
CERTIFIED = {"supportLevel: community": "supportLevel: certified", "sl: 100": "sl: 300", "ql: 100": "ql: 400"}

CONNECTORS, PAGE = Path("airbyte-integrations/connectors"), Path("docs/integrations/sources/tiktok-organic.md")
# The connector's folder in airbytehq/airbyte. Sandbox, demo, benchmarks and the tests of this repository stay here.
PARTS = """
source_tiktok_organic/ main.py pyproject.toml poetry.lock metadata.yaml icon.svg acceptance-test-config.yml docker/
AGENTS.md CLAUDE.md CONTRIBUTING.md docs/ unit_tests/
integration_tests/catalogs/ integration_tests/configs/invalid integration_tests/recorded/ integration_tests/states/
"""
OUR_TESTS = (
    "benchmarks",
    "demo_story",
    "docs",
    "interrupt",
    "messages",
    "metadata",
    "months",
    "page",
    "project",
    "report",
    "sync",
    "terraform",
)
OURS = {str(PAGE), *(f"docs/{name}.py" for name in ("changelog", "generate", "skill"))}
OURS |= {"unit_tests/markdown.py"}
OURS |= {f"unit_tests/test_{name}.py" for name in OUR_TESTS}
# In Airbyte's repository, the tests read the live API with a config that Airbyte stores as a secret.
README = """\
# source-tiktok-organic

Reads the profile and the public videos of a TikTok account, over the TikTok Open API v2. The
[documentation](https://docs.airbyte.com/integrations/sources/tiktok-organic) explains the setup.

[CONTRIBUTING.md](CONTRIBUTING.md) explains how to test it, [AGENTS.md](AGENTS.md) how it behaves and why.
"""
OWN_REPOSITORY = "## In its own repository"  # this section of CONTRIBUTING.md and the later ones don't apply there
MASTER = f"https://github.com/airbytehq/airbyte/blob/master/{CONNECTORS}/{NAME}"
# A manifest-only connector has no package, no lock file and no own image.
MANIFEST_ONLY_PARTS = """
icon.svg acceptance-test-config.yml
integration_tests/catalogs/ integration_tests/configs/invalid integration_tests/states/
"""
MANIFEST_ONLY = {
    "language:python": "language:manifest-only",
    "# Airbyte's tools see a packaged low-code connector by these two tags and the manifest inside the package.": (
        "# Airbyte's tools see a manifest-only connector by these two tags."
    ),
}
CONFIG, SECRET = "integration_tests/configs/valid_config.json", "secrets/config.json"


def copy_into(folder: Path, *, certified: bool = False) -> Path:
    """Copy the checkout to `folder`/source-tiktok-organic; a link does not work, because the tools resolve it."""
    copy = Path(shutil.copytree(ROOT, folder / NAME, ignore=IGNORED))
    if certified:
        certify(copy)
    return copy


def certify(connector: Path) -> None:
    """Change the metadata to a certified connector's."""
    metadata = connector / "metadata.yaml"
    text = metadata.read_text()
    for ours, theirs in CERTIFIED.items():
        assert ours in text
        text = text.replace(ours, theirs)
    metadata.write_text(text)


def lay_out(repository: Path) -> Path:
    """Copy the connector and its page into a checkout of airbytehq/airbyte; returns the connector's folder."""
    connector = _emptied(repository)
    _copy(connector, PARTS)
    (connector / "README.md").write_text(README)
    contributing = connector / "CONTRIBUTING.md"
    contributing.write_text(contributing.read_text().partition(f"\n{OWN_REPOSITORY}\n")[0])
    _use_secret_config(connector / "acceptance-test-config.yml")
    (repository / PAGE).write_text(page())
    return connector


def lay_out_manifest_only(repository: Path) -> Path:
    """Copy the manifest-only form and its page into a checkout of airbytehq/airbyte; returns the connector's folder."""
    connector = _emptied(repository)
    _copy(connector, MANIFEST_ONLY_PARTS)
    manifest_only.write(connector)
    (connector / "README.md").write_text(README)
    (connector / "metadata.yaml").write_text(_manifest_only_metadata())
    _use_secret_config(connector / "acceptance-test-config.yml")
    (repository / PAGE).write_text(page())
    return connector


def page() -> str:
    """The page for Airbyte's repository."""
    return with_links_to_airbyte((ROOT / PAGE).read_text())


def with_links_to_airbyte(text: str) -> str:
    """The page's text with absolute links: Airbyte's panel resolves relative ones against docs.airbyte.com."""

    def absolute(link: re.Match[str]) -> str:
        path = (ROOT / PAGE).parent.joinpath(link[1]).resolve().relative_to(ROOT.resolve())
        return f"]({MASTER}/{path}"

    return re.sub(r"\]\((\.\./[^)\s#]+)", absolute, text)


def _emptied(repository: Path) -> Path:
    connector = repository / CONNECTORS / NAME
    if connector.exists():
        shutil.rmtree(connector)
    connector.mkdir(parents=True)
    (repository / PAGE).parent.mkdir(parents=True, exist_ok=True)
    return connector


def _copy(connector: Path, parts: str) -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in tracked.split("\0"):
        is_part = name.startswith(tuple(parts.split())) and name not in OURS
        if is_part and (ROOT / name).exists():
            (connector / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, connector / name, follow_symlinks=False)


def _manifest_only_metadata() -> str:
    text = (ROOT / "metadata.yaml").read_text()
    for ours, theirs in MANIFEST_ONLY.items():
        assert ours in text
        text = text.replace(ours, theirs)
    text, count = re.subn(
        r"(?m)^ *# .*python.*\n( *baseImage: ).*$", rf"\1{manifest_only.BASE_IMAGE}", text, flags=re.I
    )
    assert count == 1
    text, count = re.subn(r"(?m)^  connectorTestSuitesOptions:\n    - suite: unitTests\n", "", text)
    assert count == 1
    return text


def _use_secret_config(path: Path) -> None:
    """Replace the sandbox's configs with the secret one; drop tests with an access token, which expires in a day."""
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    for section in config["acceptance_tests"].values():
        section["tests"] = [test for test in section["tests"] if "access_token" not in test["config_path"]]
        for test in section["tests"]:
            test["config_path"] = test["config_path"].replace(CONFIG, SECRET)
    path.write_text(yaml.safe_dump(config, sort_keys=False))
