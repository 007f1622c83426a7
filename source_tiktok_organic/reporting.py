"""Reports failures: as messages on stdout for the platform, and as one sentence on stderr for a person."""

import logging
import sys
from contextlib import suppress

import airbyte_cdk as cdk
from airbyte_cdk.exception_handler import init_uncaught_exception_handler
from airbyte_cdk.logger import PRINT_BUFFER
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets

EXPLAINED = (cdk.FailureType.config_error, cdk.FailureType.transient_error)


def set_up_log() -> None:
    """Log and report as the platform expects, with a traceback only for errors that no message explains."""
    init_uncaught_exception_handler(logging.getLogger("airbyte"))
    logging.raiseExceptions = False  # for log lines after the reader has gone away; the next message stops the process
    for handler in logging.getLogger().handlers:
        handler.addFilter(_without_traceback)


def report_error(error: Exception) -> None:
    """Print why the command failed, on stdout, stderr or both: the disk behind one of them may be full."""
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
