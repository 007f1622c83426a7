"""A pytest plugin for Airbyte's Connector Acceptance Tests 3.9: the connector's command takes the place of a container.

Those tests start a Dagger engine, which needs Docker, and use of it what `ProcessContainer` has. Runs in their
environment, not in this project's, and is handed over as environment variables:
CONNECTOR_COMMAND (the console script) and CONNECTOR_DOCKERFILE (whose labels, variables and entrypoint the image gets).
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

TIMEOUT = 600  # s


@dataclass(frozen=True)
class ProcessContainer:
    """What the tests use of a `dagger.Container`; each change makes another one, as there."""

    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()

    def __await__(self) -> "Generator[None, None, ProcessContainer]":
        yield from ()
        return self

    def with_env_variable(self, name: str, value: str) -> "ProcessContainer":
        return replace(self, env={**self.env, name: value})

    def with_new_file(self, path: str, contents: str) -> "ProcessContainer":
        return replace(self, files={**self.files, path: contents})

    def with_exec(self, command: list[str], use_entrypoint: bool = False) -> "ProcessContainer":
        return replace(self, command=tuple(command))

    async def stdout(self) -> str:
        """What the connector's command prints, whatever its exit code; its files lie in a folder of their own."""
        with tempfile.TemporaryDirectory() as folder:
            argv = [os.environ["CONNECTOR_COMMAND"], *(self._placed(part, Path(folder)) for part in self.command)]
            env = {**os.environ, **self.env}
            return subprocess.run(argv, env=env, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT).stdout

    def _placed(self, part: str, folder: Path) -> str:
        if part not in self.files:
            return part
        path = folder / Path(part).name
        path.write_text(self.files[part])
        return str(path)

    async def label(self, name: str) -> str:
        return _in_dockerfile(rf"LABEL {re.escape(name)}=(.*)")

    async def env_variable(self, name: str) -> str:
        return self.env.get(name) or _in_dockerfile(rf"ENV {re.escape(name)}=(.*)")

    async def entrypoint(self) -> list[str]:
        return re.findall(r'"([^"]*)"', _in_dockerfile(r"ENTRYPOINT \[(.*)\]"))


def _in_dockerfile(pattern: str) -> str:
    """The last match, as the last stage is the image."""
    return re.findall(f"^{pattern}$", Path(os.environ["CONNECTOR_DOCKERFILE"]).read_text(), re.MULTILINE)[-1]


class NoEngine:
    """In the place of `dagger.Connection`: there is nothing to connect to."""

    def __init__(self, config: Any = None) -> None:
        pass

    async def __aenter__(self) -> "NoEngine":
        return self

    async def __aexit__(self, *error: object) -> None:
        pass


def pytest_configure() -> None:
    """Put both in the place of Dagger's."""
    import dagger
    from connector_acceptance_test.utils import connector_runner

    async def container(client: object, image: str) -> ProcessContainer:
        return ProcessContainer()

    dagger.Connection = NoEngine
    connector_runner.get_connector_container = container
