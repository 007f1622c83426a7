"""Runs dbt to build and test the models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from examples.sync import SyncError
from examples.sync.steps import Steps
from examples.sync.warehouse import Warehouse

PACKAGE = Path(__file__).parents[1] / "dbt"
MAX_LINES = 15
ODD_ROWS = "tiktok_organic__odd_rows"


def build(steps: Steps, warehouse: Warehouse, work: Path) -> list[str]:
    """Build the models and test them; dbt replaces each one only after its new version is complete.

    Returns:
        A sentence for each test with findings, except for `odd_rows`, which the report shows.

    Raises:
        SyncError: with dbt's output, if a model fails.
    """
    command = [Path(sys.executable).with_name("dbt"), "--no-use-colors", "--quiet", "build"]
    target = work.resolve() / "target"
    places = {"DBT_TARGET_PATH": target, "DBT_LOG_PATH": work.resolve(), "DBT_PROFILES_DIR": PACKAGE}
    env = {**os.environ, **warehouse.dbt, **places, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    with steps.step("models", "dbt builds and tests them") as step:
        built = subprocess.run(command, cwd=PACKAGE, env=env, capture_output=True, text=True, check=False)
        if built.returncode:
            output = "\n".join((built.stdout + built.stderr).splitlines()[-MAX_LINES:])
            raise SyncError(f"dbt could not build the models; the previous ones are unchanged. Its output:\n{output}")
        step.done = f"growth by day, and what is gone, in {warehouse.name}"
    return _findings(json.loads((target / "run_results.json").read_text(encoding="utf-8")))


def _findings(run: dict[str, list[dict[str, object]]]) -> list[str]:
    tests = [result for result in run["results"] if result["status"] == "warn"]
    return [
        f"The test {str(test['unique_id']).split('.')[2]} found {test['failures']} rows."
        for test in tests
        if ODD_ROWS not in str(test["unique_id"])
    ]
