"""The sandbox's README names everything that there is: a switch nobody knows of is a switch nobody uses."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from sandbox import Sandbox, Settings
from sandbox.client import Client
from sandbox.facts import VIDEO_LIST_PATH
from sandbox.faults import DESCRIPTIONS

_README = (Path(__file__).parents[1] / "sandbox" / "README.md").read_text(encoding="utf-8")
_CLASS_NAMES = [name for name in vars(Sandbox) if not name.startswith("_")]


@pytest.mark.parametrize("name", [*(field.name for field in fields(Settings)), *DESCRIPTIONS])
def test_given_a_setting_or_fault_when_looked_up_then_the_readme_explains_it(name: str) -> None:
    assert f"`{name}`" in _README


@pytest.mark.parametrize("name", sorted(set(_CLASS_NAMES) - {"client_key", "client_secret", "start", "stop"}))
def test_given_a_method_when_looked_up_then_the_readme_names_it(name: str) -> None:
    assert f"`{name}" in _README or f".{name}" in _README


def test_given_the_readme_when_read_then_the_limits_come_before_the_usage() -> None:
    assert _README.index("## What it does not do") < _README.index("## Usage")


def test_given_the_readmes_example_when_run_then_it_takes_the_requests_that_it_names() -> None:
    with Sandbox(videos=1500, years=3, seed=7) as sandbox, Client(sandbox) as client:
        videos = [video for page in client.pages() for video in page["videos"]]

        assert videos == sandbox.account.videos
        assert f'video/list/")) == {len(sandbox.requests_to(VIDEO_LIST_PATH))}' in _README
        sandbox.check()
