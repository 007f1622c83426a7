"""Installs what `make sync` and `make demo` need into a virtual environment, and shows that it is under way."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SIZE = "about 900 MB, once"
SECONDS_BETWEEN_NOTES = 5.0
# Only the first one is held by constraints.txt: see requirements.txt.
STEPS = {
    "PyAirbyte": ["--editable", ".[demo]"],
    "dbt": ["--requirement", "examples/sync/requirements.txt"],
}


def main() -> int:
    """Install into the folder that the command line names, held by the file after it; pip's words if it fails."""
    place, *constraints = map(Path, sys.argv[1:])
    STEPS["PyAirbyte"] += [part for path in constraints for part in ("--constraint", str(path))]
    print(f"Installing {' and '.join(STEPS)} into {place} ({SIZE}) ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    return next((code for name, options in STEPS.items() if (code := _install(place, name, options))), 0)


def _install(place: Path, name: str, options: list[str]) -> int:
    began = noted = time.monotonic()
    # Not compiled ahead: most modules are never imported.
    quick = ["--disable-pip-version-check", "--no-color", "--no-compile"]
    command = [place / "bin" / "python", "-m", "pip", "install", *quick, *options]
    said, packages = [], 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout
        for line in pip.stdout:
            said.append(line)
            packages += line.startswith(("Collecting ", "Processing "))
            if time.monotonic() - noted >= SECONDS_BETWEEN_NOTES or line.startswith("Installing collected"):
                noted = time.monotonic()
                doing = "unpacking" if line.startswith("Installing collected") else "fetched"
                print(f"  {name}: {packages} packages {doing}, {noted - began:.0f} s", flush=True)
    if pip.returncode:
        print("".join(said[-20:]))
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main())
