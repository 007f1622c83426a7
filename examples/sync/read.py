"""PyAirbyte: one account, read with the installed connector and appended to the warehouse."""

from __future__ import annotations

import functools
import json
import logging
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
from examples.sync.warehouse import STOPPED, SYNCS, Warehouse

if TYPE_CHECKING:
    from airbyte import Source

Show = Callable[[int, "int | None"], None]
CONNECTOR = "source-tiktok-organic"
STREAMS = ["user_info", "videos"]
RECORDS_PER_UPDATE = 20
LOGS = "AIRBYTE_LOGGING_ROOT"
LONGEST_REASON = 200
LATEST = """
select state from (
    select sign_in, finished_at as ended_at, state from {schema}.tiktok_syncs
    union all
    select sign_in, stopped_at as ended_at, state from {schema}.tiktok_stopped
) as syncs
where sign_in = :sign_in
order by ended_at desc
limit 1
"""
WAS_STOPPED = "insert into {schema}.tiktok_stopped values (:sign_in, :stopped_at, :state)"
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
    """PyAirbyte prints where its logs are and more, on both streams: into a file, as `Steps` shows what is going on.

    So does the CDK with what any library logs, past `sys.stdout`: SQLAlchemy's tracebacks among it.
    """
    root = logging.getLogger()
    before = root.handlers[:]
    with (work / "pyairbyte.log").open("a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        root.handlers[:] = [logging.StreamHandler(log)]
        try:
            yield
        finally:
            root.handlers[:] = before


def read(
    account: Account,
    warehouse: Warehouse,
    work: Path,
    show: Show = lambda count, total: None,
    warn: Callable[[str], None] = lambda warning: None,
) -> Counter[str]:
    """Append what the account holds now, and write down that the sync ended well; the number of rows by stream.

    Args:
        account: what is read.
        warehouse: where it goes.
        work: the folder that was prepared.
        show: called now and then with how many videos were read, and how many there are, if that is known.
        warn: called with each warning of the connector, however the read ends.

    Raises:
        SyncError: with the connector's own reason, when it fails; no sync is written down then.
    """
    listener = Listener(on_config=account.keep, lag=account.lag)
    listener.on_record = lambda: _show_progress(show, listener)
    try:
        with quiet(work), _failures_explained(listener):
            _append(account, warehouse, listener, work)
    finally:
        for warning in listener.warnings:
            warn(warning)
    return listener.counts


def _append(account: Account, warehouse: Warehouse, listener: Listener, work: Path) -> None:
    from examples.sync.state import Memory

    warehouse.run("create schema if not exists {schema}")
    warehouse.run(SYNCS)
    warehouse.run(STOPPED)
    before = next((row["state"] for row in warehouse.run(LATEST, sign_in=account.name)), "")
    continues_a_stopped_one = '"slices"' in before
    if account.full_read_is_due(datetime.now(timezone.utc)) and not continues_a_stopped_one:
        before = ""
    memory = Memory(before)
    started = _now(account)
    there = {stream: warehouse.rows_by_account(stream) for stream in STREAMS}
    cache = warehouse.cache(memory, work)
    try:
        # Appended, as every reading is history.
        _source(account, listener).read(cache, write_strategy="append", skip_validation=True)
    finally:
        cache.close()
    _compare(listener, warehouse, there)
    if not listener.complete >= set(STREAMS):
        # Its rows are in the warehouse, so the next run need not read them again.
        if memory.text != before:
            warehouse.run(WAS_STOPPED, sign_in=account.name, stopped_at=_now(account), state=memory.text)
        raise SyncError(listener.problem or "The connector was stopped before it had read everything.")
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


def _compare(listener: Listener, warehouse: Warehouse, before: dict[str, dict[str, int]]) -> None:
    """Whether each record is a row now. Before the state is written down: what is lost is read again."""
    for stream, heard in listener.counts.items():
        added = warehouse.rows_by_account(stream).get(listener.open_id, 0) - before[stream].get(listener.open_id, 0)
        if added != heard:
            raise SyncError(
                f"{heard:,} records of {stream} were read, and {added:,} rows were written to {warehouse.name}. "
                "The next run reads them again."
            )


def _now(account: Account) -> datetime:
    return datetime.fromtimestamp(time.time() - account.lag, timezone.utc).replace(tzinfo=None)


@contextmanager
def _failures_explained(listener: Listener) -> Iterator[None]:
    from airbyte.exceptions import PyAirbyteError
    from airbyte.shared.sql_processor import SQLRuntimeError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (PyAirbyteError, SQLAlchemyError, SQLRuntimeError) as error:
        if interrupt.was_pressed():
            raise KeyboardInterrupt from None
        cause = _root_of(error)
        if isinstance(cause, SyncError):
            raise cause from None
        logs = f"Its logs are in {os.environ[LOGS]}."
        raise SyncError(listener.problem or f"{_described(cause)} {logs}") from error


def _described(cause: BaseException) -> str:
    """The reason in one line. Without the SQL, which holds what people wrote."""
    from airbyte.exceptions import PyAirbyteError
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(cause, PyAirbyteError):
        return f"PyAirbyte failed: {cause.get_message()}"
    if isinstance(cause, SQLAlchemyError):
        first = _first_of(cause)
        return f"The database failed: {first_line(getattr(first, 'orig', None) or first)}."
    return f"PyAirbyte failed: {type(cause).__name__}: {first_line(cause)}."


def _first_of(error: BaseException) -> BaseException:
    """The first of several errors of the database: a rollback that fails too does not say why there was one."""
    from sqlalchemy.exc import SQLAlchemyError

    first = error
    while error.__context__:
        error = error.__context__
        if isinstance(error, SQLAlchemyError):
            first = error
    return first


def first_line(error: BaseException) -> str:
    """What an error says, as part of a sentence."""
    lines = str(error).splitlines() or [""]
    line = lines[0].strip().rstrip(".")
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"


def _root_of(error: BaseException) -> BaseException:
    """What PyAirbyte has wrapped, often more than once."""
    from airbyte.shared.sql_processor import SQLRuntimeError

    # Its own message is the statement, with the rows in it.
    inner = error.__context__ if isinstance(error, SQLRuntimeError) else getattr(error, "original_exception", None)
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
