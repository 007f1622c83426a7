"""Runs Airbyte's Connector Acceptance Tests at high strictness on this connector's command, against a sandbox.

    python -m integration_tests.airbyte.acceptance <python> <folder of connector-acceptance-test>

The tests, version 3.9.8, are not on PyPI: they are the folder
airbyte-integrations/bases/connector-acceptance-test of Airbyte's repository. <python> has acceptance_requirements.txt,
what they were written for; `make airbyte-acceptance` sees to it. `process_container.py` lets them run without Docker.
Tests that compare with a published version are left out.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from integration_tests.acceptance import acceptance_sandbox
from integration_tests.airbyte.checkout import ROOT, copy_into

PLUGIN = "integration_tests.airbyte.process_container"
SCRIPT = Path(sys.executable).with_name("source-tiktok-organic")
OPTIONS = ["--acceptance-test-config=.", "-rs", "-m", "not backward_compatibility"]
PLUGINS = ["-p", PLUGIN, "-p", "connector_acceptance_test.plugin", "-p", "no:cacheprovider"]


def main(python: str, tests: str) -> int:
    """Run the tests and return their exit code."""
    with TemporaryDirectory() as folder, acceptance_sandbox() as sandbox:
        copy = copy_into(Path(folder), certified=True)
        _expect_records(copy / "acceptance-test-config.yml")
        env = {
            **os.environ,
            "CONNECTOR_COMMAND": str(SCRIPT),
            "CONNECTOR_DOCKERFILE": str(ROOT / "docker" / "Dockerfile"),
            "TIKTOK_API_BASE_URL": sandbox.base_url,
            "PYTHONPATH": os.pathsep.join([str(copy), tests]),
        }
        # An ini file of their own: this project's options are for a later pytest.
        (copy / "pytest.ini").write_text("[pytest]\n")
        options = [*OPTIONS, *PLUGINS, "-c", "pytest.ini"]
        return subprocess.run([python, "-m", "pytest", *options], env=env, cwd=copy).returncode


def _expect_records(path: Path) -> None:
    """Add the key that these tests ask for at high strictness, and the standard tests of airbyte-cdk 7.39 refuse."""
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    for test in config["acceptance_tests"]["basic_read"]["tests"]:
        test["expect_records"] = {"path": "integration_tests/expected_records.jsonl"}
    path.write_text(yaml.safe_dump(config))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
