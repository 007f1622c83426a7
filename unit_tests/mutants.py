"""Mutants of the package: one that survives the unit tests shows what they do not test. `make mutants`.

    python -m unit_tests.mutants make [file] > mutants.json   with cosmic-ray, whose operators change the Python files
    python -m unit_tests.mutants try mutants.json             with the development tools; exit code 1: unexplained ones

Of manifest.yaml each key is dropped and each value changed, but for schemas, texts for people and what only Airbyte's
web application reads. Each mutant is tried in a fork of a process that has imported everything, because imports take
longer than most of the tests.
"""

import copy
import difflib
import importlib
import importlib.machinery
import importlib.util
import json
import os
import pkgutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from unit_tests.survivors import EXPLAINED

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "source_tiktok_organic"
MODULES = (
    "components",
    "responses",
    "pace",
    "authenticators",
    "source",
    "config",
    "account",
    "token_store",
    "files",
    "failures",
    "ending",
)
MANIFEST = "manifest.yaml"
# The tests, in the order in which they are most likely to notice; those of a file's own concern go first.
NAMES = [
    "manifest",
    "responses",
    "spec",
    "oauth_spec",
    "component_edges",
    "paging",
    "columns",
    "scopes",
    "schemas",
    "read",
    "errors",
    "token_responses",
    "pace",
    "pace_recovery",
    "rate_limit",
    "tokens",
    "state",
    "windows",
    "malformed_data",
    "command_line",
    "revocations",
    "completeness",
    "files",
    "token_store",
    "token_store_faults",
    "run",
]
LAST = "integration_tests/test_from_python.py"  # what only a source that is made without a config shows
CONCERNS = {
    "account": ("completeness",),
    "authenticators": ("tokens", "token_responses"),
    "components": ("component_edges", "paging", "columns", "scopes", "malformed_data"),
    "config": ("spec", "command_line"),
    "ending": ("run",),
    "failures": ("run", "errors"),
    "files": ("files", "command_line"),
    "pace": ("pace", "pace_recovery", "rate_limit"),
    "source": ("state", "windows"),
    "token_store": ("token_store", "token_store_faults"),
}
PLUGINS_OFF = ["no:cacheprovider", "no:xdist", "no:cov", "no:hypothesispytest"]
INHERITED = [
    "airbyte_cdk.entrypoint",
    "airbyte_cdk.sources.declarative.concurrent_declarative_source",
    "airbyte_cdk.sources.declarative.parsers.model_to_component_factory",
    "freezegun",
    "pytest",
    "requests_mock",
]
TIMEOUT_S = 400  # a mutant that hangs is a mutant found, but on a busy machine it may only be slow
Mutant = dict[str, str]  # file, text, change


def made(only: str = "") -> Iterator[Mutant]:
    """Every mutant, without duplicates, of the files whose names begin like this."""
    for module in MODULES:
        if module.startswith(only):
            yield from _of_module(PACKAGE / f"{module}.py")
    if MANIFEST.startswith(only):
        yield from _of_manifest()


def _of_module(file: Path) -> Iterator[Mutant]:
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    source = file.read_text()
    seen = {source}
    for name in sorted(operator_names()):
        try:
            operator = get_operator(name)()
        except TypeError:  # the operator needs arguments
            continue
        occurrence = 0
        while (text := mutate_code(source, operator, occurrence)) is not None:
            occurrence += 1
            if text not in seen and compiles(text):
                seen.add(text)
                yield {"file": file.name, "text": text, "change": f"{file.name}: {change(source, text)}"}


def compiles(source: str) -> bool:
    """Whether it is valid Python."""
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def change(source: str, mutant: str) -> str:
    """The line that a mutant puts in place of another, or a minus and the line that it removes."""
    lines = [line for line in difflib.ndiff(source.splitlines(), mutant.splitlines()) if line.strip("-+? ")]
    added = [line[1:] for line in lines if line.startswith("+")]
    removed = [line for line in lines if line.startswith("-")]
    text = " ".join((added or removed)[0].replace('"', "'").split())
    return text.replace("( ", "(").replace("** ", "**")


def _of_manifest() -> Iterator[Mutant]:
    manifest = yaml.safe_load((PACKAGE / MANIFEST).read_text())
    for path, value in _leaves(manifest, ()):
        changed = {"dropped": None, "changed": _other(value)}
        for how in ("dropped", "changed"):
            mutant = copy.deepcopy(manifest)
            parent = _at(mutant, path[:-1])
            if how == "dropped":
                del parent[path[-1]]
            elif changed[how] is None:
                continue
            else:
                parent[path[-1]] = changed[how]
            name = ".".join(map(str, path))
            yield {"file": MANIFEST, "text": yaml.safe_dump(mutant), "change": f"{MANIFEST}: {name} {how}"}


