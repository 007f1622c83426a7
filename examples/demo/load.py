"""PyAirbyte: check, discover and read with the installed connector, into DuckDB."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from examples.demo import DemoError
from examples.demo.account import Account
from examples.demo.listener import Listener
from examples.demo.months import bar
from examples.demo.steps import Step, Steps

if TYPE_CHECKING:
    from airbyte import Source

CONNECTOR = "source-tiktok-organic"
STREAMS = ["user_info", "videos"]
SCHEMA = "tiktok"
RECORDS_PER_UPDATE = 20
BAR_CELLS = 20
LOGS = "AIRBYTE_LOGGING_ROOT"


def load(steps: Steps, account: Account, database: Path, work: Path) -> None:
    """Read both streams of an account into a new DuckDB file.

    Args:
        steps: shows what is under way.
        account: what is read.
        database: the DuckDB file; an old one is removed.
        work: a folder for PyAirbyte's logs and temporary files; emptied first.

    Raises:
        DemoError: with the connector's own reason, when it fails.
    """
    _prepare(work)
    for old in (database, database.with_name(database.name + ".wal")):
        old.unlink(missing_ok=True)
    listener = Listener(on_config=account.keep)
    with _quiet(work / "pyairbyte.log"):
        with steps.step("PyAirbyte", "loading") as step:
            import airbyte  # noqa: F401 - takes seconds, so it gets a step of its own

            step.done = f"version {version('airbyte')}"
        with _failures_explained(listener):
            source = _source(account, listener)
            _check(steps, source)
            _discover(steps, source)
            _read(steps, source, listener, database)


def _prepare(work: Path) -> None:
    """Before PyAirbyte's import: no telemetry, no look-ups in the registry, and no files outside `work`.

    It writes the config, secrets included, into temporary files that everybody may read, hence the mode of the folder.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    places = ("AIRBYTE_PROJECT_DIR", "AIRBYTE_CACHE_ROOT", LOGS, "AIRBYTE_TEMP_DIR")
    os.environ.update(dict.fromkeys(places, str(work.resolve())))
    os.environ.update({"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1", "NO_LIVE_PROGRESS": "1"})


@contextmanager
def _quiet(path: Path) -> Iterator[None]:
    """PyAirbyte prints where its logs are and more, on both streams: into a file, as `Steps` shows what is going on."""
    with path.open("w", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        yield


@contextmanager
def _failures_explained(listener: Listener) -> Iterator[None]:
    from airbyte.exceptions import PyAirbyteError

    try:
        yield
    except PyAirbyteError as error:
        cause = _root_of(error)
        if isinstance(cause, DemoError):
            raise cause from None
        said = cause.get_message() if isinstance(cause, PyAirbyteError) else cause
        raise DemoError(listener.problem or f"PyAirbyte failed: {said} Its logs are in {os.environ[LOGS]}.") from error


def _root_of(error: Exception) -> Exception:
    """What PyAirbyte has wrapped, often more than once."""
    inner = getattr(error, "original_exception", None)
    return _root_of(inner) if inner else error


def _source(account: Account, listener: Listener) -> Source:
    import airbyte

    command = Path(sys.executable).with_name(CONNECTOR)
    if not command.exists():
        raise DemoError(f"The connector is not installed: there is no {command}.")
    source = airbyte.get_source(CONNECTOR, config=account.config, local_executable=command)
    source.executor.execute = listener.read_along(source.executor.execute)
    keep = listener.on_config

    def keep_and_use(config: dict) -> None:
        # In the file first. PyAirbyte would start the next command with the used-up token.
        keep(config)
        source.set_config(config, validate=False)

    listener.on_config = keep_and_use
    return source


def _check(steps: Steps, source: Source) -> None:
    with steps.step("check", "asking TikTok whether the sign-in works") as step:
        source.check()
        step.done = "TikTok accepts the sign-in"


def _discover(steps: Steps, source: Source) -> None:
    with steps.step("discover", "asking the connector what there is to read") as step:
        source.select_streams(STREAMS)
        columns = [f"{stream.name} ({len(stream.json_schema['properties'])} columns)" for stream in _found(source)]
        step.done = f"streams {' and '.join(columns)}"


def _found(source: Source) -> list:
    return [stream for stream in source.discovered_catalog.streams if stream.name in STREAMS]


def _read(steps: Steps, source: Source, listener: Listener, database: Path) -> None:
    from airbyte.caches import DuckDBCache

    cache = DuckDBCache(db_path=database, schema_name=SCHEMA, cache_dir=Path(os.environ["AIRBYTE_CACHE_ROOT"]))
    with steps.step("read", "starting the connector") as step:
        listener.on_record = lambda: _show_progress(step, listener)
        # Appended, not merged by primary key: a video that came twice is to be seen. Validated by `check` already.
        source.read(cache, force_full_refresh=True, write_strategy="append", skip_validation=True)
        cache.close()
        step.done = f"{listener.counts['user_info']:,} profile and {listener.counts['videos']:,} videos in {database}"


def _show_progress(step: Step, listener: Listener) -> None:
    count, total = listener.counts["videos"], listener.expected_videos
    if count % RECORDS_PER_UPDATE:
        return
    text = f"{count:,} of {total:,} videos" if total else f"{count:,} videos"
    drawn = bar(min(count, total), total, BAR_CELLS) if total else ""
    step.show(text, on_terminal=f"{drawn:<{BAR_CELLS}} {text}")
