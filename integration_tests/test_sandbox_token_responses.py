"""Token responses that are slow, or have fields that no documentation promises."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from sandbox import MISSING, Sandbox
from sandbox.client import Client
from sandbox.facts import TOKEN_PATH


def test_token_latency_delays_the_response_after_the_exchange() -> None:
    with Sandbox(videos=0, token_latency=0.4) as sandbox, Client(sandbox) as client:
        start = time.monotonic()
        quick = client.user_info().status_code
        quick_time = time.monotonic() - start
        status = client.refresh(sandbox.grant().refresh_token).status_code

        assert (quick, status) == (200, 200)
        assert quick_time < 0.4 < time.monotonic() - start


def test_token_latency_uses_the_token_up_before_the_response() -> None:
    with Sandbox(videos=0, token_latency=0.4) as sandbox, Client(sandbox) as client:
        grant = sandbox.grant()
        old = grant.refresh_token
        form = {"client_key": sandbox.client_key, "client_secret": sandbox.client_secret}
        form |= {"grant_type": "refresh_token", "refresh_token": old}

        with pytest.raises(requests.ReadTimeout):
            client.send("POST", TOKEN_PATH, data=form, timeout=0.15)
        assert grant.refresh_token != old
        assert client.refresh(old).json()["error"] == "invalid_grant"


def _refreshed(sandbox: Sandbox) -> Any:
    with Client(sandbox) as client:
        return client.refresh(sandbox.grant().refresh_token).json()


def test_token_response_replaces_adds_and_drops_fields() -> None:
    with Sandbox(videos=0) as sandbox:
        usual = _refreshed(sandbox)
        sandbox.token_response(expires_in=5, open_id=7_001, scope="user.info.basic video.list", captcha="")
        sandbox.token_response(refresh_token=MISSING, refresh_expires_in=None)
        changed = [_refreshed(sandbox) for _ in range(2)]

    for response in changed:
        assert set(response) == {*usual, "captcha"} - {"refresh_token"}
        assert (response["expires_in"], response["open_id"], response["refresh_expires_in"]) == (5, 7_001, None)
        assert (response["scope"], response["token_type"]) == ("user.info.basic video.list", "Bearer")


def test_token_response_leaves_the_tokens_as_they_are() -> None:
    with Sandbox(videos=0) as sandbox:
        sandbox.token_response(expires_in=0)
        with Client(sandbox, _refreshed(sandbox)["access_token"]) as client:
            assert client.user_info().status_code == 200


def test_reset_forgets_the_token_responses_fields() -> None:
    with Sandbox(videos=0) as sandbox:
        sandbox.token_response(token_type=MISSING)
        changed = _refreshed(sandbox)
        sandbox.reset()

        assert "token_type" not in changed
        assert _refreshed(sandbox)["token_type"] == "Bearer"


def test_token_limited_has_no_error_and_leaves_the_token_alive() -> None:
    with Sandbox(videos=0) as sandbox, Client(sandbox) as client:
        token = sandbox.grant().refresh_token
        sandbox.fail(TOKEN_PATH, "token_limited")
        limited, later = client.refresh(token), client.refresh(token)

        assert (limited.status_code, set(limited.json())) == (200, {"log_id", "open_id"})
        assert limited.json()["log_id"] == sandbox.requests[0].log_id
        assert later.status_code == 200
