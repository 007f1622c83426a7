"""Reads one account with PyAirbyte and the installed connector, and appends its rows to the warehouse."""

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
from examples.sync.warehouse import CREATE_STOPPED, CREATE_SYNCS, Warehouse

if TYPE_CHECKING:
    from airbyte import Source

Show = Callable[[int, "int | None"], None]
CONNECTOR = "source-tiktok-organic"
STREAMS = ["user_info", "videos"]
RECORDS_PER_UPDATE = 20
LOGS = "AIRBYTE_LOGGING_ROOT"
MAX_REASON_LENGTH = 200
LATEST_STATE = """
select state from (
    select sign_in, finished_at as ended_at, state from {schema}.tiktok_syncs
    union all
    select sign_in, stopped_at as ended_at, state from {schema}.tiktok_stopped
) as syncs
where sign_in = :sign_in
order by ended_at desc
limit 1
"""
INSERT_STOPPED = "insert into {schema}.tiktok_stopped values (:sign_in, :stopped_at, :state)"
INSERT_SYNC = """
insert into {schema}.tiktok_syncs
values (:sign_in, :open_id, :reading_id, :started_at, :finished_at, :covers_from, :state)
"""


def prepare(work: Path) -> None:
    """Configure PyAirbyte before its import: no telemetry, no registry look-ups, and no files outside `work`.

    It writes the config with its secrets to world-readable temporary files, hence the folder's mode.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700, parents=True)
    places = ("AIRBYTE_PROJECT_DIR", "AIRBYTE_CACHE_ROOT", LOGS, "AIRBYTE_TEMP_DIR")
    os.environ.update(dict.fromkeys(places, str(work.resolve())))
    os.environ.update({"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1", "NO_LIVE_PROGRESS": "1"})


@contextmanager
def quiet(work: Path) -> Iterator[None]:
    """Redirect PyAirbyte's output on stdout and stderr to a file, because `Steps` shows the progress.

    Redirect log records too: the CDK prints those of every library, such as SQLAlchemy's tracebacks, past `sys.stdout`.
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
    """Append the account's current data and record the successful sync; returns the number of rows by stream.

    Args:
        account: the account to read.
        warehouse: the destination.
        work: the folder from `prepare`.
        show: called regularly with the number of videos read, and the total, if known.
        warn: called with each of the connector's warnings, after a failure too.

    Raises:
        SyncError: with the connector's own message, if it fails; the sync is then not recorded.
    """
    listener = Listener(on_config=account.save, lag=account.lag)
    listener.on_record = lambda: _show_progress(show, listener)
    try:
        with quiet(work), _explain_failures(listener):
            _append(account, warehouse, listener, work)
    finally:
        for warning in listener.warnings:
            warn(warning)
    return listener.counts


def _append(account: Account, warehouse: Warehouse, listener: Listener, work: Path) -> None:
    from examples.sync.state import StateStore

    warehouse.run("create schema if not exists {schema}")
    warehouse.run(CREATE_SYNCS)
    warehouse.run(CREATE_STOPPED)
    before = next((row["state"] for row in warehouse.run(LATEST_STATE, sign_in=account.name)), "")
    continues_stopped_sync = '"slices"' in before
    if account.full_read_is_due(datetime.now(timezone.utc)) and not continues_stopped_sync:
        before = ""
    store = StateStore(before)
    started = _now(account)
    rows_before = {stream: warehouse.rows_by_account(stream) for stream in STREAMS}
    cache = warehouse.cache(store, work)
    try:
        # Append, because the history consists of all readings.
        _source(account, listener).read(cache, write_strategy="append", skip_validation=True)
    finally:
        cache.close()
    _compare(listener, warehouse, rows_before)
    if not listener.complete >= set(STREAMS):
        # Its rows are in the warehouse; with this state, the next run doesn't read them again.
        if store.text != before:
            warehouse.run(INSERT_STOPPED, sign_in=account.name, stopped_at=_now(account), state=store.text)
        raise SyncError(listener.problem or "The connector stopped before it read everything.")
    state = json.loads(before)["stream"]["stream_state"] if before else {}
    warehouse.run(
        INSERT_SYNC,
        sign_in=account.name,
        open_id=listener.open_id,
        reading_id=uuid.uuid4().hex,
        started_at=started,
        finished_at=_now(account),
        covers_from=account.covers_from(listener.open_id, state),
        state=store.text,
    )


