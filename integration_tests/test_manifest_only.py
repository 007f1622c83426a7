"""The connector as the two files of a manifest-only connector, in the CDK's runner and in the Connector Builder's.

The runner is that of this environment, and that of Airbyte's base image, whose CDK `make manifest-only` installs. Of
`LOST` in airbyte/manifest_only.py, the tests assert the emitted config, the windows and the state.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from airbyte_cdk.connector_builder.main import handle_request
from airbyte_cdk.utils.yaml_loader import safe_load_yaml

from integration_tests.airbyte.checkout import ROOT
from integration_tests.airbyte.manifest_only import BASE_CDK, BASE_IMAGE, write
from integration_tests.clients import config_of
from integration_tests.conftest import StartSandbox
from integration_tests.expected_messages import of_token_error
from integration_tests.truth import expected_videos, videos
from sandbox import Sandbox
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.command_result import Outcome
from unit_tests.connector import Command, read_files, write_files

CUSTOM_CODE = "AIRBYTE_ENABLE_UNSAFE_CODE"
MODULES = ("components", "source_declarative_manifest.components")


RUNNER = "source-declarative-manifest"
OWN_RUNNER = Path(sys.executable).with_name(RUNNER)
BASE_IMAGE_RUNNER = ROOT / ".venv-manifest-only" / "bin" / RUNNER


class ManifestOnly(Command):
    """The same command lines for the CDK's runner, with the two files in the folder of the test."""

    def execute(self, argv: Sequence[str]) -> Outcome:
        return super().execute([*argv, "--manifest-path=manifest.yaml", "--components-path=components.py"])


Runner = Callable[[Sandbox], ManifestOnly]


@pytest.fixture
def manifest_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Runner:
    """The runner for a sandbox, whose address replaces TikTok's in the manifest."""
    program = getattr(request, "param", OWN_RUNNER)

    def runner(sandbox: Sandbox) -> ManifestOnly:
        monkeypatch.setenv(CUSTOM_CODE, "true")
        write(tmp_path)
        manifest = tmp_path / "manifest.yaml"
        manifest.write_text(manifest.read_text().replace("https://open.tiktokapis.com", sandbox.base_url))
        return ManifestOnly(sandbox.base_url, tmp_path, (program,))

    return runner


# The base image has another version of the CDK: `make clients-test` installs it and runs these tests.
BASE = pytest.param(BASE_IMAGE_RUNNER, id="base_image", marks=pytest.mark.clients)
both = pytest.mark.parametrize("manifest_only", [pytest.param(OWN_RUNNER, id="here"), BASE], indirect=True)


@both
def test_two_files_read_both_streams(start_sandbox: StartSandbox, manifest_only: Runner) -> None:
    sandbox = start_sandbox(videos=300, years=2)

    outcome = manifest_only(sandbox).read(config_of(sandbox))

    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert videos(outcome) == expected_videos(sandbox)
    # Not available in this form: a state after every few pages, and windows split between workers.
    newest = str(max(video["create_time"] for video in sandbox.account.videos))
    assert {state["states"][0]["cursor"]["create_time"] for state in outcome.states} == {newest}
    cursors = [request.body["cursor"] for request in sandbox.requests_to(LIST)[1:]]
    assert cursors == sorted(cursors, reverse=True)
    # Nor an emitted config without the manifest in it.
    assert [set(config) for config in outcome.configs] == [{"credentials", "__injected_declarative_manifest"}]


@both
def test_two_files_continue_from_a_state(start_sandbox: StartSandbox, manifest_only: Runner) -> None:
    """It requests one page of five: the others are older than the lookback."""
    sandbox = start_sandbox(videos=100, years=2)
    runner = manifest_only(sandbox)
    first = runner.read(config_of(sandbox))
    new = sandbox.account.post()
    before = len(sandbox.requests_to(LIST))

    second = runner.read(config_of(sandbox), state=first.states[-1])

    assert (second.exit_code, second.errors) == (0, [])
    assert new["id"] in {video["id"] for video in second.records("videos")}
    assert len(sandbox.requests_to(LIST)) - before == 1


@both
def test_two_files_report_a_rejected_token(start_sandbox: StartSandbox, manifest_only: Runner) -> None:
    sandbox = start_sandbox(videos=3)
    config = config_of(sandbox)
    sandbox.expire_refresh_tokens()
    outcome = manifest_only(sandbox).read(config)
    assert (outcome.exit_code, outcome.errors[0]) == (1, of_token_error("invalid_grant"))


@pytest.mark.clients
def test_base_image_has_the_named_cdk() -> None:
    command = "import importlib.metadata as m; print(m.version('airbyte-cdk'))"
    printed = subprocess.run([BASE_IMAGE_RUNNER.with_name("python"), "-c", command], capture_output=True, text=True)
    assert printed.stdout.strip() == BASE_CDK
    assert BASE_IMAGE.endswith(f":{BASE_CDK}")


@pytest.mark.parametrize("stream", ["user_info", "videos"])
def test_connector_builder_reads_two_files(
    stream: str, start_sandbox: StartSandbox, manifest_only: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = start_sandbox(videos=30)
    manifest_only(sandbox)
    for module in MODULES:  # which the CDK registers permanently
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
    code = (tmp_path / "components.py").read_text()
    config = {
        **config_of(sandbox),
        "__command": "test_read",
        "__injected_declarative_manifest": safe_load_yaml((tmp_path / "manifest.yaml").read_text()),
        "__injected_components_py": code,
        "__injected_components_py_checksums": {"sha256": hashlib.sha256(code.encode()).hexdigest()},
    }
    files = {**read_files(config, [stream]), "state": []}

    response = json.loads(handle_request(["read", *write_files(tmp_path, files)]))

    read = response["record"]["data"]
    found = [record for part in read["slices"] for page in part["pages"] for record in page["records"]]
    expected = {"user_info": [sandbox.account.user], "videos": expected_videos(sandbox)}[stream]
    assert ([row for row in expected if row not in found], len(found)) == ([], len(expected))


def test_two_files_need_no_package(tmp_path: Path) -> None:
    """The tests above would not notice an import of the package, which is installed here."""
    write(tmp_path)
    assert {path.name: "source_tiktok_organic" in path.read_text() for path in tmp_path.iterdir()} == {
        "components.py": False,
        "manifest.yaml": False,
    }
