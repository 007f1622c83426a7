"""The example in examples/terraform/ against its provider's documentation and the connector's spec.

`terraform validate` needs the provider from a registry; here provider_schema.json, an extract of the provider's
documentation, stands in for it. Where there is a terraform, it plans the example with its own resource `terraform_data`
in place of the provider's.
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
DOCS = Path(__file__).parents[1] / "docs"
SCHEMA = json.loads((FOLDER / "provider_schema.json").read_text())
META_ARGUMENTS = {"for_each", "lifecycle"}
TOKENS = ("refresh_tokens", "access_tokens")
SECRETS = ("airbyte_client_id", "airbyte_client_secret", "tiktok_client_key", "tiktok_client_secret", *TOKENS)


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
    (credentials,) = re.findall(r"credentials = \{(.*?)\}", text, re.DOTALL)
    names = set(re.findall(r'"(\w+)"', optional))
    assert names <= set(spec)
    assert names <= set(re.findall(r"(\w+) *= optional", (FOLDER / "variables.tf").read_text()))
    oauth = spec["credentials"]["oneOf"][0]
    assert set(re.findall(r"(\w+) += ", credentials)) == set(oauth["required"])


def test_nothing_that_holds_tokens_or_state_can_be_lost() -> None:
    lifecycles = {kind: resource["lifecycle"][0] for kind, resource in RESOURCES.items()}
    assert [kind for kind, lifecycle in lifecycles.items() if lifecycle["prevent_destroy"] is not True] == []
    assert lifecycles["airbyte_source"]["ignore_changes"] == "all"


@pytest.mark.skipif(shutil.which("jq") is None, reason="NOT TESTED: there is no jq here")
def test_command_of_the_docs_collects_the_tokens(tmp_path: Path) -> None:
    (function,) = re.findall(r"\$ (tokens\(\) \{.*\})$", (DOCS / "deploy.md").read_text(), re.MULTILINE)
    (tmp_path / "accounts").mkdir()
    for name in ("brand-de", "brand-fr"):
        config = {"credentials": {"refresh_token": f"rft.{name}", "access_token": f"act.{name}"}, "num_workers": 5}
        (tmp_path / "accounts" / f"{name}.json").write_text(json.dumps(config, indent=2))
    command = ["bash", "-c", f"{function}; tokens refresh_token; tokens access_token"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    first, second = done.stdout.replace("}\n{", "}\n\n{").split("\n\n")
    assert json.loads(first) == {"brand-de": "rft.brand-de", "brand-fr": "rft.brand-fr"}
    assert json.loads(second) == {"brand-de": "act.brand-de", "brand-fr": "act.brand-fr"}


needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason="NOT TESTED: there is no terraform here")
GIVEN = dict.fromkeys(
    ("airbyte_url", "workspace_id", "destination_id", "airbyte_client_id", "airbyte_client_secret"), "x"
)
REFERENCES = {
    "airbyte_source_definition.tiktok_organic.id": "terraform_data.source_definition.id",
    "airbyte_source.account[each.key].source_id": "terraform_data.source[each.key].id",
}


def terraform(folder: Path, *command: str, **variables: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command of terraform in a folder."""
    values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in variables.items()}
    options = [f"-var={name}={value}" for name, value in values.items()]
    return subprocess.run(["terraform", *command, *options], cwd=folder, capture_output=True, text=True, check=False)


