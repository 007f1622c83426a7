"""Runs Airbyte's connector QA checks on this connector at support level 300, in a copy of Airbyte's repository.

    python -m integration_tests.airbyte.qa <connectors-qa command> <checkout of airbytehq/airbyte>

The checks are not on PyPI; `make airbyte-qa` installs them from the checkout. They look for the connector and its page
of the documentation where that repository has them. unit_tests/test_metadata.py asks the same of the metadata, the icon
and the packaging, so that `make test` does not depend on them.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from integration_tests.airbyte.checkout import NAME, ROOT, copy_into

PAGE = Path("docs/integrations/sources/tiktok-organic.md")


def main(command: str, airbyte: str) -> int:
    """Run the checks and return their exit code; the checkout itself is left as it is."""
    with TemporaryDirectory() as folder:
        repository = Path(folder) / "airbyte"
        subprocess.run(["git", "clone", "--quiet", "--shared", airbyte, repository], check=True)
        connector = copy_into(repository / "airbyte-integrations" / "connectors")
        _as_certified(connector / "metadata.yaml")
        (repository / PAGE).write_text((ROOT / PAGE).read_text())
        # Two of the checks look images up and want the names of these variables to be set.
        env = {"DOCKER_HUB_USERNAME": "", "DOCKER_HUB_PASSWORD": "", **os.environ}
        return subprocess.run([command, "run", f"--name={NAME}"], env=env, cwd=repository).returncode


def _as_certified(metadata: Path) -> None:
    text = metadata.read_text().replace("    sl: 100\n", "    sl: 300\n")
    metadata.write_text(text.replace("supportLevel: community", "supportLevel: certified"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
