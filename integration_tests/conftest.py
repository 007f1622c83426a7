"""Fixtures of the integration tests: a sandbox, and the connector's command pointed at it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.command import Command
from sandbox import Sandbox

StartSandbox = Callable[..., Sandbox]


@pytest.fixture
def start_sandbox() -> Iterator[StartSandbox]:
    """Starts sandboxes with the settings that a test needs; a request that breaks TikTok's rules fails the test."""
    started: list[Sandbox] = []

    def start(**settings: Any) -> Sandbox:
        sandbox = Sandbox(**settings)
        sandbox.start()
        started.append(sandbox)
        return sandbox

    yield start
    for sandbox in started:
        sandbox.stop()
    for sandbox in started:
        sandbox.check()


@pytest.fixture
def command(tmp_path: Path) -> Callable[[Sandbox], Command]:
    """The connector's command for a sandbox."""
    return lambda sandbox: Command(sandbox, tmp_path)
