"""The command `source-tiktok-organic spec | check | discover | read`."""

import argparse
import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.models import AirbyteMessageSerializer, FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from orjson import dumps

from source_tiktok_organic.source import SourceTiktokOrganic, config_problem, load_manifest

T = TypeVar("T")
M_ARENA_MAX = -8  # malloc.h
SIGPIPE_EXIT = 128 + signal.SIGPIPE  # as a shell reports it
LAST_WORDS_S = 4
logger = logging.getLogger("airbyte")


@cache
def _watch_for_sigterm() -> None:
    # A thread waits for it, while the others have it blocked: a handler would interrupt the main thread, perhaps in the
    # middle of a line that a slow reader has not taken yet, and its second half would be lost.
    threading.Thread(target=lambda: _end(128 + signal.sigwait([signal.SIGTERM])), daemon=True).start()


def _end(exit_code: int) -> None:
    """Print what is ready, in whole lines, and end without waiting for worker threads, which may wait for a minute."""
    threading.Timer(LAST_WORDS_S, os._exit, [exit_code]).start()  # should nobody read
    with PRINT_BUFFER.lock:
        try:
            PRINT_BUFFER.flush()
        finally:
            os._exit(exit_code)


def run(argv: Sequence[str] | None = None) -> None:
    """Run one command of the Airbyte protocol; messages go to stdout, one JSON object a line.

    SIGTERM and a reader that has gone away end the process at once, after what is ready has been printed.
    Whatever goes wrong ends in an ERROR trace message and exit code 1; a `check` of a config that can never work ends
    in a FAILED connection status and exit code 0, as the protocol wants it.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    init_uncaught_exception_handler(logger)
    parsed = AirbyteEntrypoint.parse_args(args or ["--help"])
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    _watch_for_sigterm()
    _keep_memory_together()
    logging.raiseExceptions = False  # a log line for a reader that has gone away; the next message ends the process
    try:
        launch(_create_source(parsed), args)
    except BrokenPipeError:
        _end(SIGPIPE_EXIT)
    except AirbyteTracedException as error:
        status = error.as_connection_status_message() if parsed.command == "check" else None
        if status is None:
            raise
        print(dumps(AirbyteMessageSerializer.dump(status)).decode())  # noqa: T201
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)


def _keep_memory_together() -> None:
    """Let all threads share two of glibc's memory arenas.

    By default each worker thread gets one of its own, and what is left over in each adds up: 132 instead of 104 MB
    after 30,000 videos. Other C libraries have no such setting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_ARENA_MAX, 2)


def _create_source(parsed: argparse.Namespace) -> SourceTiktokOrganic:
    """The source for the files named on the command line.

    Raises:
        AirbyteTracedException: config error, when a file cannot be read or the config does not fit the spec.
    """
    if parsed.command == "spec":
        return SourceTiktokOrganic()
    config = _read("config", SourceTiktokOrganic.read_config, parsed.config)
    _refuse_misfit(config)
    if parsed.command != "read":
        return SourceTiktokOrganic(config=config)
    catalog = _read("catalog", SourceTiktokOrganic.read_catalog, parsed.catalog)
    state = _read("state", SourceTiktokOrganic.read_state, parsed.state)
    return SourceTiktokOrganic(catalog=catalog, config=config, state=state)


def _refuse_misfit(config: Mapping[str, Any]) -> None:
    schema = load_manifest()["spec"]["connection_specification"]
    AirbyteEntrypoint.set_up_secret_filter(config, schema)
    problem = config_problem(config, schema)
    if problem:
        raise _config_error(f"The configuration of this source is not valid: {problem}", problem)


def _read(kind: str, reader: Callable[[str], T], path: str) -> T:
    try:
        return reader(path)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise _config_error(f"The {kind} file {path} is missing or is no {kind} in JSON.", detail) from None


def _config_error(message: str, detail: str) -> AirbyteTracedException:
    return AirbyteTracedException(message=message, internal_message=detail, failure_type=FailureType.config_error)
