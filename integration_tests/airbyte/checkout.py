"""A copy of this checkout in a folder of the name that Airbyte's tools expect."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = "source-tiktok-organic"
# What is no part of the connector: environments, caches, what git keeps, a person's own credentials.
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "*.duckdb*", "build", "dist", "secrets")
# The metadata of a certified connector, of which the tools ask the most.
CERTIFIED = {"supportLevel: community": "supportLevel: certified", "sl: 100": "sl: 300", "ql: 100": "ql: 400"}


def copy_into(folder: Path, *, certified: bool = False) -> Path:
    """Copy the checkout to `folder`/source-tiktok-organic; a link would not do, as the tools resolve it."""
    copy = Path(shutil.copytree(ROOT, folder / NAME, ignore=LEFT_OUT))
    if certified:
        metadata = copy / "metadata.yaml"
        text = metadata.read_text()
        for ours, theirs in CERTIFIED.items():
            assert ours in text
            text = text.replace(ours, theirs)
        metadata.write_text(text)
    return copy
