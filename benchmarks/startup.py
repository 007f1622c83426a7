"""The start-up time: `spec` compared with a bare `import airbyte_cdk`, in the connector's environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.environments import python
from benchmarks.readers import CONNECTOR, launch
from benchmarks.results import Run

COMMANDS: dict[str, tuple[str | Path, ...]] = {
    "import": (python("connector"), "-c", "import airbyte_cdk"),
    "spec": (CONNECTOR, "spec"),
}


def runs(repeat: int) -> Iterator[tuple[str, Run]]:
    """Run both alternately, after one uncounted round that compiles the bytecode."""
    with TemporaryDirectory() as name:
        for number in range(repeat + 1):
            for kind, command in COMMANDS.items():
                usage = launch(command, Path(name))
                problems = (f"exit code {usage.exit_code}",) if usage.exit_code else ()
                if number:
                    yield kind, Run(usage.seconds, usage.cpu, usage.memory, problems=problems)
