"""What Airbyte's registry reads: metadata.yaml and everything that must agree with it."""

import re
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs import changelog
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
    assert DATA["registryOverrides"]["cloud"]["enabled"] is False  # until Airbyte has an app of its own
    assert (ROOT / "source_tiktok_organic" / "manifest.yaml").is_file()
    assert not (ROOT / "manifest.yaml").exists()


def test_versions_agree() -> None:
    """The tag, the row of the changelog and the page of a release, and the version that Terraform installs."""
    version, day, _ = next(changelog.versions())
    assert (DATA["dockerImageTag"], str(DATA["releaseDate"])) == (version, day)
    variables = (ROOT / "examples" / "terraform" / "variables.tf").read_text()
    defaults = dict(re.findall(r'variable "(\w+)" \{[^}]*?default += "([^"]*)"', variables))
    assert (defaults["connector_version"], defaults["image_repository"]) == (version, DATA["dockerRepository"])
