"""PyAirbyte: one account, read with the installed connector and appended to the warehouse."""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from examples.sync import SyncError, interrupt
from examples.sync.account import Account, Json
from examples.sync.listener import Listener
from examples.sync.warehouse import SYNCS, Warehouse

if TYPE_CHECKING:
    from airbyte import Source

Show = Callable[[int, "int | None"], None]
CONNECTOR = "source-tiktok-organic"
STREAMS = ["user_info", "videos"]
RECORDS_PER_UPDATE = 20
LOGS = "AIRBYTE_LOGGING_ROOT"
LATEST = "select state from {schema}.tiktok_syncs where sign_in = :sign_in order by finished_at desc limit 1"
ENDED_WELL = """
insert into {schema}.tiktok_syncs
values (:sign_in, :open_id, :reading_id, :started_at, :finished_at, :covers_from, :state)
"""


def prepare(work: Path) -> None:
    """Before PyAirbyte's import: no telemetry, no look-ups in the registry, and no files outside `work`.

    It writes the config, secrets included, into temporary files that everybody may read, hence the mode of the folder.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700, parents=True)
    places = ("AIRBYTE_PROJECT_DIR", "AIRBYTE_CACHE_ROOT", LOGS, "AIRBYTE_TEMP_DIR")
    os.environ.update(dict.fromkeys(places, str(work.resolve())))
    os.environ.update({"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1", "NO_LIVE_PROGRESS": "1"})


@contextmanager
def quiet(work: Path) -> Iterator[None]:
    """PyAirbyte prints where its logs are and more, on both streams: into a file, as `Steps` shows what is going on."""
    with (work / "pyairbyte.log").open("a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        yield


def read(account: Account, warehouse: Warehouse, work: Path, show: Show = lambda count, total: None) -> Counter[str]:
    """Append what the account holds now, and write down that the sync ended well; the number of rows by stream.

    Args:
        account: what is read.
        warehouse: where it goes.
        work: the folder that was prepared.
        show: called now and then with how many videos were read, and how many there are, if that is known.

    Raises:
        SyncError: with the connector's own reason, when it fails; no sync is written down then.
    """
    listener = Listener(on_config=account.keep, lag=account.lag)
    listener.on_record = lambda: _show_progress(show, listener)
    with quiet(work), _failures_explained(listener):
        _append(account, warehouse, listener, work)
    return listener.counts


def _append(account: Account, warehouse: Warehouse, listener: Listener, work: Path) -> None:
    from examples.sync.state import Memory

    warehouse.run("create schema if not exists {schema}")
    warehouse.run(SYNCS)
    full = account.full_read_is_due(datetime.now(timezone.utc))
    before = "" if full else next((row["state"] for row in warehouse.run(LATEST, sign_in=account.name)), "")
    memory, started = Memory(before), _now(account)
    cache = warehouse.cache(memory, work)
    try:
        # Appended, as every reading is history.
        _source(account, listener).read(cache, write_strategy="append", skip_validation=True)
    finally:
        cache.close()
    if not listener.complete >= set(STREAMS):  # PyAirbyte takes a connector that SIGTERM ended for a success
        raise SyncError("The connector was stopped before it had read everything. The next run reads it.")
    state = json.loads(before)["stream"]["stream_state"] if before else {}
    warehouse.run(
        ENDED_WELL,
        sign_in=account.name,
        open_id=listener.open_id,
        reading_id=uuid.uuid4().hex,
        started_at=started,
        finished_at=_now(account),
        covers_from=account.covers_from(listener.open_id, state),
        state=memory.text,
    )


def _now(account: Account) -> datetime:
    return datetime.fromtimestamp(time.time() - account.lag, timezone.utc).replace(tzinfo=None)


@contextmanager
def _failures_explained(listener: Listener) -> Iterator[None]:
    from airbyte.exceptions import PyAirbyteError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (PyAirbyteError, SQLAlchemyError) as error:
        if interrupt.was_pressed():
            raise KeyboardInterrupt from None
        cause = _root_of(error)
        if isinstance(cause, SyncError):
            raise cause from None
        said = cause.get_message() if isinstance(cause, PyAirbyteError) else cause
        raise SyncError(listener.problem or f"PyAirbyte failed: {said} Its logs are in {os.environ[LOGS]}.") from error


def _root_of(error: Exception) -> Exception:
    """What PyAirbyte has wrapped, often more than once."""
    inner = getattr(error, "original_exception", None)
    return _root_of(inner) if inner else error


def _source(account: Account, listener: Listener) -> Source:
    import airbyte
    import pandas

    # For Postgres, PyAirbyte reads JSON lines with pandas, which would turn ids into numbers, create_time into dates.
    pandas.read_json = functools.partial(pandas.read_json, dtype=False, convert_dates=False)
    command = Path(sys.executable).with_name(CONNECTOR)
    if not command.exists():
        raise SyncError(f"The connector is not installed: there is no {command}.")
    source = airbyte.get_source(CONNECTOR, config=account.config, local_executable=command, streams=STREAMS)
    source.executor.execute = listener.read_along(source.executor.execute)
    keep = listener.on_config

    def keep_and_use(config: Json) -> None:
        # In the file first. PyAirbyte would start the next command with the used-up token.
        keep(config)
        source.set_config(config, validate=False)

    listener.on_config = keep_and_use
    return source


def _show_progress(show: Show, listener: Listener) -> None:
    count = listener.counts["videos"]
    if count and count % RECORDS_PER_UPDATE == 0:
        show(count, listener.expected_videos)
