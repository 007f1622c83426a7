"""What a person does in a shell: the README's commands as written, files from pipes, mistakes, no network."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from integration_tests.conftest import StartSandbox
from integration_tests.expected_messages import NO_RESPONSE_IN_CHECK
from integration_tests.truth import expected_ids, video_ids
from sandbox import Sandbox
from unit_tests.command_result import Outcome, read_outcome
from unit_tests.connector import SCRIPT, Command
from unit_tests.markdown import shell_commands

ROOT = Path(__file__).parents[1]
Commands = Callable[[Sandbox], Command]


def at_the_shell(commands: str, folder: Path, base_url: str) -> "subprocess.CompletedProcess[str]":
    """Run commands in bash, with the installed ones first on its path; it stops at the first failure."""
    path = f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "TIKTOK_API_BASE_URL": base_url}
    argv = ["bash", "-euo", "pipefail", "-c", commands]
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=120)


def printed(folder: Path, name: str) -> Outcome:
    """The output of a command in a file."""
    return read_outcome((folder / name).read_text(), 0)


def test_readme_commands_work_day_after_day(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    sandbox = start_sandbox(videos=60)
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "config.json").write_text(json.dumps(sandbox.config(lookback_window_days=0)))
    commands = shell_commands(ROOT / "README.md", "source-tiktok-organic read")
    for _ in range(2):
        done = at_the_shell(commands, tmp_path, sandbox.base_url)
        assert (done.returncode, done.stderr) == (0, "")
        first, next_day = printed(tmp_path, "first.jsonl"), printed(tmp_path, "next.jsonl")
        modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("first.jsonl", "next.jsonl")}
        assert modes == {"first.jsonl": 0o600, "next.jsonl": 0o600}  # tokens may be in them
        assert first.records("user_info") == next_day.records("user_info") == [sandbox.account.user]
        assert video_ids(first) == expected_ids(sandbox)
        assert video_ids(next_day) == expected_ids(sandbox)[-1:]
        sandbox.advance(86_400)


def test_files_may_be_pipes(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """A pipe can be read only once."""
    sandbox = start_sandbox(videos=60)
    newest = max(video["create_time"] for video in sandbox.account.videos)
    account = {"open_id": sandbox.account.user["open_id"]}
    state = {"states": [{"partition": account, "cursor": {"create_time": str(newest)}}]}
    for name, content in {"config": sandbox.access_token_config(lookback_window_days=0), "state": state}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    commands = """source-tiktok-organic read --config <(cat config.json) --state <(cat state.json) \\
        --catalog <(source-tiktok-organic discover --config config.json)"""

    done = at_the_shell(commands, tmp_path, sandbox.base_url)

    outcome = read_outcome(done.stdout, done.returncode, done.stderr)
    assert (outcome.exit_code, outcome.errors, outcome.stderr) == (0, [], "")
    assert video_ids(outcome) == expected_ids(sandbox, since=newest)
    assert outcome.records("user_info") == [sandbox.account.user]


def test_config_error_prints_one_sentence(start_sandbox: StartSandbox, command: Commands) -> None:
    outcome = command(start_sandbox()).execute(["read", "--config", "nowhere.json"])
    sentence = "The config file nowhere.json can't be read: No such file or directory."
    assert (outcome.exit_code, outcome.errors) == (1, [("config_error", sentence)])
    assert outcome.stderr == sentence + "\n"
    assert [log["message"] for log in outcome.of("LOG")] == [sentence]
    assert "Traceback" in outcome.of("TRACE")[0]["error"]["stack_trace"]


def test_check_without_network_fails_soon(start_sandbox: StartSandbox, command: Commands) -> None:
    sandbox = start_sandbox()
    run, config = command(sandbox), sandbox.access_token_config()
    sandbox.stop()
    start = time.monotonic()
    outcome = run.check(config)
    _, message = NO_RESPONSE_IN_CHECK
    assert outcome.of("CONNECTION_STATUS") == [{"status": "FAILED", "message": message}]
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert "Traceback" not in outcome.logs
    assert time.monotonic() - start < 30  # a read retries for 63 s
