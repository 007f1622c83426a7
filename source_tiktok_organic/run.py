"""The command `source-tiktok-organic spec | check | discover | read`."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from source_tiktok_organic.startup import quick_import

with quick_import():
    import airbyte_cdk as cdk
    from airbyte_cdk.logger import PRINT_BUFFER

    from source_tiktok_organic.authenticators import TikTokAuthenticator
    from source_tiktok_organic.failures import set_up_log, tell
    from source_tiktok_organic.files import hand_over, read_files
    from source_tiktok_organic.source import SourceTiktokOrganic

REFRESH_S, LAST_WORDS_S = 5, 3  # how long to wait at the end for a token refresh, and for a slow reader


def run() -> None:
    """Run one command; whatever happens, the process ends with it, even while workers wait for TikTok or a reader."""
    # Some locales cannot encode every caption, and with PYTHONUNBUFFERED a signal would cut a line short.
    sys.stdout = sys.__stdout__ = open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_by_signal)
    exit_code = 1
    try:
        exit_code = execute(sys.argv[1:])
    except BrokenPipeError:
        exit_code = 128 + signal.SIGPIPE
    except Exception as error:  # noqa: BLE001
        tell(error)
    _end(exit_code)


def execute(argv: Sequence[str]) -> int:
    """Run one command in this process; returns its exit code, or raises what the process would report."""
    set_up_log()
    # The CDK's parser insists on a catalog; of two, the last one counts.
    argv = ["read", "--catalog", "", *argv[1:]] if list(argv[:1]) == ["read"] else list(argv) or ["--help"]
    parsed = vars(cdk.AirbyteEntrypoint.parse_args(argv))
    try:
        contents = read_files(parsed)
        source = SourceTiktokOrganic(**contents)
        hand_over(contents, source)
        cdk.launch(source, argv)
    except cdk.AirbyteTracedException as error:
        status = error.as_connection_status_message() if parsed["command"] == "check" else None
        if not status:  # a config that can never work is a result of `check`, not a failure
            raise
        print(cdk.AirbyteEntrypoint.airbyte_message_to_string(status))  # noqa: T201
    return 0


def _end_by_signal(number: int, _: Any) -> None:
    signal.signal(number, signal.SIG_DFL)
    # In a thread of its own: the main thread, which this handler interrupts, may hold the lock of a line half written.
    threading.Thread(target=_end, args=[128 + number, number], daemon=True).start()


def _end(exit_code: int, by_signal: int | None = None) -> None:
    TikTokAuthenticator.refreshing.acquire(timeout=REFRESH_S)
    if PRINT_BUFFER.lock.acquire(timeout=LAST_WORDS_S):
        with suppress(OSError):
            PRINT_BUFFER.flush()
    if by_signal is not None:
        os.kill(os.getpid(), by_signal)  # does nothing to the first process of a container
    os._exit(exit_code)
