"""The example in examples/terraform/, against what its provider publishes and what the connector's spec has.

`terraform validate` wants the provider from a registry; here provider_schema.json stands for it, an extract of the
provider's documentation.
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

from source_tiktok_organic.source import load_manifest

FOLDER = Path(__file__).parents[1] / "examples" / "terraform"
SCHEMA = json.loads((FOLDER / "provider_schema.json").read_text())
META_ARGUMENTS = {"for_each", "lifecycle"}
SECRETS = ("airbyte_client_id", "airbyte_client_secret", "tiktok_client_key", "tiktok_client_secret", "refresh_tokens")


def plain(value: Any) -> Any:
    """Without the quotes and the marks that hcl2 leaves in."""
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
def test_given_a_resource_when_compared_with_the_provider_then_it_takes_each_argument(kind: str) -> None:
    schema, given = SCHEMA["resources"][kind], set(RESOURCES[kind]) - META_ARGUMENTS
    assert given <= {*schema["required"], *schema["optional"]}
    assert set(schema["required"]) <= given
    for name, nested in schema.get("nested", {}).items():
        assert set(nested["required"]) <= set(RESOURCES[kind][name]) <= {*nested["required"], *nested["optional"]}
    for name, values in schema.get("values", {}).items():
        literals = re.findall(r'"(\w+)"', RESOURCES[kind][name]) or [RESOURCES[kind][name]]
        assert set(literals) <= set(values)


def test_given_references_between_resources_when_followed_then_the_provider_has_what_they_name() -> None:
    references = re.findall(r"\b(airbyte_\w+)\.\w+(?:\[[^]]*\])?\.(\w+)", TEXT)
    assert {kind for kind, _ in references} == {"airbyte_source_definition", "airbyte_source"}
    assert [(k, name) for k, name in references if name not in SCHEMA["resources"][k]["computed"]] == []


def test_given_variables_when_used_then_each_is_declared_and_each_declared_one_is_used() -> None:
    assert set(re.findall(r"\bvar\.(\w+)", TEXT)) == set(VARIABLES)
    declared = set(
        chain.from_iterable(block for name in ("main.tf", "schedules.tf") for block in blocks(name, "locals"))
    )
    assert set(re.findall(r"\blocal\.(\w+)", TEXT)) == declared
    assert {name for name, body in VARIABLES.items() if body.get("sensitive")} == set(SECRETS)
    assert [name for name, body in VARIABLES.items() if not body.get("description")] == []


def test_given_the_provider_block_when_compared_with_the_provider_then_it_takes_each_argument() -> None:
    (provider,) = blocks("versions.tf", "provider")
    assert set(provider["airbyte"]) <= set(SCHEMA["provider"]["optional"])


def test_given_the_streams_when_compared_with_the_connector_then_it_has_them_with_their_keys() -> None:
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


def test_given_the_configuration_when_compared_with_the_spec_then_it_has_each_property() -> None:
    spec = load_manifest()["spec"]["connection_specification"]["properties"]
    text = RESOURCES["airbyte_source"]["configuration"]
    (optional,) = re.findall(r"for key in \[([^]]*)\]", text)
    (credentials,) = re.findall(r"credentials = \{([^}]*)\}", text)
    names = set(re.findall(r'"(\w+)"', optional))
    assert names <= set(spec)
    assert names <= set(re.findall(r"(\w+) *= optional", (FOLDER / "variables.tf").read_text()))
    assert set(re.findall(r"(\w+) =", credentials)) == set(spec["credentials"]["oneOf"][0]["required"])


def test_given_a_rotated_refresh_token_when_applied_again_then_terraform_leaves_it_alone() -> None:
    assert RESOURCES["airbyte_source"]["lifecycle"][0]["ignore_changes"] == ["configuration"]


@pytest.mark.skipif(shutil.which("terraform") is None, reason="NOT TESTED: layout and schedules, no terraform here")
def test_given_three_accounts_when_evaluated_by_terraform_then_minutes_apart_and_over_midnight(tmp_path: Path) -> None:
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
