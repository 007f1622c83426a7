"""Lays the connector out in a checkout of airbytehq/airbyte, and runs Airbyte's checks on it there.

    python -m integration_tests.airbyte.pull_request <python> <checkout> [package | manifest-only]

<python> needs the packages of qa_requirements.txt; `make airbyte-pr` installs them. The standard tests (FAST) read a
sandbox. They can't with the manifest-only form, because its manifest contains TikTok's URL: this command only lays it
out, and test_manifest_only.py reads it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from integration_tests.acceptance import acceptance_sandbox
from integration_tests.airbyte.checkout import (
    CONFIG,
    CONNECTORS,
    PAGE,
    ROOT,
    SECRET,
    lay_out,
    lay_out_manifest_only,
)
from integration_tests.airbyte.manifest_only import BASE_IMAGE, LOST
from integration_tests.airbyte.qa import check

COMMAND = Path(sys.executable).with_name("airbyte-cdk")
ONLY_AIRBYTE = f"""
{{connector}} and {PAGE} are ready to commit. Only Airbyte can add:
- the secret {SECRET}, with which its CI reads the live API: a TikTok sandbox app, and an account that authorized it.
  A refresh token can be used only once, so its CI must store the config that the connector emits;
- the image on Docker Hub, the entry in the registry, and the comparison of both with the published ones;
- Airbyte's own app for authentication on Airbyte Cloud, then `registryOverrides.cloud.enabled` in metadata.yaml;
- the decision on pull request #77520, which uses the same name for another TikTok API: `name` in metadata.yaml."""

DIGEST = f"""
Airbyte's QA checks require the digest of the base image in metadata.yaml, as <image>:<tag>@<digest>. This prints it:
  docker buildx imagetools inspect {BASE_IMAGE}"""


def main(python: str, repository: Path, form: str = "package") -> int:
    """Lay the connector out and check it; returns 0 on success."""
    if not (repository / CONNECTORS).is_dir():
        print(f"{repository} isn't a checkout of airbytehq/airbyte: it has no {CONNECTORS}.")  # noqa: T201
        return 2
    if form not in ("package", "manifest-only"):
        print(f"FORM must be package or manifest-only, not {form}.")  # noqa: T201
        return 2
    if form == "manifest-only":
        connector = lay_out_manifest_only(repository)
        print(LOST)  # noqa: T201
        failed = 0
    else:
        connector = lay_out(repository)
        failed = standard_tests(connector) or check(python, repository)
    if not failed:
        print(ONLY_AIRBYTE.format(connector=connector.relative_to(repository)))  # noqa: T201
    if form == "manifest-only":
        print(DIGEST)  # noqa: T201
    return failed


def standard_tests(connector: Path) -> int:
    """Run Airbyte's command for the standard tests, and remove the files that it leaves."""
    secret = connector / SECRET
    secret.parent.mkdir()
    shutil.copy(ROOT / CONFIG, secret)
    try:
        with acceptance_sandbox() as sandbox:
            env = {**os.environ, "TIKTOK_API_BASE_URL": sandbox.base_url, "PYTHONPATH": str(connector)}
            return subprocess.run(
                [COMMAND, "connector", "test", "--pytest-arg=-rs", connector], env=env, cwd=connector
            ).returncode
    finally:
        for name in ("secrets", ".tmp", "build"):
            shutil.rmtree(connector / name, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