def _compare(listener: Listener, warehouse: Warehouse, before: dict[str, dict[str, int]]) -> None:
    """Check that each record became a row, before the state is saved, so that the next run reads lost records again."""
    for stream, expected in listener.counts.items():
        added = warehouse.rows_by_account(stream).get(listener.open_id, 0) - before[stream].get(listener.open_id, 0)
        if added != expected:
            raise SyncError(
                f"{expected:,} records of {stream} were read, and {added:,} rows were written to {warehouse.name}. "
                "The next run reads them again."
            )


def _now(account: Account) -> datetime:
    return datetime.fromtimestamp(time.time() - account.lag, timezone.utc).replace(tzinfo=None)


@contextmanager
def _explain_failures(listener: Listener) -> Iterator[None]:
    from airbyte.exceptions import PyAirbyteError
    from airbyte.shared.sql_processor import SQLRuntimeError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (PyAirbyteError, SQLAlchemyError, SQLRuntimeError) as error:
        if interrupt.was_interrupted():
            raise KeyboardInterrupt from None
        cause = _root_cause(error)
        if isinstance(cause, SyncError):
            raise cause from None
        logs = f"Its logs are in {os.environ[LOGS]}."
        raise SyncError(listener.problem or f"{_describe(cause)} {logs}") from error


def _describe(cause: BaseException) -> str:
    """The cause in one line, without the SQL, which contains users' texts."""
    from airbyte.exceptions import PyAirbyteError
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(cause, PyAirbyteError):
        return f"PyAirbyte failed: {cause.get_message()}"
    if isinstance(cause, SQLAlchemyError):
        first = _first_database_error(cause)
        return f"The database failed: {first_line(getattr(first, 'orig', None) or first)}."
    return f"PyAirbyte failed: {type(cause).__name__}: {first_line(cause)}."


def _first_database_error(error: BaseException) -> BaseException:
    """The first of several database errors: a later one, such as a failed rollback, doesn't name the cause."""
    from sqlalchemy.exc import SQLAlchemyError

    first = error
    while error.__context__:
        error = error.__context__
        if isinstance(error, SQLAlchemyError):
            first = error
    return first


def first_line(error: BaseException) -> str:
    """The first line of an error's message, for use in a sentence."""
    lines = str(error).splitlines() or [""]
    line = lines[0].strip().rstrip(".")
    return line if len(line) <= MAX_REASON_LENGTH else f"{line[: MAX_REASON_LENGTH - 1]}…"


def _root_cause(error: BaseException) -> BaseException:
    """The error that PyAirbyte wrapped, often more than once."""
    from airbyte.shared.sql_processor import SQLRuntimeError

    # SQLRuntimeError's own message is the statement, which contains the rows.
    inner = error.__context__ if isinstance(error, SQLRuntimeError) else getattr(error, "original_exception", None)
    return _root_cause(inner) if inner else error


def _source(account: Account, listener: Listener) -> Source:
    import airbyte
    import pandas

    # For Postgres, PyAirbyte reads JSON lines with pandas, which by default converts ids to numbers, times to dates.
    pandas.read_json = functools.partial(pandas.read_json, dtype=False, convert_dates=False)
    command = Path(sys.executable).with_name(CONNECTOR)
    if not command.exists():
        raise SyncError(f"The connector is not installed: there is no {command}.")
    source = airbyte.get_source(CONNECTOR, config=account.config, local_executable=command, streams=STREAMS)
    source.executor.execute = listener.wrap(source.executor.execute)
    save = listener.on_config

    def save_and_use(config: Json) -> None:
        # Save it first. Without `set_config`, PyAirbyte would start its next command with the used token.
        save(config)
        source.set_config(config, validate=False)

    listener.on_config = save_and_use
    return source


def _show_progress(show: Show, listener: Listener) -> None:
    count = listener.counts["videos"]
    if count and count % RECORDS_PER_UPDATE == 0:
        show(count, listener.expected_videos)
