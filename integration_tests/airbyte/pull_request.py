"""Lays the connector out in a checkout of airbytehq/airbyte, and runs Airbyte's checks on it there.

    python -m integration_tests.airbyte.pull_request <python> <checkout> [package | manifest-only]

<python> has qa_requirements.txt; `make airbyte-pr` sees to it. The standard tests (FAST) read a sandbox. Those of the
manifest-only form can't, as its address is in the manifest: it is laid out, and read by test_manifest_only.py.
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
{{connector}} and {PAGE} are ready to be committed. What only Airbyte can add:
- the secret {SECRET}, with which its CI reads the live API: a TikTok sandbox app, and an account that authorized it.
  A refresh token works once, so its CI has to store what the connector emits;
- the image on Docker Hub, the entry in the registry, and the comparison of both with what is published;
- an app of Airbyte's own for authentication on Airbyte Cloud, then `registryOverrides.cloud.enabled` in metadata.yaml;
- the decision on pull request #77520, which has the same name for another API of TikTok's: `name` in metadata.yaml."""

DIGEST = f"""
Airbyte's QA checks want the digest of the base image in metadata.yaml, as in <image>:<tag>@<digest>. This prints it:
  docker buildx imagetools inspect {BASE_IMAGE}"""


def main(python: str, repository: Path, form: str = "package") -> int:
    """Lay the connector out and check it; returns 0 if all is well."""
    if not (repository / CONNECTORS).is_dir():
        print(f"{repository} is no checkout of airbytehq/airbyte: it has no {CONNECTORS}.")  # noqa: T201
        return 2
    if form not in ("package", "manifest-only"):
        print(f"FORM is package or manifest-only, not {form}.")  # noqa: T201
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
    """Run Airbyte's command for them; what it leaves behind is removed."""
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