def stand_in(resource: str) -> str:
    """A resource of the example as a `terraform_data`, whose `input` is what the provider would be given."""
    head, *lines, _ = resource.splitlines()
    (name,) = re.findall(r'"airbyte_(\w+)"', head)
    text = "\n".join(lines) + "\n"
    (lifecycle,) = re.findall(r"^  lifecycle \{\n.*?^  \}\n", text, re.MULTILINE | re.DOTALL)
    meta = [lifecycle, *re.findall(r"^  for_each .*\n", text, re.MULTILINE)]
    for part in meta:
        text = text.replace(part, "")
    return f'resource "terraform_data" "{name}" {{\n{"".join(meta)}  input = {{\n{text}  }}\n}}\n'


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example without its provider, ready to be planned."""
    for name in ("variables.tf", "schedules.tf"):
        shutil.copy(FOLDER / name, tmp_path)
    text = (FOLDER / "main.tf").read_text()
    text = re.sub(r"^resource .*?^\}$", lambda found: stand_in(found[0]), text, flags=re.MULTILINE | re.DOTALL)
    for theirs, ours in REFERENCES.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    (tmp_path / "main.tf").write_text(text)
    terraform(tmp_path, "init", "-input=false")
    return tmp_path


def accounts(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


def applied(folder: Path) -> dict[str, Any]:
    """Two accounts applied; returns the variables of the next run, which has no secret of the first."""
    first = {"refresh_tokens": {"a": "rft.a", "b": "rft.b"}, "access_tokens": {"a": "act.a"}}
    keys = {"tiktok_client_key": "key", "tiktok_client_secret": "secret"}
    options = ("apply", "-auto-approve", "-input=false")
    done = terraform(folder, *options, **GIVEN, **first, **keys, accounts=accounts("a", "b"))
    assert done.returncode == 0, done.stderr
    return {**GIVEN, "accounts": accounts("a", "b")}


def changes(folder: Path, **variables: Any) -> dict[str, list[str]]:
    """What a plan would do: the actions by resource, without what stays as it is."""
    planned = terraform(folder, "plan", "-input=false", "-out=plan", **variables)
    assert planned.returncode == 0, planned.stderr
    plan = json.loads(terraform(folder, "show", "-json", "plan").stdout)
    actions = {change["address"]: change["change"]["actions"] for change in plan["resource_changes"]}
    return {address: action for address, action in actions.items() if action != ["no-op"]}


@needs_terraform
def test_new_source_has_both_tokens(example: Path) -> None:
    applied(example)
    state = json.loads(terraform(example, "show", "-json").stdout)["values"]["root_module"]["resources"]
    inputs = {resource["address"]: resource["values"]["input"] for resource in state}
    credentials = json.loads(inputs['terraform_data.source["a"]']["configuration"])["credentials"]
    assert credentials == {
        "auth_type": "oauth2.0",
        "client_key": "key",
        "client_secret": "secret",
        "refresh_token": "rft.a",
        "access_token": "act.a",
    }
    assert inputs["terraform_data.source_definition"]["docker_repository"] == "airbyte/source-tiktok-organic"


@needs_terraform
def test_a_run_without_secrets_changes_nothing(example: Path) -> None:
    assert changes(example, **applied(example)) == {}


@needs_terraform
def test_new_account_and_version_leave_the_others_alone(example: Path) -> None:
    given = applied(example)
    given |= {"accounts": accounts("a", "b", "c"), "connector_version": "0.3.0", "image_repository": "elsewhere/image"}
    given |= {"refresh_tokens": {"c": "rft.c"}, "tiktok_client_key": "key", "tiktok_client_secret": "secret"}

    assert changes(example, **given) == {
        "terraform_data.source_definition": ["update"],
        'terraform_data.source["c"]': ["create"],
        'terraform_data.connection["c"]': ["create"],
    }


@needs_terraform
def test_no_change_of_an_account_sends_its_used_token(example: Path) -> None:
    given = applied(example)
    given |= {"workspace_id": "y", "accounts": [{"name": "a", "start_date": "2026-01-01"}, {"name": "b"}]}
    assert changes(example, **given) == {"terraform_data.source_definition": ["update"]}


@needs_terraform
@pytest.mark.parametrize("option", ["removed", '-replace=terraform_data.source["a"]'], ids=["removed", "replaced"])
def test_no_source_is_destroyed_by_mistake(option: str, example: Path) -> None:
    given = applied(example)
    if option == "removed":
        refused = terraform(example, "plan", "-input=false", **{**given, "accounts": accounts("b")})
    else:
        refused = terraform(example, "plan", "-input=false", option, **given)
    assert (refused.returncode, "Instance cannot be destroyed" in refused.stderr) == (1, True)


@needs_terraform
def test_an_account_leaves_after_it_left_the_state(example: Path) -> None:
    given = applied(example)
    removed = terraform(example, "state", "rm", 'terraform_data.source["a"]', 'terraform_data.connection["a"]')
    assert removed.returncode == 0, removed.stderr
    changed = changes(example, **{**given, "accounts": accounts("b")})
    assert changed == {'terraform_data.connection["b"]': ["update"]}  # its place in the schedule


@needs_terraform
def test_tokens_without_the_apps_key_are_refused(example: Path) -> None:
    refused = terraform(example, "plan", "-input=false", **GIVEN, accounts=accounts("a"), refresh_tokens={"a": "rft.a"})
    assert refused.returncode == 1
    assert "A new source needs tiktok_client_key and tiktok_client_secret" in " ".join(refused.stderr.split())


@needs_terraform
def test_schedules_are_minutes_apart_over_midnight(tmp_path: Path) -> None:
    for name in ("variables.tf", "schedules.tf"):
        shutil.copy(FOLDER / name, tmp_path)
    given = {**GIVEN, "first_sync_at": "23:58", "accounts": json.dumps(accounts("a", "b", "c"))}
    options = [f"-var={name}={value}" for name, value in given.items()]

    subprocess.run(["terraform", "fmt", "-check", "-diff", FOLDER], check=True)
    asked = "jsonencode(local.cron_of_account)"
    command = ["terraform", "console", *options]
    done = subprocess.run(command, cwd=tmp_path, input=asked, capture_output=True, text=True, check=True)

    assert json.loads(json.loads(done.stdout)) == {"a": "0 58 23 * * ?", "b": "0 0 0 * * ?", "c": "0 2 0 * * ?"}
