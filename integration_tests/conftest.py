"""Fixtures of the integration tests: a sandbox, the command pointed at it, and short failure reports."""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.warehouse import Warehouse, duckdb, postgres, postgres_server
from sandbox import Sandbox
from unit_tests.command_result import Outcome
from unit_tests.connector import Command, Connector, InProcess
from unit_tests.skipped_time import run_ahead

LONGEST = tuple(f"integration_tests/test_{name}.py" for name in ("properties", "process", "shell"))
LAST_LINES = 5  # that the report of a failed test shows of a run
LONGEST_LINE = 300
StartSandbox = Callable[..., Sandbox]

run_ahead()  # before module-scoped sandboxes start


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
    return lambda sandbox: Command(sandbox.base_url, tmp_path)


@pytest.fixture
def proof_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof of `make live` runs the connector in this process, without its waits."""
    monkeypatch.setattr("unit_tests.connector.Command", lambda base_url, **_: InProcess(base_url))


@pytest.fixture(scope="session")
def postgres_port() -> Iterator[int]:
    """A Postgres server for the tests."""
    with postgres_server() as port:
        yield port


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """An empty warehouse, once of each kind."""
    if request.param == "duckdb":
        return duckdb(tmp_path)
    return postgres(tmp_path, request.getfixturevalue("postgres_port"))


@pytest.fixture(autouse=True)
def _nothing_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKTOK_TOKEN_STORE", raising=False)
    run_ahead()
    Connector.latest.clear()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first, so that no worker is left with one when the others have finished."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
    """Report the outcomes of a failed test's last runs instead of everything the connector logged in this process."""
    report = yield
    report.sections = [(name, text) for name, text in report.sections if not name.startswith("Captured log")]
    if report.failed and hasattr(report.longrepr, "addsection"):
        for outcome in Connector.latest:
            report.longrepr.addsection("the connector", summary(outcome))
    return report


def summary(outcome: Outcome) -> str:
    """A short summary of an outcome: exit code, first error, warnings, the last lines of the log."""
    first = outcome.errors[0] if outcome.errors else outcome.of("CONNECTION_STATUS") or "no error trace"
    logged = [log["message"].partition("\n")[0] for log in outcome.of("LOG")][-LAST_LINES:]
    counts = {stream: len(outcome.records(stream)) for stream in ("user_info", "videos")}
    head = f"exit code {outcome.exit_code}, {len(outcome.errors)} errors, records {counts}"
    lines = [head, str(first), *outcome.warnings[:LAST_LINES], *logged, *outcome.stderr.splitlines()[-LAST_LINES:]]
    return "\n".join(line[:LONGEST_LINE] for line in lines)
