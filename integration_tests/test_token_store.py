"""The token store with real processes: one config for all of them, and each CONNECTOR_CONFIG dropped."""

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from integration_tests import expected_messages
from integration_tests.conftest import StartSandbox
from integration_tests.truth import expected_ids, video_ids
from integration_tests.waiting import wait_for
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.command_result import Outcome, read_outcome
from unit_tests.connector import Command, InProcess

DAY_S = 86_400
Commands = Callable[[Sandbox], Command]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of every process of a test."""
    folder = tmp_path / "tokens"
    monkeypatch.setenv("TIKTOK_TOKEN_STORE", str(folder))
    return folder


@contextmanager
def at_once(processes: Sequence["subprocess.Popen[str]"]) -> Iterator[list[Any]]:
    """The futures of the outputs of processes that run in parallel."""
    with ThreadPoolExecutor() as pool:
        try:
            yield [pool.submit(process.communicate, timeout=60) for process in processes]
        finally:
            for process in processes:
                process.kill()


def outcomes_of(processes: Sequence["subprocess.Popen[str]"], outputs: Sequence[Any]) -> list[Outcome]:
    ended = zip(processes, [output.result() for output in outputs], strict=True)
    return [read_outcome(out, process.returncode, err) for process, (out, err) in ended]


def token_statuses(sandbox: Sandbox) -> list[int]:
    return [request.status for request in sandbox.requests_to(TOKEN)]


def test_two_processes_share_one_refresh(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=300, latency=0.1, token_latency=1.0)
    run, config = command(sandbox), sandbox.config()
    processes = [run.start("read", *run.files(config)) for _ in range(2)]
    with at_once(processes) as outputs:
        outcomes = outcomes_of(processes, outputs)

    assert [(o.exit_code, o.errors, o.stderr) for o in outcomes] == [(0, [], "")] * 2
    assert [video_ids(o) for o in outcomes] == [expected_ids(sandbox)] * 2
    assert (token_statuses(sandbox), sorted(len(o.configs) for o in outcomes)) == ([200], [0, 1])


def test_two_processes_refresh_in_turn(start_sandbox: StartSandbox, command: Commands) -> None:
    """Tokens expire after two seconds, and are also revoked: both processes refresh several times."""
    sandbox = start_sandbox(videos=500, latency=0.4, access_token_lifetime=2)
    run, config = command(sandbox), sandbox.config(num_workers=4)
    processes = [run.start("read", *run.files(config)) for _ in range(2)]
    with at_once(processes) as outputs:
        wait_for(lambda: len(sandbox.requests_to(LIST)) > 10)
        sandbox.revoke_access_tokens()
        outcomes = outcomes_of(processes, outputs)

    assert [(o.exit_code, o.errors) for o in outcomes] == [(0, [])] * 2
    assert [video_ids(o) for o in outcomes] == [expected_ids(sandbox)] * 2
    assert len(token_statuses(sandbox)) >= 3
    assert {*token_statuses(sandbox)} == {200}
    assert sum(len(o.configs) for o in outcomes) == len(token_statuses(sandbox))


def test_unchanged_config_works_for_days(start_sandbox: StartSandbox) -> None:
    """`check`, then a daily sync three times; every emitted config is dropped."""
    sandbox = start_sandbox(videos=40)
    connector, config, state = InProcess(sandbox.base_url), sandbox.config(), None
    (checked,) = connector.check(config).of("CONNECTION_STATUS")
    found = []
    for day in range(3):
        outcome = connector.read(config, state=state)
        found.append((outcome.errors, video_ids(outcome)))
        state = outcome.states[-1]
        assert outcome.records("user_info") == [sandbox.account.user]
        sandbox.account.post(title=f"of day {day + 1}")
        sandbox.advance(DAY_S)
    last = connector.read(config, "videos", state=state)

    assert checked["status"] == "SUCCEEDED"
    assert [errors for errors, _ in found] == [[], [], []]
    assert len({*found[0][1]}) == 40
    assert expected_ids(sandbox)[-3:] == video_ids(last)[-3:]
    assert (token_statuses(sandbox), last.errors) == ([200] * 4, [])


def test_second_sync_fails_without_a_store(start_sandbox: StartSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason for the store."""
    monkeypatch.delenv("TIKTOK_TOKEN_STORE")
    sandbox = start_sandbox(videos=3)
    connector, config = InProcess(sandbox.base_url), sandbox.config()
    connector.check(config)
    assert connector.read(config, "user_info").errors[0] == expected_messages.of_token_error("invalid_grant")


def test_signal_waits_until_the_token_is_stored(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox(videos=2, token_latency=1.5)
    run, config = command(sandbox), sandbox.config()
    process = run.start("read", *run.files(config))
    with at_once([process]) as outputs:
        wait_for(lambda: sandbox.requests_to(TOKEN))
        process.terminate()
        (first,) = outcomes_of([process], outputs)
    assert (first.exit_code, first.errors) == (-signal.SIGTERM, [])
    resumed = InProcess(sandbox.base_url).read(config, "user_info")
    assert (resumed.errors, resumed.configs, token_statuses(sandbox)) == ([], [], [200])


def test_closed_pipe_loses_no_token(start_sandbox: StartSandbox, command: Commands) -> None:
    """The CONNECTOR_CONFIG can no longer be emitted."""
    sandbox = start_sandbox(videos=2, token_latency=1.5)
    run, config = command(sandbox), sandbox.config()
    with run.start("read", *run.files(config)) as process:
        assert process.stdout is not None
        wait_for(lambda: sandbox.requests_to(TOKEN))
        process.stdout.close()
        assert process.wait(60) == 141
    resumed = InProcess(sandbox.base_url).read(config, "user_info")
    assert (resumed.errors, resumed.configs, token_statuses(sandbox)) == ([], [], [200])


def test_killed_process_leaves_the_store_unlocked(start_sandbox: StartSandbox, command: Commands) -> None:
    """Its lock is released with the process; TikTok has not processed its request."""
    sandbox = start_sandbox(videos=2)
    sandbox.fail(TOKEN, "hang")
    run, config = command(sandbox), sandbox.config()
    with run.start("read", *run.files(config)) as process:
        wait_for(lambda: sandbox.requests_to(TOKEN))
        process.kill()
    assert InProcess(sandbox.base_url).read(config, "user_info").errors == []
