"""Writes the connector as a manifest-only one, the form of Airbyte's newest connectors: two files.

    python -m integration_tests.airbyte.manifest_only <folder>

`manifest.yaml` is the package's with the class names of a manifest-only connector. `components.py` has the classes that
it names, in one module. What is elsewhere in the package is lost: see LOST.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "source_tiktok_organic"
CLASS_NAME = re.compile(rf"class_name: {PACKAGE.name}\.(\w+)\.")
LAYOUT = ("--line-length=120", "--target-version=py310")
BASE_CDK = "7.33.0"  # of the newest base image that manifest-only connectors are known to name
MINIMUM_CDK = "7.23.2"
BASE_IMAGE = f"docker.io/airbyte/source-declarative-manifest:{BASE_CDK}"  # its digest isn't known here
LOST = f"""\
What the two files lose, the worst first:
- New refresh tokens: the CDK gives custom components no message repository, so the new config is printed to stdout and
  goes nowhere else. Airbyte's syncs read it there. The Connector Builder and PyAirbyte's `source_manifest` don't: after
  one use the refresh token is lost, unless TIKTOK_TOKEN_STORE is set, and the new tokens are in the server's log.
- Connector Builder: YAML mode only, as UI mode deletes the inline parent stream. Each test read refreshes the tokens.
- Custom code must be enabled (AIRBYTE_ENABLE_UNSAFE_CODE=true), except in Airbyte's own images. An emitted config also
  contains the manifest.
- Continuing a stopped sync: the state has no gaps, and comes every ten minutes and at the end. A sync that is stopped
  earlier starts again. A video with a time in the future moves the state past others.
- Speed: one worker reads all videos of an account, page after page. 10,000 records may wait in memory, not 200.
- `check`: it waits for rate limits as long as a sync does, up to eleven minutes, and doesn't report missing scopes.
- Messages: an invalid config or catalog is refused in the CDK's words, which may quote credentials. Nothing says whose
  account it is, and how many videos TikTok counts. TIKTOK_API_BASE_URL has no effect.
- Exit: SIGTERM doesn't wait for a token refresh, nor emit the state. A closed pipe may leave workers waiting.
- The command tiktok-organic-sign-in.
They need airbyte-cdk {MINIMUM_CDK} or newer: an older one overwrites the refresh token with null at the first refresh.
Airbyte's base image has {BASE_CDK}."""


def write(folder: Path) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.yaml").write_text(manifest())
    (folder / "components.py").write_text(components())
    for command in (["check", "--quiet", "--fix", "--select=F,I"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, "--isolated", *LAYOUT, folder], check=True)


def manifest() -> str:
    """The manifest; the CDK finds the classes of `components.py` under this name, wherever the file lies."""
    return CLASS_NAME.sub("class_name: source_declarative_manifest.components.", _manifest())


def components() -> str:
    """The modules as one: their imports, then what follows in each, but for what another one has said already."""
    sources = [(PACKAGE / f"{name}.py").read_text() for name in _modules(CLASS_NAME.findall(_manifest()))]
    trees = [ast.parse(source) for source in sources]
    lines = {ast.unparse(node) for tree in trees for node in tree.body if _is_import(node)}
    imports = sorted(line for line in lines if PACKAGE.name not in line)
    said: dict[str, None] = {}
    for source, tree in zip(sources, trees, strict=True):
        said.update(dict.fromkeys(_statements(source, tree)))
    return "\n".join(['"""The custom components of manifest.yaml."""\n', *imports, "", *said, ""])


def _modules(names: Iterable[str]) -> dict[str, None]:
    """The modules of these names and those of the package that they import, which come first."""
    found: dict[str, None] = {}
    for name in names:
        imported = re.findall(
            rf"^from {PACKAGE.name}\.(\w+) import", (PACKAGE / f"{name}.py").read_text(), re.MULTILINE
        )
        found |= _modules(imported) | {name: None}
    return found


def _manifest() -> str:
    return (PACKAGE / "manifest.yaml").read_text()


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def _statements(source: str, tree: ast.Module) -> Iterator[str]:
    """What follows the imports, each statement with the decorators and comments above it."""
    lines, end = source.splitlines(), max(node.end_lineno or 0 for node in tree.body if _is_import(node))
    for node in tree.body:
        if node.lineno > end:
            yield "\n".join(lines[end : node.end_lineno]).lstrip("\n")
            end = node.end_lineno or end


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    print(LOST)  # noqa: T201
