"""One virtual environment for each reader, created on demand in .venv-bench."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".venv-bench"
PEERS = Path(__file__).parent / "peers"
CONSTRAINTS = ROOT / "constraints.txt"
# Readers on Airbyte's CDK get the same versions of all packages, so that only the manifests differ.
CONSTRAINED = ("connector", "low_code")

_VERSIONS = """
import importlib.metadata, json, platform, sys
print(json.dumps({"Python": platform.python_version()} | {p: importlib.metadata.version(p) for p in sys.argv[1:]}))
"""


def python(reader: str) -> Path:
    """The interpreter of a reader's environment."""
    return HOME / reader / "bin" / "python"


def make(reader: str) -> bool:
    """Install a reader's packages if needed; returns whether it installed anything."""
    wanted, marker = _fingerprint(reader), HOME / reader / "installed"
    if marker.exists() and marker.read_text() == wanted:
        return False
    shutil.rmtree(HOME / reader, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", HOME / reader], check=True)
    pip = [python(reader), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *_arguments(reader)], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"pip could not install what {reader} needs:\n{done.stderr}")
    marker.write_text(wanted)
    return True


def versions(reader: str, packages: tuple[str, ...]) -> dict[str, str]:
    """The versions of Python and the named packages in the environment."""
    done = subprocess.run([python(reader), "-c", _VERSIONS, *packages], check=True, capture_output=True, text=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def requirements(reader: str) -> Path:
    """The file that pins a peer's versions."""
    return PEERS / reader / "requirements.txt"


def _arguments(reader: str) -> list[str]:
    held = ["--constraint", str(CONSTRAINTS)] if reader in CONSTRAINED else []
    # Editable, to measure the code of the checkout.
    return [*held, "--editable", "."] if reader == "connector" else [*held, "--requirement", str(requirements(reader))]


def _fingerprint(reader: str) -> str:
    """A hash that changes if another version must be installed."""
    files = [ROOT / "pyproject.toml" if reader == "connector" else requirements(reader)]
    files += [CONSTRAINTS] if reader in CONSTRAINED else []
    return hashlib.sha256(b"".join([sys.version.encode(), *(file.read_bytes() for file in files)])).hexdigest()
