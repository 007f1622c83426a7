"""Makes mutants of the package: one that survives the unit tests shows what they do not test. `make mutants`.

    python -m unit_tests.make_mutants [file …] > mutants.json   with cosmic-ray, whose operators change the Python files
    python -m unit_tests.try_mutants mutants.json             with the development tools

Of manifest.yaml each key is dropped and each value changed, but for schemas, texts for people and what only Airbyte's
web application reads.
"""

import copy
import difflib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PACKAGE = Path(__file__).parents[1] / "source_tiktok_organic"
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
Mutant = dict[str, str]  # file, text, change


def made(*only: str) -> Iterator[Mutant]:
    """Every mutant, without duplicates, of the files whose names begin like one of these; of all if there is none."""
    for module in MODULES:
        if module.startswith(only or ""):
            yield from _of_module(PACKAGE / f"{module}.py")
    if MANIFEST.startswith(only or ""):
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


if __name__ == "__main__":
    json.dump(list(made(*sys.argv[1:])), sys.stdout)
