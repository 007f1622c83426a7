"""Requests that follow the documentation, and that TikTok may refuse all the same: no violation."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import Sandbox, Settings
from sandbox.client import Client
from sandbox.facts import USER_INFO_PATH, VIDEO_LIST_PATH


def _error(response: Any) -> tuple[int, str, str]:
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"]


def test_a_refused_field_fails_the_request_without_a_violation() -> None:
    with Sandbox(videos=1, refused_fields=("is_aigc", "bio_description")) as sandbox, Client(sandbox) as client:
        refused = [client.video_list(("id", "is_aigc")), client.user_info(("open_id", "bio_description"))]
        right = [client.video_list(("id", "title")), client.user_info(("open_id", "username"))]

        assert [_error(response)[:2] for response in refused] == [(400, "invalid_params")] * 2
        assert [_error(response)[:2] for response in right] == [(200, "ok")] * 2
        sandbox.check()


def test_an_unknown_refused_field_cannot_be_set() -> None:
    with pytest.raises(ValueError, match=r"refused_fields has unknown fields \['aigc'\]; known: open_id"):
        Settings(refused_fields=("aigc",))


@pytest.mark.parametrize("encoded", ["%2C", "%2c"])
def test_refuse_encoded_commas_refuses_them_without_a_violation(encoded: str) -> None:
    with Sandbox(videos=1, refuse_encoded_commas=True) as sandbox, Client(sandbox) as client:
        assert _error(_get_user(client, encoded)) == (400, "invalid_params", "Fields is required")
        assert _error(_get_user(client, ","))[:2] == (200, "ok")
        listed = client.send("POST", f"{VIDEO_LIST_PATH}?fields=id{encoded}title", json={}, headers=client.bearer)
        assert _error(listed)[:2] == (400, "invalid_params")
        sandbox.check()


def test_encoded_commas_are_read_unless_refused() -> None:
    with Sandbox(videos=1) as sandbox, Client(sandbox) as client:
        assert _error(_get_user(client, "%2C"))[:2] == (200, "ok")


def _get_user(client: Client, comma: str) -> Any:
    return client.send("GET", f"{USER_INFO_PATH}?fields=open_id{comma}username", headers=client.bearer)
