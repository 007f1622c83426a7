"""Every sentence that the connector can say in an error or a warning, and what the documentation says about it."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from source_tiktok_organic.source import load_manifest
from unit_tests import markdown

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "source_tiktok_organic"
PAGE = ROOT / "docs" / "integrations" / "sources" / "tiktok-organic.md"
SKILL = ROOT / "docs" / "tiktok-organic-skill.md"

MANIFEST = load_manifest()
TOKEN_ERRORS: dict[str, Any] = MANIFEST["definitions"]["authenticator"]["authenticators"]["oauth2.0"]["token_errors"]
FILTERS: list[dict[str, Any]] = MANIFEST["definitions"]["error_handler"]["response_filters"]
OUR_OWN_CODES = {"no_valid_answer", "answer_lost", "unknown"}


def written(node: ast.AST) -> str | None:
    """The text of a literal, with … for each value that is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        return text.replace("….…", "…")
    return None


def sentences(path: Path) -> list[str]:
    """The sentences that a module can say to a person, in errors and warnings."""
    tree = ast.parse(path.read_text())
    aside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            aside.update(map(id, node.values))
        elif isinstance(node, ast.Expr):  # docstrings
            aside.add(id(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "info":
            aside.update(map(id, node.args))
        elif isinstance(node, ast.keyword) and node.arg == "internal_message":
            aside.add(id(node.value))
    texts = (written(node) for node in ast.walk(tree) if id(node) not in aside)
    return [text for text in texts if text and re.search(r"\w\W*\.( |$)|: …$", text) and len(text.split()) > 4]


MODULES = ("components.py", "authenticators.py", "source.py", "run.py")
IN_CODE = [(name, sentence) for name in MODULES for sentence in sentences(PACKAGE / name)]
IN_MANIFEST = [
    *((code, error["message"]) for code, error in TOKEN_ERRORS.items()),
    *(("error_handler", f["error_message"]) for f in FILTERS if "error_message" in f),
]


@pytest.mark.parametrize(("place", "sentence"), [*IN_MANIFEST, *IN_CODE])
def test_given_a_sentence_of_the_connector_when_searched_then_page_and_skill_file_have_it(
    place: str, sentence: str
) -> None:
    for path in (PAGE, SKILL):
        assert f"| {sentence} |" in path.read_text()


def test_given_the_modules_when_searched_for_sentences_then_there_are_as_many_as_known() -> None:
    """So that the search itself cannot stop working in silence."""
    by_module = {name: sum(1 for place, _ in IN_CODE if place == name) for name in dict(IN_CODE)}
    assert set(by_module) == set(MODULES)
    assert (by_module["components.py"], by_module["authenticators.py"], by_module["run.py"]) == (11, 1, 2)
    assert by_module["source.py"] >= 7


def test_given_the_failure_types_in_the_manifest_when_compared_then_the_page_names_the_same() -> None:
    documented = {row[1]: row[2] for row in markdown.rows(markdown.section(PAGE, "### Errors")) if len(row) == 4}
    expected = [(e["message"], e["failure_type"]) for e in TOKEN_ERRORS.values()]
    expected += [(f["error_message"], f.get("failure_type", "none")) for f in FILTERS if "error_message" in f]
    wrong = {m: (documented.get(m), kind) for m, kind in expected if not documented.get(m, "").startswith(kind)}
    assert wrong == {}


def test_given_tiktoks_error_codes_when_looked_up_then_each_stands_beside_its_message() -> None:
    documented = {(row[0], row[1]) for row in markdown.rows(markdown.section(PAGE, "### Errors")) if len(row) == 4}
    expected = [(code, error["message"]) for code, error in TOKEN_ERRORS.items() if code not in OUR_OWN_CODES]
    expected += [
        (code, f["error_message"])
        for f in FILTERS
        for code in re.findall(r"'(\w+)'", f.get("predicate", "") if "!= 'ok'" not in f.get("predicate", "") else "")
        if "error_message" in f
    ]
    assert len(expected) > 12
    missing = [(c, m) for c, m in expected if not any(f"`{c}`" in codes and text == m for codes, text in documented)]
    assert missing == []
