"""Writes the connector as a manifest-only one, the form of Airbyte's newest connectors: two files.

    python -m integration_tests.airbyte.manifest_only <folder>

`manifest.yaml` is the package's with the class names of a manifest-only connector; `components.py` is what it names, in
one module. What holds the package's own parts (source.py, config.py, run.py, ending.py) is lost: see LOST,
of which tests assert the windows and the states alone.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "source_tiktok_organic"
CLASS_NAME = re.compile(rf"class_name: {PACKAGE.name}\.(\w+)\.")
LAYOUT = ("--line-length=120", "--target-version=py310")
LOST = """\
What the two files lack, as it is in the package:
- source.py: windows are not shared, so one worker reads all videos of an account, one page after the other; the state
  comes every ten minutes and at the end, not after each window; a video with a time to come moves it past others;
  10,000 records may wait in memory, not 200.
- config.py: a config or catalog that does not fit is refused in the CDK's words, which may quote credentials; `check`
  does not say which permissions are missing; TIKTOK_API_BASE_URL means nothing.
- ending.py: SIGTERM does not wait for a token that is being renewed; a reader that goes away may leave workers waiting.
- sign_in: the command tiktok-organic-sign-in.
Outside an image of Airbyte's, custom classes need AIRBYTE_ENABLE_UNSAFE_CODE=true, and a config that is emitted carries
the manifest as well."""


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
    modules = dict.fromkeys(CLASS_NAME.findall(_manifest()))
    sources = [(PACKAGE / f"{name}.py").read_text() for name in modules]
    trees = [ast.parse(source) for source in sources]
    lines = {ast.unparse(node) for tree in trees for node in tree.body if _is_import(node)}
    imports = sorted(line for line in lines if PACKAGE.name not in line)
    said: dict[str, None] = {}
    for source, tree in zip(sources, trees, strict=True):
        said.update(dict.fromkeys(_statements(source, tree)))
    return "\n".join(['"""The custom components of manifest.yaml."""\n', *imports, "", *said, ""])


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
