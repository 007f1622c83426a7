"""How a failure is reported: in messages on stdout, for the platform, and in one sentence on stderr, for a person."""

import logging
import sys
from contextlib import suppress

import airbyte_cdk as cdk
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets

EXPLAINED = (cdk.FailureType.config_error, cdk.FailureType.transient_error)


def set_up_log() -> None:
    """Log and report as the platform expects it, with a traceback only where no sentence says what to do."""
    init_uncaught_exception_handler(logging.getLogger("airbyte"))
    logging.raiseExceptions = False  # about log lines when the reader has gone away; the next message ends the process
    for handler in logging.getLogger().handlers:
        handler.addFilter(_without_traceback)


def tell(error: Exception) -> None:
    """Say why the command failed, wherever that is possible: the disk behind stdout or stderr may be full."""
    sentence = str(error) if isinstance(error, cdk.AirbyteTracedException) else f"{type(error).__name__}: {error}"
    # After a full disk, the CDK's print buffer still stands in for sys.stderr.
    stderr = sys.stderr if sys.stderr is not PRINT_BUFFER else sys.__stderr__
    with suppress(OSError):
        if stderr:
            stderr.write(f"{filter_secrets(sentence)}\n")
    with suppress(OSError):
        sys.excepthook(type(error), error, error.__traceback__)


def _without_traceback(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if getattr(error, "failure_type", None) in EXPLAINED:
        record.exc_info = None
    return True
