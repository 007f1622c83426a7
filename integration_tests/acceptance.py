"""The sandbox and the files that `acceptance-test-config.yml` is written for."""

import json
from pathlib import Path
from typing import Any

from sandbox import Sandbox, Settings

FOLDER = Path(__file__).parent
# Everything the same in each run, as the configs, the state and the expected records are kept in files. The configs are
# used many times over, so a refresh token has to work more than once.
SETTINGS = Settings(fixed_tokens=True, rotate_refresh_tokens=False, now=1_767_225_600, videos=60, years=2.0)


def acceptance_sandbox() -> Sandbox:
    """The sandbox for the kept configs."""
    return Sandbox(SETTINGS)


def kept(path: str) -> Any:
    """The content of a kept JSON file, named from this folder."""
    return json.loads((FOLDER / path).read_text())
