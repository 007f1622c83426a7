"""Mutants of components.py: one that survives the tests shows what they do not test. `make mutants`, twelve minutes.

    python unit_tests/mutants.py make > mutants.json     with cosmic-ray, whose operators these are
    python unit_tests/mutants.py try mutants.json        with the development tools; exit code 1 for an unexplained one

Each is tried in a fork of a process that has imported everything, because imports take longer than most of the tests.
"""

import difflib
import importlib
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TARGET, MODULE = ROOT / "source_tiktok_organic" / "components.py", "source_tiktok_organic.components"
NAMES = "component_edges paging windows columns scopes malformed_data errors tokens read schemas"
TESTS = [str(ROOT / "unit_tests" / f"test_{name}.py") for name in NAMES.split()]
PLUGINS_OFF = ["no:cacheprovider", "no:xdist", "no:cov", "no:hypothesispytest"]
INHERITED = [
    "airbyte_cdk.entrypoint",
    "airbyte_cdk.sources.declarative.concurrent_declarative_source",
    "airbyte_cdk.sources.declarative.parsers.model_to_component_factory",
    "freezegun",
    "pytest",
    "requests_mock",
]
TIMEOUT_S = 150  # a mutant that hangs is a mutant found
# Survivors that behave as the code does, by the line that they make of it.
EXPLAINED = {
    "if not isinstance(states, list) or len(kept['states']) != len(states):": "never more are kept than there were",
    "if not isinstance(states, list) or len(kept['states']) is not len(states):": "as before",
    "if place is not len(shelf) and shelf[place] == number:": "a place is never beyond the shelf's end",
    "if place != len(shelf) and shelf[place] == number:": "as before",
    "if place < len(shelf) and shelf[place] <= number:": "what stands at a place is never smaller",
    "start = int(stream_slice['start_time']) if stream_slice else -1": "the CDK always gives a slice",
    "start = int(stream_slice['start_time']) if stream_slice else 1": "as before",
    "if not isinstance(cursor, int) or cursor <= 1:": "1 ms after 1970 there was no TikTok",
    "shelf = self._seen[number >> len(self._seen)]": "one shelf holds all: slower with many videos, not wrong",
    "self._seen = [array('Q') for _ in range(1023)]": "another number of shelves",
    "self._seen = [array('Q') for _ in range(1025)]": "another number of shelves",
    "- @classmethod": "the method is called on an object as well as on the class",
    "- @staticmethod": "the method is called on the class alone",
}


def made() -> Iterator[str]:
    """The source of each mutant, no two alike."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    source = TARGET.read_text()
    seen = {source}
    for name in sorted(operator_names()):
        try:
            operator = get_operator(name)()
        except TypeError:  # an operator that needs arguments
            continue
        occurrence = 0
        while (mutant := mutate_code(source, operator, occurrence)) is not None:
            occurrence += 1
            if mutant not in seen and compiles(mutant):
                seen.add(mutant)
                yield mutant


def compiles(source: str) -> bool:
    """Whether Python takes it."""
    try:
        compile(source, str(TARGET), "exec")
    except SyntaxError:
        return False
    return True


def change(mutant: str) -> str:
    """The line that a mutant has in the place of another, or a minus and the line that it lacks."""
    lines = [line for line in difflib.ndiff(TARGET.read_text().splitlines(), mutant.splitlines()) if line.strip("-+? ")]
    added = [line[1:] for line in lines if line.startswith("+")]
    removed = [line for line in lines if line.startswith("-")]
    text = " ".join((added or removed)[0].replace('"', "'").split())
    return text.replace("( ", "(").replace("** ", "**")


def start(mutant: str) -> int:
    """A child process that runs the tests on a mutant; its exit code is pytest's, 0 for a survivor."""
    pid = os.fork()
    if pid:
        return pid
    code = 7
    try:
        os.setsid()
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        sys.meta_path.insert(0, _Finder(mutant))
        import pytest

        code = pytest.main(["-x", "-q", "--assert=plain", *(p for name in PLUGINS_OFF for p in ("-p", name)), *TESTS])
    finally:
        os._exit(int(code))


class _Finder(importlib.machinery.SourceFileLoader):
    """Gives a mutant to who imports the module."""

    def __init__(self, mutant: str) -> None:
        super().__init__(MODULE, str(TARGET))
        self._mutant = mutant

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        return importlib.util.spec_from_loader(name, self) if name == MODULE else None

    def get_code(self, fullname: str) -> Any:
        return compile(self._mutant, str(TARGET), "exec")


def survivors(mutants: list[str]) -> Iterator[str]:
    """What each survivor changes; as many are tried at once as there are processors."""
    running: dict[int, tuple[str, float]] = {}
    waiting = list(mutants)
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            mutant = waiting.pop(0)
            running[start(mutant)] = (mutant, time.monotonic() + TIMEOUT_S)
        time.sleep(0.05)
        for pid, (mutant, end) in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended and time.monotonic() > end:
                os.killpg(pid, signal.SIGKILL)
                ended, status = os.waitpid(pid, 0)
            if ended:
                del running[pid]
                if status == 0:
                    yield change(mutant)


def tried(mutants: list[str]) -> int:
    """Tell of each survivor; 1 when one of them is not explained."""
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
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    if sys.argv[1] == "make":
        json.dump(list(made()), sys.stdout)
    else:
        sys.exit(tried(json.loads(Path(sys.argv[2]).read_text())))
