"""Runs `airbyte-cdk connector test` on a copy of the checkout named source-tiktok-organic, against a sandbox.

It skips the image tests, which need a Docker engine; `make image-test` needs none.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from integration_tests.acceptance import acceptance_sandbox
from integration_tests.airbyte.checkout import copy_into

COMMAND = Path(sys.executable).with_name("airbyte-cdk")


def main() -> int:
    """Run the command and return its exit code."""
    with TemporaryDirectory() as folder, acceptance_sandbox() as sandbox:
        copy = copy_into(Path(folder))
        for_pytest = ["--pytest-arg=-m", "--pytest-arg=not image_tests and not nightly and not clients"]
        env = {**os.environ, "TIKTOK_API_BASE_URL": sandbox.base_url, "PYTHONPATH": str(copy)}
        return subprocess.run([COMMAND, "connector", "test", *for_pytest, f"{copy}"], env=env, cwd=copy).returncode


if __name__ == "__main__":
    sys.exit(main())
