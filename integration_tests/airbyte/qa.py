"""Runs Airbyte's connector QA checks on this connector at support level 300.

    python -m integration_tests.airbyte.qa <python>

<python> has qa_requirements.txt; `make airbyte-qa` sees to it. The checks look for the connector and its page of the
documentation where Airbyte's repository has them, so they get a folder of that shape. With DOCKER_HUB_USERNAME and
DOCKER_HUB_PASSWORD in the environment they compare with what has been published; without, see `unpublished.py`.
The weekly workflow runs them.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from integration_tests.airbyte.checkout import NAME, certify, lay_out

UNPUBLISHED = Path(__file__).with_name("unpublished.py")


def main(python: str) -> int:
    """Run the checks and return their exit code."""
    with TemporaryDirectory() as folder:
        repository = Path(folder) / "airbyte"
        subprocess.run(["git", "init", "--quiet", repository], check=True)
        certify(lay_out(repository))
        return check(python, repository)


def check(python: str, repository: Path) -> int:
    """Run the checks on the connector in a checkout of airbytehq/airbyte."""
    published = [Path(python).with_name("airbyte-ops")] if os.environ.get("DOCKER_HUB_USERNAME") else None
    command = published or [python, "-W", "ignore", UNPUBLISHED]
    return subprocess.run([*command, "local", "connector", "qa", f"--name={NAME}"], cwd=repository).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
