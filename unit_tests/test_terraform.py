"""The example in examples/terraform/ against its provider's documentation and the connector's spec.

`terraform validate` needs the provider from a registry; here provider_schema.json, an extract of the provider's
documentation, stands in for it.
"""

import json
import re
import shutil
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any

import hcl2
import pytest

from source_tiktok_organic.config import load_manifest

FOLDER = Path(__file__).parents[1] / "examples" / "terraform"
SCHEMA = json.loads((FOLDER / "provider_schema.json").read_text())
META_ARGUMENTS = {"for_each", "lifecycle"}
SECRETS = ("airbyte_client_id", "airbyte_client_secret", "tiktok_client_key", "tiktok_client_secret", "refresh_tokens")


def plain(value: Any) -> Any:
    """The value without the quotes and markers that hcl2 leaves in."""
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.strip('"') if isinstance(value, str) else value


def blocks(name: str, kind: str) -> list[Any]:
    with (FOLDER / name).open() as file:
        return list(plain(hcl2.load(file)).get(kind, []))


RESOURCES: dict[str, Any] = {
    kind: next(iter(named.values())) for block in blocks("main.tf", "resource") for kind, named in block.items()
}
VARIABLES: dict[str, Any] = {name: body for block in blocks("variables.tf", "variable") for name, body in block.items()}
TEXT = "".join(path.read_text() for path in sorted(FOLDER.glob("*.tf")))


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


def test_references_name_computed_attributes() -> None:
    references = re.findall(r"\b(airbyte_\w+)\.\w+(?:\[[^]]*\])?\.(\w+)", TEXT)
    assert {kind for kind, _ in references} == {"airbyte_source_definition", "airbyte_source"}
    assert [(k, name) for k, name in references if name not in SCHEMA["resources"][k]["computed"]] == []


def test_variables_are_declared_and_used() -> None:
    assert set(re.findall(r"\bvar\.(\w+)", TEXT)) == set(VARIABLES)
    declared = set(
        chain.from_iterable(block for name in ("main.tf", "schedules.tf") for block in blocks(name, "locals"))
    )
    assert set(re.findall(r"\blocal\.(\w+)", TEXT)) == declared
    assert {name for name, body in VARIABLES.items() if body.get("sensitive")} == set(SECRETS)
    assert [name for name, body in VARIABLES.items() if not body.get("description")] == []


def test_provider_block_has_known_arguments() -> None:
    (provider,) = blocks("versions.tf", "provider")
    assert set(provider["airbyte"]) <= set(SCHEMA["provider"]["optional"])


def test_streams_match_the_connector() -> None:
    (streams,) = (block["streams"] for block in blocks("main.tf", "locals"))
    manifest = load_manifest()
    assert [stream["name"] for stream in streams] == list(manifest["definitions"]["streams"])
    for stream in streams:
        definition = manifest["definitions"]["streams"][stream["name"]]
        assert set(stream) == set(SCHEMA["stream"]["keys"])
        assert stream["sync_mode"] in SCHEMA["stream"]["sync_modes"]
        assert stream["primary_key"] in (None, [definition["primary_key"]])
        cursor = definition.get("incremental_sync", {}).get("cursor_field")
        assert stream["cursor_field"] == (cursor and [cursor])


def test_configuration_matches_the_spec() -> None:
    spec = load_manifest()["spec"]["connection_specification"]["properties"]
    text = RESOURCES["airbyte_source"]["configuration"]
    (optional,) = re.findall(r"for key in \[([^]]*)\]", text)
    (credentials,) = re.findall(r"credentials = \{([^}]*)\}", text)
    names = set(re.findall(r'"(\w+)"', optional))
    assert names <= set(spec)
    assert names <= set(re.findall(r"(\w+) *= optional", (FOLDER / "variables.tf").read_text()))
    assert set(re.findall(r"(\w+) =", credentials)) == set(spec["credentials"]["oneOf"][0]["required"])


def test_rotated_token_is_left_alone() -> None:
    assert RESOURCES["airbyte_source"]["lifecycle"][0]["ignore_changes"] == ["configuration"]


@pytest.mark.skipif(shutil.which("terraform") is None, reason="NOT TESTED: layout and schedules, no terraform here")
def test_schedules_are_minutes_apart_over_midnight(tmp_path: Path) -> None:
    for name in ("variables.tf", "schedules.tf"):
        shutil.copy(FOLDER / name, tmp_path)
    given = {name: "{}" if name == "refresh_tokens" else "x" for name in SECRETS}
    given |= {"first_sync_at": "23:58", "airbyte_url": "x", "workspace_id": "x", "destination_id": "x"}
    given |= {"accounts": json.dumps([{"name": name} for name in "abc"])}
    options = [f"-var={name}={value}" for name, value in given.items()]

    subprocess.run(["terraform", "fmt", "-check", "-diff", FOLDER], check=True)
    command, asked = ["terraform", "console", *options], "jsonencode(local.cron_of_account)"
    done = subprocess.run(command, cwd=tmp_path, input=asked, capture_output=True, text=True, check=True)

    assert json.loads(json.loads(done.stdout)) == {"a": "0 58 23 * * ?", "b": "0 0 0 * * ?", "c": "0 2 0 * * ?"}
