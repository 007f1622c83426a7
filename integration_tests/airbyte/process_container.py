"""A pytest plugin for Airbyte's Connector Acceptance Tests 3.9.8: runs the connector's command instead of a container.

Those tests start a Dagger engine, which needs Docker. `ProcessContainer` implements the part that they use. The plugin
runs in their environment, not in this project's. PATH must contain the connector's command. CONNECTOR_DOCKERFILE is the
path of the file with the image's labels, variables and entrypoint.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

TIMEOUT = 600  # s
DATA = "/airbyte/data"  # the tests' folder in the container


@dataclass(frozen=True)
class ProcessContainer:
    """The part of `dagger.Container` that the tests use.

    As there, each change returns a new container, and nothing runs before a result is requested.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()

    def __await__(self) -> "Generator[None, None, ProcessContainer]":
        yield from ()
        return self

    def with_env_variable(self, name: str, value: str) -> "ProcessContainer":
        return replace(self, env={**self.env, name: value})

    def with_user(self, name: str) -> "ProcessContainer":
        """Ignored: the command runs as the user who started the tests."""
        return self

    def with_new_file(self, path: str, contents: str, owner: str) -> "ProcessContainer":
        """The owner is ignored, like the user."""
        return replace(self, files={**self.files, path: contents})

    def with_exec(self, args: list[str]) -> "ProcessContainer":
        """Only the last command is run: the one before it creates DATA, which already exists here."""
        return replace(self, command=tuple(args))

    async def stdout(self) -> str:
        with tempfile.TemporaryDirectory() as folder:
            return self.run(folder).stdout

    def file(self, path: str) -> "OutputFile":
        return OutputFile(self, path)

    def run(self, data: str) -> "subprocess.CompletedProcess[str]":
        """Run the command with the folder `data` in place of DATA."""
        for path, contents in self.files.items():
            Path(path.replace(DATA, data)).write_text(contents)
        args = [part.replace(DATA, data) for part in self.command]
        env = {**os.environ, **self.env}
        return subprocess.run(args, env=env, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=True)

    async def label(self, name: str) -> str:
        return _in_dockerfile(rf"LABEL {re.escape(name)}=(.*)")

    async def env_variable(self, name: str) -> str:
        return self.env.get(name) or _in_dockerfile(rf"ENV {re.escape(name)}=(.*)")

    async def entrypoint(self) -> list[str]:
        return re.findall(r'"([^"]*)"', _in_dockerfile(r"ENTRYPOINT \[(.*)\]"))


@dataclass(frozen=True)
class OutputFile:
    """The part of `dagger.File` that the tests use."""

    container: ProcessContainer
    path: str

    async def export(self, path: str) -> None:
        """Run the container's command and copy the file that it wrote."""
        with tempfile.TemporaryDirectory() as folder:
            self.container.run(folder)
            shutil.copy(self.path.replace(DATA, folder), path)


def _in_dockerfile(pattern: str) -> str:
    """The last match, because the last stage is the image."""
    return re.findall(f"^{pattern}$", Path(os.environ["CONNECTOR_DOCKERFILE"]).read_text(), re.MULTILINE)[-1]


class NoEngine:
    """Replaces `dagger.Connection`: there is nothing to connect to."""

    def __init__(self, config: Any = None) -> None:
        pass

    async def __aenter__(self) -> "NoEngine":
        return self

    async def __aexit__(self, *error: object) -> None:
        pass


def pytest_configure() -> None:
    """Replace Dagger's connection and container."""
    import dagger
    from connector_acceptance_test.utils import connector_runner

    async def container(client: object, image: str) -> ProcessContainer:
        return ProcessContainer()

    dagger.Connection = NoEngine
    connector_runner.get_connector_container = container
