"""Describes the machine of the measurements."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def description() -> str:
    """A text such as "2 cores of Intel Xeon, 24 GB, Linux x86_64"."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 10**9
    return f"{os.cpu_count()} cores{_model()}, {memory:.0f} GB, {platform.system()} {platform.machine()}"


def _model() -> str:
    """The processor's model, known on Linux only."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f" of {names[0]}" if names else ""
