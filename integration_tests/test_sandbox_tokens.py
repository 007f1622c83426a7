"""Lifetimes, rotation and scopes of tokens, and the rate windows.

These decide whether a connector survives its second day; each rule here has a switch where sources disagree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import ALL_SCOPES, Sandbox
from sandbox.client import Client
from sandbox.facts import (
    REVOKE_PATH,
    SCOPE_OF_USER_FIELD,
    USER_FIELDS_BY_SCOPE,
    USER_INFO_PATH,
    VIDEO_LIST_PATH,
)

_DAY = 86_400  # s
_DEAD = {"error": "invalid_grant", "error_description": "Refresh token is invalid or expired."}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(videos=3) as sandbox:
        yield sandbox


def _code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def _without_log_id(response: Any) -> dict[str, Any]:
    return {key: value for key, value in response.json().items() if key != "log_id"}


def test_rotation_uses_the_old_refresh_token_up(sandbox: Sandbox) -> None:
    grant = sandbox.grant()
    first = grant.refresh_token
    with Client(sandbox) as client:
        second = client.refresh(first).json()["refresh_token"]
        again, third = client.refresh(first), client.refresh(second).json()["refresh_token"]

    assert len({first, second, third}) == 3
    assert (again.status_code, _without_log_id(again)) == (400, _DEAD)
    assert grant.refresh_token == third
    sandbox.check()


def test_fixed_tokens_work_for_each_account_after_a_reset_too() -> None:
    with Sandbox(videos=1, accounts=2, fixed_tokens=True) as sandbox:
        for _ in range(2):
            for number, account in enumerate(sandbox.accounts):
                with Client(sandbox, f"act.sandbox.{number}") as client:
                    assert client.user_info().json()["data"]["user"] == {"open_id": account.open_id}
                    assert client.refresh(f"rft.sandbox.{number}").json()["open_id"] == account.open_id
            sandbox.reset()


def test_without_rotation_the_same_refresh_token_comes_back() -> None:
    with Sandbox(rotate_refresh_tokens=False, videos=0) as sandbox, Client(sandbox) as client:
        token = sandbox.grant().refresh_token
        responses = [client.refresh(token).json() for _ in range(2)]

    assert [response["refresh_token"] for response in responses] == [token, token]
    assert responses[0]["access_token"] != responses[1]["access_token"]


def test_old_access_tokens_still_work_after_a_refresh(sandbox: Sandbox) -> None:
    grant = sandbox.grant()
    with Client(sandbox, grant.access_token) as client:
        client.access_token, old = client.refresh(grant.refresh_token).json()["access_token"], client.access_token
        new_status = client.user_info().status_code
        client.access_token = old

        assert (new_status, client.user_info().status_code) == (200, 200)


def test_an_access_token_dies_after_its_lifetime(sandbox: Sandbox) -> None:
    with Client(sandbox) as client:
        sandbox.advance(7_190)
        young = client.user_info().status_code
        sandbox.advance(10)

        assert (young, _code(client.user_info())) == (200, (401, "access_token_invalid"))
    sandbox.check()


def test_the_refresh_lifetime_counts_down_to_its_end(sandbox: Sandbox) -> None:
    token = sandbox.grant().refresh_token
    with Client(sandbox) as client:
        sandbox.advance(100 * _DAY)
        response = client.refresh(token).json()
        sandbox.advance(80 * _DAY)
        late = client.refresh(response["refresh_token"])

    assert (response["expires_in"], response["refresh_expires_in"]) == (7_200, pytest.approx(80 * _DAY, abs=2))
    assert _without_log_id(late) == _DEAD


def test_refresh_prolongs_starts_the_lifetime_anew() -> None:
    with Sandbox(refresh_prolongs=True, videos=0) as sandbox, Client(sandbox) as client:
        token = sandbox.grant().refresh_token
        sandbox.advance(100 * _DAY)

        assert client.refresh(token).json()["refresh_expires_in"] == 180 * _DAY


@pytest.mark.parametrize("status", [200, 400])
def test_token_error_status_is_the_status_of_a_token_error(status: int) -> None:
    with Sandbox(token_error_status=status, videos=0) as sandbox, Client(sandbox) as client:
        response = client.refresh("rft.dead")

    assert (response.status_code, _without_log_id(response)) == (status, _DEAD)


def test_data_error_status_is_the_status_of_a_data_error() -> None:
    with Sandbox(data_error_status=200, videos=0) as sandbox, Client(sandbox, "act.unknown") as client:
        assert _code(client.user_info()) == (200, "access_token_invalid")


def test_a_wrong_secret_leaves_the_refresh_token_alive(sandbox: Sandbox) -> None:
    token = sandbox.grant().refresh_token
    with Client(sandbox) as client:
        wrong = client.token(grant_type="refresh_token", refresh_token=token, client_secret="wrong")

        assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_client")
        assert client.refresh(token).status_code == 200


def test_a_refresh_helps_after_access_tokens_are_revoked(sandbox: Sandbox) -> None:
    grant = sandbox.grant()
    with Client(sandbox, grant.access_token) as client:
        sandbox.revoke_access_tokens()
        refused = client.user_info()
        client.access_token = client.refresh(grant.refresh_token).json()["access_token"]

        assert (_code(refused), client.user_info().status_code) == ((401, "access_token_invalid"), 200)


def test_expired_refresh_tokens_leave_access_tokens_working(sandbox: Sandbox) -> None:
    grant = sandbox.grant()
    with Client(sandbox, grant.access_token) as client:
        sandbox.expire_refresh_tokens()

        assert _without_log_id(client.refresh(grant.refresh_token)) == _DEAD
        assert client.user_info().status_code == 200


def test_a_revocation_ends_all_tokens_of_the_consent(sandbox: Sandbox) -> None:
    grant, other = sandbox.grant(), sandbox.grant()
    form = {"client_key": sandbox.client_key, "client_secret": sandbox.client_secret, "token": grant.access_token}
    with Client(sandbox, grant.access_token) as client:
        revoked = client.send("POST", REVOKE_PATH, data=form)

        assert (revoked.status_code, revoked.json()) == (200, {})
        assert _code(client.user_info()) == (401, "access_token_invalid")
        assert _without_log_id(client.refresh(grant.refresh_token)) == _DEAD
        assert client.refresh(other.refresh_token).status_code == 200


def test_configs_are_ready_for_the_connector(sandbox: Sandbox) -> None:
    oauth = sandbox.config(scopes=("user.info.basic", "video.list"), start_date="2024-01-01")
    direct = sandbox.access_token_config(num_workers=4)

    token = oauth["credentials"].pop("refresh_token")
    assert oauth == {
        "credentials": {
            "auth_type": "oauth2.0",
            "client_key": sandbox.client_key,
            "client_secret": sandbox.client_secret,
        },
        "start_date": "2024-01-01",
    }
    with Client(sandbox, direct["credentials"].pop("access_token")) as client:
        assert client.user_info().status_code == 200
        assert client.refresh(token).json()["scope"] == "user.info.basic,video.list"
    assert direct == {"credentials": {"auth_type": "access_token"}, "num_workers": 4}


@pytest.mark.parametrize(("field", "scope"), SCOPE_OF_USER_FIELD.items(), ids=SCOPE_OF_USER_FIELD)
def test_a_field_of_a_missing_scope_fails_the_request(sandbox: Sandbox, field: str, scope: str) -> None:
    others = tuple(other for other in ALL_SCOPES if other != scope)
    rest = tuple(name for other in others for name in USER_FIELDS_BY_SCOPE.get(other, ()))
    with Client(sandbox, sandbox.grant(scopes=others).access_token) as client:
        assert _code(client.user_info((*rest, field))) == (401, "scope_not_authorized")
        assert _code(client.user_info(rest)) == (200, "ok")
    sandbox.check()


@pytest.mark.parametrize(
    ("scope_error", "expected"),
    [
        ("scope_not_authorized", (401, "scope_not_authorized")),
        ("scope_permission_missed", (400, "scope_permission_missed")),
    ],
)
def test_scope_error_is_the_code_for_a_missing_scope(scope_error: str, expected: tuple[int, str]) -> None:
    with Sandbox(scope_error=scope_error) as sandbox:
        token = sandbox.grant(scopes=("user.info.basic",)).access_token
        with Client(sandbox, token) as client:
            assert _code(client.video_list()) == expected
        sandbox.check()


def test_token_limit_parameters_scope_are_checked_in_this_order() -> None:
    with Sandbox(rate_limit=2, videos=0) as sandbox:
        modest = sandbox.grant(scopes=("user.info.basic",)).access_token
        with Client(sandbox, "act.unknown") as client:
            responses = [client.user_info(("nonsense",))]
            client.access_token = modest
            responses += [client.user_info(("nonsense",)), client.user_info(("username",))]
            responses += [client.user_info(("nonsense",))]

    assert [_code(response)[1] for response in responses] == [
        "access_token_invalid",
        "invalid_params",
        "scope_not_authorized",
        "rate_limit_exceeded",
    ]


def test_a_full_window_gives_429_until_a_request_leaves_it() -> None:
    with Sandbox(rate_limit=3, rate_window=60.0, videos=0) as sandbox, Client(sandbox) as client:
        statuses = []
        for pause in (0, 30, 0, 0, 25, 6, 0):
            sandbox.advance(pause)
            statuses.append(client.user_info().status_code)
        other = client.video_list().status_code
        sandbox.check()

    # The request at 0 s leaves the window at 60 s: the one at 61 s is let in, the next one not.
    assert statuses == [200, 200, 200, 429, 429, 200, 429]
    assert other == 200


def test_the_accounts_of_an_app_share_the_rate_limit() -> None:
    with Sandbox(rate_limit=2, accounts=2, videos=0) as sandbox:
        statuses = []
        for account in (*sandbox.accounts, sandbox.account):
            with Client(sandbox, sandbox.grant(account).access_token) as client:
                statuses.append(_code(client.user_info()))

    assert statuses == [(200, "ok"), (200, "ok"), (429, "rate_limit_exceeded")]


def test_reset_leaves_only_the_accounts(sandbox: Sandbox) -> None:
    before = sandbox.account.videos
    grant = sandbox.grant()
    sandbox.fail(VIDEO_LIST_PATH, "http_500")
    with Client(sandbox, grant.access_token) as client:
        client.video_list(max_count=21)
        sandbox.fail(USER_INFO_PATH, "http_500")
        sandbox.reset()

        assert (sandbox.requests, sandbox.violations, sandbox.in_flight_peak(VIDEO_LIST_PATH)) == ([], [], 0)
        assert _code(client.user_info()) == (401, "access_token_invalid")
        assert _without_log_id(client.refresh(grant.refresh_token)) == _DEAD
    assert sandbox.account.videos == before
