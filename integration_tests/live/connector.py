"""The installed command, for the proof; apart, because the CDK that comes with it takes seconds to load."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from integration_tests.command import SCRIPT
from integration_tests.connector import Connector
from source_tiktok_organic.config import BASE_URL_VARIABLE
from unit_tests.outcome import Outcome, read_outcome

LONGEST_RUN_S = 1_800  # a limit of 30 a minute leaves time for 900 pages


@dataclass(frozen=True)
class Installed(Connector):
    """The command as a process, against whatever API it is pointed to."""

    base_url: str

    def execute(self, argv: Sequence[str]) -> Outcome:
        """Run the command to its end."""
        env = {**os.environ, BASE_URL_VARIABLE: self.base_url}
        done = subprocess.run(
            [SCRIPT, *argv], env=env, capture_output=True, text=True, timeout=LONGEST_RUN_S, check=False
        )
        return read_outcome(done.stdout, done.returncode, done.stderr)
