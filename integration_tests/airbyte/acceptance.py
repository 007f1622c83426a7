"""Runs Airbyte's Connector Acceptance Tests at high strictness on this connector's command, against a sandbox.

    python -m integration_tests.airbyte.acceptance <python> <folder of connector-acceptance-test>

The tests, version 3.9.8, are not on PyPI: they are in the folder
airbyte-integrations/bases/connector-acceptance-test of Airbyte's repository. <python> needs the packages of
acceptance_requirements.txt, for which the tests were written; `make airbyte-acceptance` installs them.
`process_container.py` makes the tests run without Docker. Skips the tests that compare with a published version, and
those of the documentation.
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
COMMANDS = Path(sys.executable).parent  # contains the connector's command
OPTIONS = ["--acceptance-test-config=.", "-rs", "-m", "not backward_compatibility"]
DOCUMENTATION = "They require a template's wording, which Airbyte's QA checks (make airbyte-qa) have since replaced."
PLUGINS = ["-p", PLUGIN, "-p", "connector_acceptance_test.plugin", "-p", "no:cacheprovider"]


def main(python: str, tests: str) -> int:
    """Run the tests and return their exit code."""
    with TemporaryDirectory() as folder, acceptance_sandbox() as sandbox:
        copy = copy_into(Path(folder), certified=True)
        _extend_config(copy / "acceptance-test-config.yml")
        env = {
            **os.environ,
            "PATH": os.pathsep.join([str(COMMANDS), os.environ["PATH"]]),
            "CONNECTOR_DOCKERFILE": str(ROOT / "docker" / "Dockerfile"),
            "TIKTOK_API_BASE_URL": sandbox.base_url,
            "PYTHONPATH": os.pathsep.join([str(copy), tests]),
        }
        # Their own ini file, because this project's options need a later pytest.
        (copy / "pytest.ini").write_text("[pytest]\n")
        options = [*OPTIONS, *PLUGINS, "-c", "pytest.ini"]
        return subprocess.run([python, "-m", "pytest", *options], env=env, cwd=copy).returncode


def _extend_config(path: Path) -> None:
    """Add entries that these tests require at high strictness, and other readers of the file reject.

    airbyte-cdk 7.39 rejects `expect_records`, and `checkout.py` a section without tests.
    """
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    sections = config["acceptance_tests"]
    for test in sections["basic_read"]["tests"]:
        test["expect_records"] = {"path": "integration_tests/expected_records.jsonl"}
    sections["connector_documentation"] = {"bypass_reason": DOCUMENTATION}
    path.write_text(yaml.safe_dump(config))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
