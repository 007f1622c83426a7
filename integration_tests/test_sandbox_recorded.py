"""The sandbox's responses have the structure of those recorded from the real API.

A connector that is only tested against invented responses fails on its first real account.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from integration_tests.live.records import differences
from integration_tests.live_runs import ProbeRun
from sandbox import ALL_SCOPES, Sandbox, Settings
from sandbox.client import Client
from sandbox.rules import RULES

RECORDED = Path(__file__).parent / "recorded"
BASIC = ("user.info.basic",)
LOG_ID = re.compile(r"\d{14}[0-9A-F]{20}")


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))


def form(value: Any) -> Any:
    """Names, nesting and types; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: form(item) for key, item in value.items()}
    if isinstance(value, list):
        return [form(value[0])] if value else []
    return type(value).__name__


def without_log_id(payload: Any) -> Any:
    """A response without its log id, which must have the recorded format; it is at the top or within `error`."""
    holder = payload if "log_id" in payload else payload["error"]
    assert LOG_ID.fullmatch(holder.pop("log_id"))
    return payload


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(videos=40) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox) as caller:
        yield caller


def test_responses_have_the_form_of_every_recording() -> None:
    """Recordings added from `make live` are compared too, and need no test of their own."""
    ours: dict[str, Any] = {}
    cases: list[tuple[dict[str, Any], Sequence[str]]] = [
        ({}, ALL_SCOPES),
        ({}, BASIC),
        ({"videos": 0}, ALL_SCOPES),
        ({"rate_limit": 9}, ALL_SCOPES),
    ]
    for settings, scopes in cases:
        with Sandbox(**settings) as running:
            ours |= ProbeRun(running, running.config(scopes=scopes)).run().records.bodies()
    theirs = {path.stem: recorded(path.stem) for path in RECORDED.glob("*.json")}

    compared = {name.partition(".")[0] for name in theirs} & {name.partition(".")[0] for name in ours}
    assert compared >= {
        *("token_refresh", "token_invalid_grant", "access_token_invalid", "scope_not_authorized"),
        *("video_list_empty_account", "video_query_unknown_id"),
    }
    assert differences(theirs, ours) == []


def test_tokens_and_profile_have_the_recorded_form(sandbox: Sandbox, client: Client) -> None:
    profile = recorded("user_info_basic_profile_stats")

    assert form(client.refresh(sandbox.grant().refresh_token).json()) == form(recorded("token_exchange"))
    assert form(client.user_info(tuple(profile["data"]["user"])).json()) == form(profile)


@pytest.mark.parametrize("place", [0, 1], ids=["photo", "video"])
def test_videos_have_the_recorded_types(client: Client, place: int) -> None:
    row = {**recorded("video_object"), **recorded("video_rows_photo_and_video")[place]}

    videos = [video for page in client.pages(tuple(row)) for video in page["videos"]]

    assert len(videos) == 40
    assert all(form(video) == form(row) for video in videos)


def test_errors_match_the_recorded_ones(sandbox: Sandbox, client: Client) -> None:
    with Client(sandbox, "act.unknown") as stranger, Client(sandbox, sandbox.grant(scopes=BASIC).access_token) as basic:
        rejected = stranger.user_info()
        unauthorized = basic.user_info(("open_id", "video_count"))
    expired = client.refresh("rft.expired")

    assert [response.status_code for response in (rejected, unauthorized, expired)] == [401, 401, 400]
    assert without_log_id(rejected.json()) == without_log_id(recorded("access_token_invalid.401"))
    assert without_log_id(unauthorized.json()) == without_log_id(recorded("scope_not_authorized.401"))
    assert without_log_id(expired.json()) == without_log_id(recorded("token_invalid_grant"))


def test_rules_name_switches_and_recordings_that_exist() -> None:
    switches = {field.name for field in fields(Settings)}
    named = {rule.recorded for rule in RULES if rule.recorded}

    assert {name for rule in RULES for name in rule.switches} <= switches
    assert named <= {path.name for path in RECORDED.iterdir()}
