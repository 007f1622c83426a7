"""Runs one reader and prints its resource usage as JSON. Usage: launch.py TIMEOUT_S STDOUT STDERR COMMAND...

It is a separate process for two reasons: on Linux, a process's peak memory includes the memory of the process that
started it, and `wait4` returns the CPU time of exactly one process with the children that it waited for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

# `ru_maxrss` is in KiB on Linux, in bytes on macOS.
BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024


def main(timeout: str, stdout: str, stderr: str, *command: str) -> dict[str, float]:
    """Wall and CPU time in s, peak memory in MB (10**6 bytes), and the exit code (negative: a signal)."""
    with Path(stdout).open("wb") as out, Path(stderr).open("wb") as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        alarm = threading.Timer(float(timeout), process.kill)
        alarm.start()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        alarm.cancel()
    cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss * BYTES_PER_UNIT / 10**6
    return {"seconds": seconds, "cpu": cpu, "memory": memory, "exit_code": os.waitstatus_to_exitcode(status)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
