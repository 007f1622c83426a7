"""dbt: the models over what was read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from examples.sync import SyncError
from examples.sync.steps import Steps
from examples.sync.warehouse import Warehouse

PACKAGE = Path(__file__).parents[1] / "dbt"
LINES_SHOWN = 15


def build(steps: Steps, warehouse: Warehouse, work: Path) -> None:
    """Build the models and test them; each stays as it was until its successor is complete.

    Raises:
        SyncError: with dbt's words, when a model or a test fails.
    """
    command = [Path(sys.executable).with_name("dbt"), "--warn-error", "--no-use-colors", "--quiet", "build"]
    places = {"DBT_TARGET_PATH": work.resolve() / "target", "DBT_LOG_PATH": work.resolve(), "DBT_PROFILES_DIR": PACKAGE}
    env = {**os.environ, **warehouse.dbt, **places, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    with steps.step("models", "dbt builds and tests them") as step:
        built = subprocess.run(command, cwd=PACKAGE, env=env, capture_output=True, text=True, check=False)
        if built.returncode:
            said = "\n".join((built.stdout + built.stderr).splitlines()[-LINES_SHOWN:])
            raise SyncError(f"dbt could not build the models; the previous ones are still there. It says:\n{said}")
        step.done = f"growth by day, and what is gone, in {warehouse.name}"
