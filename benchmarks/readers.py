"""The compared readers: how to start each, and where to find its videos."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from benchmarks import truth
from benchmarks.environments import PEERS, python

LAUNCHER = Path(__file__).with_name("launch.py")
CONNECTOR = python("connector").with_name("source-tiktok-organic")
TIMEOUT = 1_800  # s; 100,000 videos take ten minutes at 600 requests a minute


@dataclass(frozen=True)
class Reader:
    """One way to read an account's videos.

    Attributes:
        label: for the tables.
        packages: packages whose versions are reported.
        command: the command, run in a folder with config.json and catalog.json.
        ids: returns the video ids that a run wrote to its folder.
    """

    label: str
    packages: tuple[str, ...]
    command: tuple[str | Path, ...]
    ids: Callable[[Path], Iterator[str]]


@dataclass(frozen=True)
class Usage:
    """A process's resource usage: wall and CPU time in s, peak memory in MB."""

    seconds: float
    cpu: float
    memory: float
    exit_code: int


def _stdout(folder: Path) -> Iterator[Any]:
    return truth.lines(folder / "stdout")


def _dlt_files(folder: Path) -> Iterator[Any]:
    for path in (folder / "dlt").rglob("new_jobs/videos.*jsonl"):
        yield from truth.lines(path)


_CDK_ARGUMENTS = ("read", "--config", "config.json", "--catalog", "catalog.json")
CONNECTOR_READ = (CONNECTOR, *_CDK_ARGUMENTS)
READERS = {
    "connector": Reader(
        "this connector",
        ("source-tiktok-organic", "airbyte-cdk"),
        CONNECTOR_READ,
        lambda folder: truth.airbyte_ids(_stdout(folder)),
    ),
    "loop": Reader(
        "plain `requests` loop",
        ("requests",),
        (python("loop"), PEERS / "loop" / "read.py", "config.json"),
        lambda folder: truth.plain_ids(_stdout(folder)),
    ),
    "singer": Reader(
        "Singer SDK tap",
        ("singer-sdk",),
        (python("singer"), PEERS / "singer" / "tap.py", "--config", "config.json"),
        lambda folder: truth.singer_ids(_stdout(folder)),
    ),
    "dlt": Reader(
        "dlt `rest_api`",
        ("dlt",),
        (python("dlt"), PEERS / "dlt" / "read.py", "config.json"),
        lambda folder: truth.plain_ids(_dlt_files(folder)),
    ),
    "low_code": Reader(
        "low-code manifest without windows",
        ("airbyte-cdk",),
        (python("low_code"), PEERS / "low_code" / "read.py", *_CDK_ARGUMENTS),
        lambda folder: truth.airbyte_ids(_stdout(folder)),
    ),
}


def environment(base_url: str = "") -> dict[str, str]:
    """The environment of the connector's image; no telemetry or compression for dlt; the sandbox as TikTok."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "TIKTOK_API_BASE_URL")}
    dlt = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DATA_WRITER__DISABLE_COMPRESSION": "true"}
    image = {"MALLOC_ARENA_MAX": "2"}  # and compiled bytecode
    return {**kept, **dlt, **image, "NO_PROXY": "127.0.0.1"} | ({"TIKTOK_API_BASE_URL": base_url} if base_url else {})


def launch(command: tuple[str | Path, ...], folder: Path, base_url: str = "") -> Usage:
    """Run a reader until it exits; writes its output to `folder`, as stdout and stderr."""
    line = [sys.executable, "-I", LAUNCHER, str(TIMEOUT), "stdout", "stderr", *command]
    done = subprocess.run(line, cwd=folder, env=environment(base_url), check=True, capture_output=True, text=True)
    return Usage(**json.loads(done.stdout))


@cache
def discovered(connector: Path = CONNECTOR) -> dict[str, Any]:
    """The stream `videos` from the connector's catalog."""
    config = {"credentials": {"auth_type": "access_token", "access_token": "act.none"}}
    with NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        command = [connector, "discover", "--config", file.name]
        done = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True)
    catalogs = [m["catalog"] for m in map(json.loads, done.stdout.splitlines()) if m["type"] == "CATALOG"]
    stream: dict[str, Any] = next(stream for stream in catalogs[0]["streams"] if stream["name"] == "videos")
    return stream


def catalog(reader: str, sync_mode: str = "full_refresh") -> dict[str, Any]:
    """A configured catalog with all columns of `videos`."""
    described = {"name": "videos", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
    return configured(discovered() if reader == "connector" else described, sync_mode)


def configured(stream: dict[str, Any], sync_mode: str) -> dict[str, Any]:
    """A configured catalog with all columns of a stream."""
    chosen = {"stream": stream, "sync_mode": sync_mode, "destination_sync_mode": "append"}
    cursor = {"cursor_field": stream.get("default_cursor_field")} if sync_mode == "incremental" else {}
    return {"streams": [chosen | cursor]}
