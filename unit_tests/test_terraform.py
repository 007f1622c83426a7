"""The example in examples/terraform/: the provider accepts it, and no apply can lose a token or a state.

provider_schema.json is an extract of the provider's documentation, as `terraform validate` needs a registry.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import pytest

from source_tiktok_organic.config import load_manifest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "terraform"
SCHEMA = json.loads((FOLDER / "provider_schema.json").read_text())
META_ARGUMENTS = {"for_each", "lifecycle"}


def plain(value: Any) -> Any:
    """The value without the quotes and markers that hcl2 keeps."""
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.strip('"') if isinstance(value, str) else value


with (FOLDER / "main.tf").open() as main:
    MAIN: dict[str, Any] = plain(hcl2.load(main))
RESOURCES: dict[str, Any] = {
    kind: next(iter(named.values())) for block in MAIN["resource"] for kind, named in block.items()
}


@pytest.mark.parametrize("kind", list(RESOURCES))
def test_provider_knows_each_resource_argument(kind: str) -> None:
    schema, given = SCHEMA["resources"][kind], set(RESOURCES[kind]) - META_ARGUMENTS
    assert given <= {*schema["required"], *schema["optional"]}
    assert set(schema["required"]) <= given
    for name, nested in schema.get("nested", {}).items():
        assert set(nested["required"]) <= set(RESOURCES[kind][name]) <= {*nested["required"], *nested["optional"]}
    for name, values in schema.get("values", {}).items():
        literals = re.findall(r'"(\w+)"', RESOURCES[kind][name]) or [RESOURCES[kind][name]]
        assert set(literals) <= set(values)


def test_resources_with_tokens_or_state_are_protected() -> None:
    lifecycles = {kind: resource["lifecycle"][0] for kind, resource in RESOURCES.items()}
    assert [kind for kind, lifecycle in lifecycles.items() if lifecycle["prevent_destroy"] is not True] == []
    assert lifecycles["airbyte_source"]["ignore_changes"] == "all"


def test_streams_match_the_connector() -> None:
    (streams,) = (block["streams"] for block in MAIN["locals"])
    definitions = load_manifest()["definitions"]["streams"]
    assert [stream["name"] for stream in streams] == list(definitions)
    for stream in streams:
        definition = definitions[stream["name"]]
        assert set(stream) == set(SCHEMA["stream"]["keys"])
        assert stream["sync_mode"] in SCHEMA["stream"]["sync_modes"]
        assert stream["primary_key"] in (None, [definition["primary_key"]])
        cursor = definition.get("incremental_sync", {}).get("cursor_field")
        assert stream["cursor_field"] == (cursor and [cursor])


@pytest.mark.skipif(shutil.which("jq") is None, reason="NOT TESTED: jq is not installed")
def test_documented_command_collects_the_tokens(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    (function,) = re.findall(r"\$ (tokens\(\) \{.*\})$", page, re.MULTILINE)
    (tmp_path / "accounts").mkdir()
    for name in ("brand-de", "brand-fr"):
        config = {"credentials": {"refresh_token": f"rft.{name}", "access_token": f"act.{name}"}, "num_workers": 5}
        (tmp_path / "accounts" / f"{name}.json").write_text(json.dumps(config, indent=2))
    command = ["bash", "-c", f"{function}; tokens refresh_token; tokens access_token"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    first, second = done.stdout.replace("}\n{", "}\n\n{").split("\n\n")
    assert json.loads(first) == {"brand-de": "rft.brand-de", "brand-fr": "rft.brand-fr"}
    assert json.loads(second) == {"brand-de": "act.brand-de", "brand-fr": "act.brand-fr"}
