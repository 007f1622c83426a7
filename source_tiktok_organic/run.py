"""The command `source-tiktok-organic spec | check | discover | read`."""

import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from source_tiktok_organic.startup import quick_import

with quick_import():
    import airbyte_cdk as cdk
    from airbyte_cdk.logger import PRINT_BUFFER

    from source_tiktok_organic.cli_files import inject_files, read_files
    from source_tiktok_organic.reporting import report_error, set_up_log
    from source_tiktok_organic.shutdown import exit_by_signal, exit_process, on_signal
    from source_tiktok_organic.source import SourceTiktokOrganic

FLUSH_INTERVAL_S = 1


def run() -> None:
    """Run one command and exit, even while workers wait for TikTok or for the reader."""
    # Some locales can't encode every caption, and with PYTHONUNBUFFERED a signal would truncate a line.
    sys.stdout = sys.__stdout__ = open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, exit_by_signal)
    is_over = threading.Event()
    threading.Thread(target=_flush_output, args=[is_over], daemon=True).start()
    exit_code = 1
    try:
        exit_code = execute(sys.argv[1:])
    except BrokenPipeError:
        exit_code = 128 + signal.SIGPIPE
    except Exception as error:  # noqa: BLE001
        report_error(error)
    is_over.set()
    exit_process(exit_code)


def _flush_output(is_over: threading.Event) -> None:
    """Flush the CDK's print buffer, which otherwise waits for the next message."""
    while not is_over.wait(FLUSH_INTERVAL_S):
        with suppress(OSError):  # the next message stops the process
            PRINT_BUFFER.flush()


def execute(argv: Sequence[str]) -> int:
    """Run one command in this process; returns its exit code, or raises what the process would report."""
    set_up_log()
    # The CDK's parser insists on a catalog; of two, the last one counts.
    argv = ["read", "--catalog", "", *argv[1:]] if list(argv[:1]) == ["read"] else list(argv) or ["--help"]
    parsed = vars(cdk.AirbyteEntrypoint.parse_args(argv))
    try:
        contents = read_files(parsed)
        source = SourceTiktokOrganic(**contents)
        inject_files(contents, source)
        on_signal[:] = [source.emit_state]
        cdk.launch(source, argv)
    except cdk.AirbyteTracedException as error:
        status = error.as_connection_status_message() if parsed["command"] == "check" else None
        if not status:  # a config that can never work is a result of `check`, not a failure
            raise
        print(cdk.AirbyteEntrypoint.airbyte_message_to_string(status))  # noqa: T201
    return 0