def _leaves(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Paths and values of all that is looked at: values, and each item of a list."""
    skipped = (
        "schemas",
        "advanced_auth",
        "description",
        "title",
        "examples",
        "order",
        "$schema",
        "messages",
        "version",
    )
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if key in skipped or key == "message" or key == "error_message":
            continue
        if isinstance(value, (dict, list)):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _at(node: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        node = node[key]
    return node


def _other(value: Any) -> Any:
    """Another value of the same type; None where there is none that would be understood."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value * 2 + 1
    others = {"transient_error": "system_error", "system_error": "config_error", "config_error": "transient_error"}
    others |= {"RETRY": "FAIL", "FAIL": "RETRY", "RATE_LIMITED": "RETRY", "REFRESH_TOKEN_THEN_RETRY": "RETRY"}
    return others.get(str(value))


def tests(file: str) -> list[str]:
    """The test files for a mutant of a file."""
    concern = CONCERNS.get(Path(file).stem, ())
    names = sorted(NAMES, key=lambda name: name not in concern)
    return [*(str(ROOT / "unit_tests" / f"test_{name}.py") for name in names), str(ROOT / LAST)]


def start(mutant: Mutant) -> int:
    """Start a child process that runs the tests on a mutant; its exit code is pytest's, 0 for a survivor."""
    pid = os.fork()
    if pid:
        return pid
    code = 7
    try:
        os.setsid()
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        _serve(mutant)
        import pytest

        plugins_off = [part for name in PLUGINS_OFF for part in ("-p", name)]
        code = pytest.main(["-x", "-q", "--assert=plain", *plugins_off, *tests(mutant["file"])])
    finally:
        os._exit(int(code))


def _serve(mutant: Mutant) -> None:
    """Let whoever imports the module or loads the manifest get the mutant."""
    if mutant["file"] != MANIFEST:
        sys.meta_path.insert(0, _Finder(mutant))
        return
    load = pkgutil.get_data

    def get_data(package: str, resource: str) -> Any:
        return mutant["text"].encode() if resource == MANIFEST else load(package, resource)

    pkgutil.get_data = get_data


class _Finder(importlib.machinery.SourceFileLoader):
    """Serves the mutant to whoever imports the module."""

    def __init__(self, mutant: Mutant) -> None:
        self._module = f"source_tiktok_organic.{Path(mutant['file']).stem}"
        super().__init__(self._module, str(PACKAGE / mutant["file"]))
        self._mutant = mutant["text"]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return importlib.util.spec_from_loader(name, self) if name == self._module else None

    def get_code(self, fullname: str) -> Any:
        return compile(self._mutant, self.path, "exec")


def survivors(mutants: list[Mutant]) -> Iterator[str]:
    """What each survivor changes; one mutant per processor is tested at a time."""
    running: dict[int, tuple[str, float]] = {}
    waiting = list(mutants)
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            mutant = waiting.pop(0)
            running[start(mutant)] = (mutant["change"], time.monotonic() + TIMEOUT_S)
        time.sleep(0.05)
        for pid, (what, end) in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended and time.monotonic() > end:
                os.killpg(pid, signal.SIGKILL)
                ended, status = os.waitpid(pid, 0)
                sys.stdout.write(f"hung: {what}\n")
            if ended:
                del running[pid]
                if status == 0:
                    yield what


def tried(mutants: list[Mutant]) -> int:
    """Report each survivor; returns 1 if one of them is not explained."""
    for name in INHERITED:
        importlib.import_module(name)
    found = []
    for text in survivors(mutants):
        found.append(text)
        sys.stdout.write(f"survived: {text}\n    {EXPLAINED.get(text, 'NOT EXPLAINED')}\n")
        sys.stdout.flush()
    unexplained = [text for text in found if text not in EXPLAINED]
    sys.stdout.write(f"{len(mutants)} mutants, {len(found)} survived, {len(unexplained)} of them not explained.\n")
    return 1 if unexplained else 0


if __name__ == "__main__":
    if sys.argv[1] == "make":
        json.dump(list(made(*sys.argv[2:])), sys.stdout)
    else:
        sys.exit(tried(json.loads(Path(sys.argv[2]).read_text())))
