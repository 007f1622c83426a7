"""The image: its labels, what it adds to its base, and each command as Airbyte runs it.

`make image-test` runs these tests; `make test` does not, because they build an image.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration_tests import image
from integration_tests.conftest import StartSandbox
from integration_tests.image import Container
from unit_tests.command_result import Outcome, catalog, read_outcome
from unit_tests.connector import SCRIPT
from unit_tests.markdown import shell_commands

pytestmark = pytest.mark.image_tests

METADATA = (image.ROOT / "metadata.yaml").read_text()
MOST_MB = 250
MOST_TIMES = 1.5


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    missing = image.missing_tools()
    if missing:
        pytest.exit(f"The image cannot be tested without {' and '.join(missing)}: apt-get install them as root.", 2)
    return image.base_image(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def built(base: str) -> str:
    return image.build(base)


@pytest.fixture(scope="module")
def container(built: str) -> Iterator[Container]:
    with image.container(built) as running:
        yield running


def parsed(done: "subprocess.CompletedProcess[str]") -> Outcome:
    return Outcome(
        [json.loads(line) for line in done.stdout.splitlines()], exit_code=done.returncode, stderr=done.stderr
    )


def quickest(*commands: Callable[[], Any]) -> list[float]:
    """The fastest of five runs of each command, alternating (s): other load on the machine can only slow a run down."""
    took: list[list[float]] = [[] for _ in commands]
    for _ in range(5):
        for command, seconds in zip(commands, took, strict=True):
            start = time.monotonic()
            command()
            seconds.append(time.monotonic() - start)
    return [min(seconds) for seconds in took]


def test_image_is_labelled_as_airbyte_expects(built: str) -> None:
    found = image.settings(built)
    env = dict(entry.split("=", 1) for entry in found["Env"])
    for name, key in (("io.airbyte.name", "dockerRepository"), ("io.airbyte.version", "dockerImageTag")):
        assert f"{key}: {found['Labels'][name]}\n" in METADATA
    assert found["Entrypoint"] == ["source-tiktok-organic"]
    assert env["AIRBYTE_ENTRYPOINT"] == " ".join(found["Entrypoint"])
    assert (found["User"], found["WorkingDir"]) == ("airbyte", "/airbyte/integration_code")


def test_image_adds_at_most_250_mb(base: str, built: str) -> None:
    added = image.size(built) - image.size(base)
    print(f"\nThe image adds {added:.0f} MB to its base.")  # noqa: T201
    assert 0 < added <= MOST_MB


def test_spec_is_almost_as_fast_in_the_image(container: Container) -> None:
    outcome = parsed(container.run("source-tiktok-organic", "spec"))
    assert (outcome.exit_code, outcome.stderr, len(outcome.of("SPEC"))) == (0, "", 1)

    inside, outside = quickest(
        lambda: container.run("source-tiktok-organic", "spec"),
        lambda: subprocess.run([SCRIPT, "spec"], capture_output=True, check=True),
    )
    print(f"\nspec takes {inside:.2f} s in the image and {outside:.2f} s outside.")  # noqa: T201
    assert inside <= MOST_TIMES * outside


def test_image_works_with_mounted_files(container: Container, start_sandbox: StartSandbox, tmp_path: Path) -> None:
    sandbox = start_sandbox(videos=300)
    tmp_path.chmod(0o755)  # pytest creates it for root only
    for name, content in {"config": sandbox.config(), "catalog": catalog()}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))

    def run(*argv: str) -> Outcome:
        mounts, env = {tmp_path: "/secrets"}, {"TIKTOK_API_BASE_URL": sandbox.base_url}
        return parsed(container.run("source-tiktok-organic", *argv, mounts=mounts, env=env))

    found = run("discover", "--config", "/secrets/config.json")
    outcome = run("read", "--config", "/secrets/config.json", "--catalog", "/secrets/catalog.json")
    (tmp_path / "config.json").write_text(json.dumps(outcome.configs[-1]))
    checked = run("check", "--config", "/secrets/config.json")

    assert [stream["name"] for stream in found.of("CATALOG")[0]["streams"]] == ["user_info", "videos"]
    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert outcome.records("user_info") == [sandbox.account.user]
    assert {v["id"] for v in outcome.records("videos")} == {v["id"] for v in sandbox.account.videos}
    assert checked.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]


def test_readme_docker_commands_work(container: Container, start_sandbox: StartSandbox, tmp_path: Path) -> None:
    sandbox = start_sandbox(videos=60)
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "config.json").write_text(json.dumps(sandbox.config()))
    (tmp_path / "docker").write_text(image.DOCKER)
    (tmp_path / "docker").chmod(0o755)
    metadata = yaml.safe_load((image.ROOT / "metadata.yaml").read_text())["data"]
    name = f"{metadata['dockerRepository']}:{metadata['dockerImageTag']}"
    ours = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "AS_IMAGE": name, "CONTAINER": container.name}
    env = {**image.ENVIRONMENT, **ours, "TIKTOK_API_BASE_URL": sandbox.base_url}

    commands, again = (
        shell_commands(image.ROOT / name, "docker run") for name in ("README.md", "docs/command-line.md")
    )
    done = subprocess.run(["bash", "-euc", commands], cwd=tmp_path, env=env, capture_output=True, text=True)

    assert (done.returncode, done.stderr, again) == (0, "", commands)
    outcome = read_outcome((tmp_path / "first.jsonl").read_text(), 0)
    assert parsed(done).of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert outcome.records("user_info") == [sandbox.account.user]
    assert {v["id"] for v in outcome.records("videos")} == {v["id"] for v in sandbox.account.videos}


def test_image_user_cannot_write_files(base: str, container: Container) -> None:
    assert container.run("id", "-u").stdout.strip() == "1000"
    with image.container(base) as before:
        assert container.writable() - before.writable() == set()
    assert container.run("touch", "/opt/connector/file").returncode != 0
    assert container.run("touch", "file").returncode != 0
