"""Checks that a wheel contains the package alone, and that both commands work in an empty environment: `make dist`.

    python -m integration_tests.wheel <wheel>

Needs nothing but Python, and pip's package index.
"""

import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]
PACKAGE = "source_tiktok_organic"
COMMANDS = (("source-tiktok-organic", "spec"), ("tiktok-organic-sign-in", "--help"))


def main(wheel: Path) -> None:
    """Check a wheel; exits with a message if something is wrong."""
    if strangers := set(ZipFile(wheel).namelist()) - expected(wheel):
        sys.exit(f"{wheel.name} contains more than the package: {', '.join(sorted(strangers))}")
    if missing := expected(wheel) - set(ZipFile(wheel).namelist()):
        sys.exit(f"{wheel.name} lacks {', '.join(sorted(missing))}")
    with TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        scripts = Path(folder, "bin")
        pip = [scripts / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--constraint", ROOT / "constraints.txt", wheel.resolve()], check=True)
        for name, argument in COMMANDS:
            subprocess.run([scripts / name, argument], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            print(f"{name} {argument}: works")  # noqa: T201


def expected(wheel: Path) -> set[str]:
    """The package's files under version control, and the wheel's metadata."""
    tracked = subprocess.run(["git", "ls-files", PACKAGE], cwd=ROOT, check=True, capture_output=True, text=True)
    name, version, *_ = wheel.name.split("-")
    described = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    return {*tracked.stdout.split(), *(f"{name}-{version}.dist-info/{part}" for part in described)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
