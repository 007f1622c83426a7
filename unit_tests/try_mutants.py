"""Tries mutants of the package, and tells which of them no test notices. `make mutants`.

    python -m unit_tests.try_mutants mutants.json    exit code 1: a survivor that survivors.py does not explain

Each mutant is tried in a fork of a process that has imported everything, because imports take longer than most of the
tests. For one of a Python file, only the tests that run the changed line are asked, as far as COVERAGE_FILE tells which
these are.
"""

import ast
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
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any

from unit_tests.make_mutants import MANIFEST, PACKAGE, Mutant
from unit_tests.survivors import EXPLAINED

# The tests, in the order in which they are most likely to notice; those of a file's own concern go first.
NAMES = [
    "manifest",
    "responses",
    "spec",
    "oauth_spec",
    "component_edges",
    "pagination",
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
    "security",
    "run",
]
LAST = "integration_tests/test_from_python.py"  # what only a source that is made without a config shows
CONCERNS = {
    "account": ("completeness",),
    "authenticators": ("tokens", "token_responses"),
    "components": ("pagination", "component_edges", "paging", "columns", "scopes", "malformed_data"),
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
SURVIVED, NO_TEST = 0, 5  # pytest's exit codes
TIMEOUT_S = 180  # a mutant that hangs is a mutant found, but on a busy machine it may only be slow


def tests(file: str) -> list[str]:
    """The test files for a mutant of a file."""
    concern = CONCERNS.get(Path(file).stem, ())
    names = sorted(NAMES, key=lambda name: name not in concern)
    return [*(f"unit_tests/test_{name}.py" for name in names), LAST]


def noticing(mutant: Mutant) -> set[str]:
    """The tests (node ids) that run a changed line, or its function, if it only runs at the import; none if unknown."""
    lines = changed_lines((PACKAGE / mutant["file"]).read_text(), mutant["text"])
    contexts = _contexts(mutant["file"])
    return _named(contexts, lines) or _named(contexts, _function(mutant["file"], lines)) or _named(contexts, contexts)


def changed_lines(source: str, mutant: str) -> set[int]:
    """The numbers of the lines that a mutant changes or removes, or between which it inserts."""
    steps = SequenceMatcher(None, source.splitlines(), mutant.splitlines(), autojunk=False).get_opcodes()
    return {
        line for how, begin, end, *_ in steps if how != "equal" for line in range(begin + 1, max(begin + 1, end) + 1)
    }


@cache
def _contexts(file: str) -> dict[int, list[str]]:
    from coverage import CoverageData

    if file == MANIFEST or "COVERAGE_FILE" not in os.environ:
        return {}
    data = CoverageData(os.environ["COVERAGE_FILE"])
    data.read()
    return data.contexts_by_lineno(str(PACKAGE / file))


def _named(contexts: dict[int, list[str]], lines: Any) -> set[str]:
    return {name.split("|")[0] for line in lines for name in contexts.get(line, ()) if name}


def _function(file: str, lines: set[int]) -> range:
    """The lines of the innermost function around the first of some lines; none if there is no function."""
    within = [
        range(min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]), (node.end_lineno or 0) + 1)
        for node in ast.walk(ast.parse((PACKAGE / file).read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    return min((span for span in within if min(lines) in span), key=len, default=range(0))


class _Only:
    """A plugin of pytest: no other tests than these, if there are any."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if not self._names or item.nodeid in self._names]


def start(mutant: Mutant) -> int:
    """Start a child process that runs the tests on a mutant; its exit code is pytest's, 0 for a survivor."""
    only = noticing(mutant)
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
        files = [name for name in tests(mutant["file"]) if not only or name in {test.split("::")[0] for test in only}]
        code = pytest.main(["-x", "-q", "--assert=plain", *plugins_off, *files], plugins=[_Only(only)])
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
            if len(waiting) % 50 == 0:
                sys.stdout.write(f"{len(waiting)} more to try\n")
                sys.stdout.flush()
        time.sleep(0.05)
        for pid, (what, end) in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended and time.monotonic() > end:
                os.killpg(pid, signal.SIGKILL)
                ended, status = os.waitpid(pid, 0)
                sys.stdout.write(f"hung: {what}\n")
            if ended:
                del running[pid]
                if os.waitstatus_to_exitcode(status) in (SURVIVED, NO_TEST):
                    yield what


def tried(mutants: list[Mutant]) -> int:
    """Report each survivor; returns 1 if one of them is not explained."""
    for name in INHERITED:
        importlib.import_module(name)
    # Where the tests cannot run at all, every mutant would seem to be noticed.
    none = {"file": "ending.py", "text": (PACKAGE / "ending.py").read_text() + "# the end"}
    _, status = os.waitpid(start(none), 0)
    if os.waitstatus_to_exitcode(status) != SURVIVED:
        sys.exit("The tests fail without a mutant.")
    found = []
    for text in survivors(mutants):
        found.append(text)
        sys.stdout.write(f"survived: {text}\n    {EXPLAINED.get(text, 'NOT EXPLAINED')}\n")
        sys.stdout.flush()
    unexplained = [text for text in found if text not in EXPLAINED]
    sys.stdout.write(f"{len(mutants)} mutants, {len(found)} survived, {len(unexplained)} of them not explained.\n")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(tried(json.loads(Path(sys.argv[1]).read_text())))
