"""The sandbox's README names everything that there is: a switch nobody knows of is a switch nobody uses."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from integration_tests import acceptance
from sandbox import Sandbox, Settings, control, rules
from sandbox.client import Client
from sandbox.facts import USER_FIELDS, VIDEO_FIELDS, VIDEO_LIST_PATH
from sandbox.faults import DESCRIPTIONS
from sandbox.rules import RULES, STRENGTHS

_FOLDER = Path(__file__).parents[1] / "sandbox"
_README = (_FOLDER / "README.md").read_text(encoding="utf-8")
_RECORDED = Path(__file__).parent / "recorded"
_CLASS_NAMES = [name for name in vars(Sandbox) if not name.startswith("_")]
_SETTINGS = {field.name for field in fields(Settings)}


def test_the_readmes_tables_are_those_of_the_code() -> None:
    assert rules.render(_README) == _README


def test_render_puts_the_tables_between_the_markers() -> None:
    text = "a\n<!-- generated: {} -->\nstale\n<!-- /generated -->\nb"
    rendered = [rules.render(text.format(name)) for name in ("rules", "settings", "faults")]

    assert all("stale" not in table and table[:2] + table[-2:] == "a\n\nb" for table in rendered)
    assert all(f"| {rule.rule} |" in rendered[0] for rule in RULES)
    assert all(f"| `{name}` |" in rendered[1] for name in _SETTINGS)
    assert all(f"| `{name}` |" in rendered[2] for name in DESCRIPTIONS)


def test_writing_the_readme_again_repairs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "README.md"
    copy.write_text(_README.replace("| `seed` |", "| `sed` |"), encoding="utf-8")
    monkeypatch.setattr(rules, "README", copy)

    rules.main()

    assert copy.read_text(encoding="utf-8") == _README


def test_every_rule_names_what_there_is() -> None:
    assert {rule.strength for rule in RULES} == set(STRENGTHS)
    assert [name for rule in RULES for name in rule.switches if name not in _SETTINGS] == []
    assert [rule for rule in RULES if rule.recorded and not (_RECORDED / rule.recorded).is_file()] == []
    assert [rule for rule in RULES if rule.recorded and rule.strength != "recorded"] == []


def test_the_readme_leads_to_files_that_exist() -> None:
    links = re.findall(r"\]\((\.\./[^)]+)\)", _README)

    assert links
    assert [link for link in links if not (_FOLDER / link).is_file()] == []


@pytest.mark.parametrize("name", sorted(set(_CLASS_NAMES) - {"client_key", "client_secret", "start", "stop"}))
def test_the_readme_names_every_method(name: str) -> None:
    assert f"`{name}" in _README or f".{name}" in _README


@pytest.mark.parametrize(("method", "name"), control._CONTROLS)
def test_the_readme_names_every_control(method: str, name: str) -> None:
    assert f"`{method} {control.PREFIX}{name}`" in _README


def test_the_readmes_limits_come_before_the_usage() -> None:
    assert _README.index("## What it does not do") < _README.index("## Usage")


def test_the_readmes_example_takes_the_requests_that_it_names() -> None:
    with Sandbox(videos=1500, years=3, seed=7) as sandbox, Client(sandbox) as client:
        videos = [video for page in client.pages() for video in page["videos"]]

        assert videos == sandbox.account.videos
        assert f'video/list/")) == {len(sandbox.requests_to(VIDEO_LIST_PATH))}' in _README
        sandbox.check()


def test_no_file_has_a_plain_http_address() -> None:
    """Airbyte's checks ask for it; comments may."""
    plain = "http" + "://"
    lines = [line for path in _FOLDER.iterdir() if path.is_file() for line in path.read_text().splitlines()]

    assert [line for line in lines if plain in line.partition("# ")[0]] == []


def test_fields_come_from_one_table() -> None:
    account = Sandbox(videos=1).account

    assert tuple(account.user) == USER_FIELDS
    assert tuple(account.videos[0]) == VIDEO_FIELDS


def test_expected_records_are_those_of_the_acceptance_sandbox() -> None:
    assert acceptance.EXPECTED.read_text(encoding="utf-8") == acceptance.expected_records()


def test_writing_the_expected_records_again_repairs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    current = acceptance.EXPECTED.read_text(encoding="utf-8")
    monkeypatch.setattr(acceptance, "EXPECTED", tmp_path / "expected_records.jsonl")

    acceptance.main()

    assert acceptance.EXPECTED.read_text(encoding="utf-8") == current
