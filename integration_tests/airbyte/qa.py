"""Runs Airbyte's connector QA checks on this connector at support level 300.

    python -m integration_tests.airbyte.qa <python>

<python> needs the packages of qa_requirements.txt; `make airbyte-qa` installs them. The checks expect the connector and
its documentation page at their paths in Airbyte's repository, so they run in a folder with that layout. With
DOCKER_HUB_USERNAME and DOCKER_HUB_PASSWORD in the environment, they compare with the published versions; without, see
`unpublished.py`.
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
