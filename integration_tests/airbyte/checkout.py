"""A copy of this checkout in a folder of the name that Airbyte's tools expect."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = "source-tiktok-organic"
# What is no part of the connector: environments, caches, what git keeps, a person's own credentials.
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "*.duckdb*", "build", "dist", "secrets")


def copy_into(folder: Path) -> Path:
    """Copy the checkout to `folder`/source-tiktok-organic; a link would not do, as the tools resolve it."""
    return Path(shutil.copytree(ROOT, folder / NAME, ignore=LEFT_OUT))
