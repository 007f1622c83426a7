"""Writes the connector in the manifest-only form of Airbyte's newest connectors: two files.

    python -m integration_tests.airbyte.manifest_only <folder>

`manifest.yaml` is the package's, with the class names of a manifest-only connector. `components.py` has its custom
classes in one module. The features of the other modules are lost: see LOST.
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
BASE_CDK = "7.33.0"  # of the newest base image known from manifest-only connectors
MINIMUM_CDK = "7.23.2"
BASE_IMAGE = f"docker.io/airbyte/source-declarative-manifest:{BASE_CDK}"  # its digest is unknown here
LOST = f"""\
The two files lose these features, the most important first:
- New refresh tokens: the CDK gives custom components no message repository, so the connector only prints the new config
  to stdout. Airbyte's syncs read it there. The Connector Builder and PyAirbyte's `source_manifest` don't: after one use
  the refresh token is lost, unless TIKTOK_TOKEN_STORE is set, and the new tokens are in the server's log.
- Connector Builder: YAML mode only, because UI mode deletes the inline parent stream. Each test read refreshes the
  tokens.
- Custom code must be enabled (AIRBYTE_ENABLE_UNSAFE_CODE=true), except in Airbyte's own images. An emitted config also
  contains the manifest.
- Continuing a stopped sync: the state has no gaps, and is emitted every ten minutes and at the end. A sync that stops
  earlier starts again. A video with a time in the future moves the state past others.
- Speed: one worker reads all videos of an account, page after page. Up to 10,000 records wait in memory, not 200.
- `check`: it waits for rate limits as long as a sync does, up to eleven minutes, and doesn't report missing scopes.
- Messages: for an invalid config or catalog, the CDK's errors may quote credentials. No message names the account or
  TikTok's number of videos. TIKTOK_API_BASE_URL has no effect.
- Exit: SIGTERM doesn't wait for a token refresh, and doesn't emit the state. After a closed pipe, workers may hang.
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
    """The manifest; the CDK finds the classes of `components.py` by this module name, wherever the file is."""
    return CLASS_NAME.sub("class_name: source_declarative_manifest.components.", _manifest())


def components() -> str:
    """All modules as one: their imports, then their other statements, without duplicates."""
    sources = [(PACKAGE / f"{name}.py").read_text() for name in _modules(CLASS_NAME.findall(_manifest()))]
    trees = [ast.parse(source) for source in sources]
    lines = {ast.unparse(node) for tree in trees for node in tree.body if _is_import(node)}
    imports = sorted(line for line in lines if PACKAGE.name not in line)
    statements: dict[str, None] = {}
    for source, tree in zip(sources, trees, strict=True):
        statements.update(dict.fromkeys(_statements(source, tree)))
    return "\n".join(['"""The custom components of manifest.yaml."""\n', *imports, "", *statements, ""])


def _modules(names: Iterable[str]) -> dict[str, None]:
    """The modules with these names and the package's modules that they import, dependencies first."""
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
    """The statements after the imports, each with the decorators and comments above it."""
    lines, end = source.splitlines(), max(node.end_lineno or 0 for node in tree.body if _is_import(node))
    for node in tree.body:
        if node.lineno > end:
            yield "\n".join(lines[end : node.end_lineno]).lstrip("\n")
            end = node.end_lineno or end


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    print(LOST)  # noqa: T201
