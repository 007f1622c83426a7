"""What Airbyte's registry and QA checks read: metadata.yaml, icon.svg and everything that must agree with them."""

import re
import sys
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from source_tiktok_organic.config import load_manifest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if sys.version_info < (3, 13):  # at import time, as pydantic cannot read annotations while time is frozen
    from airbyte_connector_models.metadata.v0.connector_metadata_definition_v0 import ConnectorMetadataDefinitionV0

ROOT = Path(__file__).parents[1]
METADATA: dict[str, Any] = yaml.safe_load((ROOT / "metadata.yaml").read_text())
DATA: dict[str, Any] = METADATA["data"]
POETRY: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["poetry"]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
SVG = "{http://www.w3.org/2000/svg}svg"


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="Airbyte's model of metadata.yaml ends at Python 3.12.")
def test_airbytes_model_accepts_the_metadata() -> None:
    ConnectorMetadataDefinitionV0.model_validate(METADATA)


@pytest.mark.parametrize(
    ("in_the_image", "in_the_metadata"),
    [
        (r"^ARG BASE_IMAGE=(.*)$", DATA["connectorBuildOptions"]["baseImage"]),
        (r"^LABEL io\.airbyte\.name=(.*)$", DATA["dockerRepository"]),
        (r"^LABEL io\.airbyte\.version=(.*)$", DATA["dockerImageTag"]),
        (r"^ENV AIRBYTE_ENTRYPOINT=(.*)$", DATA["githubIssueLabel"]),
        (r'^ENTRYPOINT \["(.*)"\]$', DATA["githubIssueLabel"]),
    ],
)
def test_dockerfile_matches_the_metadata(in_the_image: str, in_the_metadata: str) -> None:
    assert re.findall(in_the_image, DOCKERFILE, re.MULTILINE) == [in_the_metadata]


def test_pyproject_matches_the_metadata() -> None:
    assert (POETRY["version"], POETRY["license"]) == (DATA["dockerImageTag"], DATA["license"])
    assert POETRY["name"] == DATA["dockerRepository"].removeprefix("airbyte/")
    assert POETRY["name"] in POETRY["scripts"]
    assert POETRY["documentation"] == DATA["documentationUrl"]
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_manifest_matches_the_metadata() -> None:
    manifest = load_manifest()
    assert DATA["suggestedStreams"]["streams"] == list(manifest["definitions"]["streams"])
    assert manifest["spec"]["documentation_url"] == DATA["documentationUrl"]
    assert manifest["definitions"]["url_base"] == f"https://{DATA['allowedHosts']['hosts'][0]}"


def test_definition_id_is_random_and_our_own() -> None:
    definition_id = uuid.UUID(DATA["definitionId"])
    assert definition_id.version == 4
    # This one is used in an open proposal for a connector of the same name.
    assert str(definition_id) != "decd338e-5647-4c0b-adf4-da0e75f5a750"


def test_connector_is_packaged_low_code() -> None:
    assert DATA["tags"] == ["language:python", "cdk:low-code"]
    assert (ROOT / "source_tiktok_organic" / "manifest.yaml").is_file()
    assert not (ROOT / "manifest.yaml").exists()


def test_root_follows_airbytes_packaging_rules() -> None:
    """Poetry with a lock file, no setup.py, and the base image in the metadata instead of a Dockerfile."""
    names = {path.name for path in ROOT.iterdir()}
    assert {"pyproject.toml", "poetry.lock", "icon.svg", "acceptance-test-config.yml"} <= names
    assert names & {"setup.py", "Dockerfile", "build.gradle"} == set()
    assert re.fullmatch(r"\d+\.\d+\.\d+", DATA["dockerImageTag"])
    assert "pypi" in DATA["remoteRegistries"]


def test_icon_is_square_and_loads_nothing() -> None:
    text = (ROOT / "icon.svg").read_text()
    root = ET.fromstring(text)
    assert root.tag == SVG
    assert root.attrib["width"] == root.attrib["height"]
    assert root.attrib["viewBox"] == f"0 0 {root.attrib['width']} {root.attrib['height']}"
    assert len(text) < 2_000
    assert re.findall(r"href|url\(|<script|<image", text) == []


# As in Airbyte's QA checks: comments, these two addresses and lines marked so are allowed; tests are not checked.
FREE = ("http://json-schema.org", "http://localhost")
IGNORED = "# ignore-https-check"
NOT_SHIPPED = ("unit_tests", "integration_tests", "build")
TEXT = (".py", ".md", ".yaml", ".yml", ".json", ".toml", ".tf", ".tfvars", ".txt", "Dockerfile", "Makefile")


def shipped_files() -> Iterator[Path]:
    tops = (p for p in ROOT.iterdir() if not p.name.startswith(".") and p.name not in NOT_SHIPPED)
    for top in tops:
        found = top.rglob("*") if top.is_dir() else [top]
        yield from (path for path in found if path.name.endswith(TEXT) and path.is_file())


def insecure_lines(path: Path) -> list[str]:
    lines = (line.lstrip() for line in path.read_text().lower().splitlines() if IGNORED not in line)
    read = (line for line in lines if not line.startswith(("#", "<!--")))
    return [line for line in read if "http://" in line.replace(FREE[0], "").replace(FREE[1], "")]


def test_shipped_files_use_https_only() -> None:
    assert {str(path): found for path in shipped_files() if (found := insecure_lines(path))} == {}
