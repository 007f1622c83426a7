"""`tiktok-organic-sign-in --check`: one line per check, without using a refresh token."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from source_tiktok_organic.sign_in import command as sign_in
from unit_tests.sign_in.person import CREDENTIALS, DEFAULT_OUTPUT, SECRET, TOKEN_URL, USER_URL
from unit_tests.tiktok import TOKEN_RESPONSE, error_response, ok_response

VIDEO_URL = "https://open.tiktokapis.com/v2/video/list/"
USER = {"open_id": "_000account", "display_name": "Some Body", "username": "somebody", "follower_count": 5}
ALL_PASSED = """\
✓ Config secrets/config.json: OAuth 2.0
- Token store: not in use (TIKTOK_TOKEN_STORE); each CONNECTOR_CONFIG must be stored instead
✓ TikTok's API: https://open.tiktokapis.com can be reached
✓ Client key and client secret: accepted
- Refresh token: expires on 2027-05-01; not tried: add --refresh, which uses up the refresh token and stores the next \
one in this file
✓ Access token: accepted, valid until 2026-11-02 13:59 UTC
✓ Account: Some Body @somebody
✓ Scope user.info.basic: granted
✓ Scope user.info.profile: granted
✓ Scope user.info.stats: granted
✓ Scope video.list: granted
✓ Rate limit: not reached
""".splitlines()
NETWORK, APP, REFRESH, ACCESS, RATE = 2, 3, 4, 5, 11  # lines of it
AGAIN = "Run tiktok-organic-sign-in again"


class TikTok:
    """TikTok's responses; each test changes those it is about."""

    def __init__(self, mocker: Any) -> None:
        self.mocker = mocker
        self.refused_fields: list[str] = []
        self.app_error: dict[str, Any] = {"error": "invalid_grant"}
        self.refresh: dict[str, Any] = TOKEN_RESPONSE
        mocker.post(TOKEN_URL, json=self.token)
        mocker.get(USER_URL, json=self.user)
        mocker.post(VIDEO_URL, **ok_response({"videos": [], "has_more": False}))

    def token(self, request: Any, context: Any) -> Any:
        form = dict(parse_qsl(request.text))
        return self.refresh if form["refresh_token"] == CREDENTIALS["refresh_token"] else self.app_error

    def user(self, request: Any, context: Any) -> Any:
        fields = request.qs["fields"][0].split(",")
        if set(fields) & set(self.refused_fields):
            context.status_code = 401
            return error_response("scope_not_authorized", 401)["json"]
        return ok_response({"user": {name: USER[name] for name in fields}})["json"]

    @property
    def refreshes(self) -> int:
        forms = [dict(parse_qsl(r.text)) for r in self.mocker.request_history if r.url == TOKEN_URL]
        return sum(form["refresh_token"] == CREDENTIALS["refresh_token"] for form in forms)


@pytest.fixture
def api(tiktok: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TikTok:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIKTOK_TOKEN_STORE", raising=False)
    write({"credentials": CREDENTIALS, "start_date": "2024-01-01"})
    return TikTok(tiktok)


def write(config: Any) -> None:
    DEFAULT_OUTPUT.parent.mkdir(exist_ok=True)
    DEFAULT_OUTPUT.write_text(json.dumps(config))


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[str]]]:
    """Runs the check; returns its exit code and lines."""

    def check(*argv: str) -> tuple[int, list[str]]:
        exit_code = sign_in.main(["--check", *argv])
        out, err = capsys.readouterr()
        assert (err, SECRET in out, "act." in out, "rft." in out) == ("", False, False, False)
        return exit_code, out.splitlines()

    return check


def differing(lines: list[str]) -> list[str]:
    """The lines that differ from those of a check that passes."""
    return [line for line in lines if line not in ALL_PASSED]


def test_valid_credentials_pass_without_using_a_token(check: Any, api: TikTok) -> None:
    before = DEFAULT_OUTPUT.read_bytes()
    assert check() == (0, ALL_PASSED)
    assert (api.refreshes, DEFAULT_OUTPUT.read_bytes()) == (0, before)


def test_wrong_client_secret_is_found_with_a_valid_token(check: Any, api: TikTok) -> None:
    """Airbyte's check would pass, and the first sync two hours later would fail."""
    api.app_error = {"error": "invalid_client", "error_description": "Client key or secret is incorrect."}
    text = "TikTok rejects the client key or client secret. Copy both from your app's page on TikTok for Developers"
    expected = [*ALL_PASSED]
    expected[APP] = f"✗ Client key and client secret: {text}."
    assert check() == (1, expected)


@pytest.mark.parametrize(
    ("body", "code"),
    [({"error": "moon_phase"}, "moon_phase"), ({}, "no error code"), ({"error": {}}, "no error code")],
)
def test_unknown_token_error_is_reported_as_not_checked(body: Any, code: str, check: Any, api: TikTok) -> None:
    api.app_error = body
    exit_code, lines = check()
    text = f"- Client key and client secret: not checked, as TikTok responds with {code}"
    assert (exit_code, differing(lines)) == (0, [text])


def test_unreadable_token_response_is_reported_as_not_checked(check: Any, api: TikTok) -> None:
    api.mocker.post(TOKEN_URL, text="<html>", status_code=502)
    exit_code, lines = check()
    assert exit_code == 0
    assert differing(lines) == [
        "- Client key and client secret: not checked, as TikTok responds with no error code",
    ]


def test_missing_scopes_are_listed_with_their_lost_columns(check: Any, api: TikTok) -> None:
    api.refused_fields = ["username", "follower_count"]
    api.mocker.post(VIDEO_URL, **error_response("scope_not_authorized", 401))
    advice = f"{AGAIN} and grant it, if the app has it"
    profile = "bio_description, profile_deep_link, username, is_verified"
    stats = "follower_count, following_count, likes_count, video_count"
    exit_code, lines = check()
    assert exit_code == 1
    assert differing(lines) == [
        "✓ Account: Some Body",
        f"✗ Scope user.info.profile: not granted; {profile} of user_info will be null. {advice}.",
        f"✗ Scope user.info.stats: not granted; {stats} of user_info will be null. {advice}.",
        f"✗ Scope video.list: not granted; videos can't be read. {advice}.",
    ]


def test_account_without_a_readable_name_passes(check: Any, api: TikTok) -> None:
    api.refused_fields = ["open_id", "display_name", "username"]
    _, lines = check()
    assert "✓ Access token: accepted, valid until 2026-11-02 13:59 UTC" in lines
    assert "✓ Account: its name is not readable with these scopes" in lines


def test_expired_access_token_leaves_the_rest_unchecked(check: Any, api: TikTok) -> None:
    api.mocker.get(USER_URL, **error_response("access_token_invalid", 401))
    exit_code, lines = check()
    text = (
        "- Access token: expired; the connector will refresh it. Account and scopes are not checked: add --refresh, "
        "which uses up the refresh token and stores the next one in this file"
    )
    assert (exit_code, lines) == (0, [*ALL_PASSED[:ACCESS], text, ALL_PASSED[RATE]])


def test_refresh_on_demand_stores_the_next_tokens(check: Any, api: TikTok) -> None:
    exit_code, lines = check("--refresh")
    assert (exit_code, api.refreshes) == (0, 1)
    assert differing(lines) == ["✓ Refresh token: accepted, and the next one is stored, expires on 2027-05-01"]
    assert json.loads(DEFAULT_OUTPUT.read_text()) == {"credentials": CREDENTIALS, "start_date": "2024-01-01"}
    assert api.mocker.request_history[-1].headers["Authorization"] == "Bearer act.fresh"


def test_refresh_response_may_lack_all_but_the_token(check: Any, api: TikTok) -> None:
    """Until mid-2026 it could also repeat the refresh token."""
    api.refresh = {"access_token": "act.newer"}
    _, lines = check("--refresh")
    assert "✓ Refresh token: accepted, and the next one is stored" in lines
    stored = json.loads(DEFAULT_OUTPUT.read_text())["credentials"]
    assert stored == {**CREDENTIALS, "access_token": "act.newer", "token_expiry_date": ""}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": "invalid_grant"}, "The refresh token is expired, revoked or already used."),
        ({"error": "invalid_client"}, "TikTok rejects the client key or client secret."),
        ({"error": "moon_phase"}, "TikTok rejected the token refresh with an unknown error."),
        ({"access_token": 5}, "TikTok's token endpoint returned no valid response."),
    ],
)
def test_expired_refresh_token_is_found_with_refresh(body: Any, text: str, check: Any, api: TikTok) -> None:
    api.refresh = body
    exit_code, lines = check("--refresh")
    (line,) = differing(lines)
    assert (exit_code, line.startswith(f"✗ Refresh token: {text}")) == (1, True)
    assert ("moon_phase" in line) is ("moon_phase" in body.values())
    assert json.loads(DEFAULT_OUTPUT.read_text())["credentials"] == CREDENTIALS


def test_refresh_is_skipped_if_it_cannot_be_stored(
    check: Any, api: TikTok, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def busy(path: Path, to: Path) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)
    assert sign_in.main(["--check", "--refresh"]) == 1
    assert "can't be written (Device or resource busy)" in capsys.readouterr().err
    assert api.refreshes == 0


@pytest.mark.parametrize(
    ("date", "text"),
    [
        ("2026-11-01T00:00:00+00:00", "✗ Refresh token: expired on 2026-11-01. Run tiktok-organic-sign-in again."),
        ("soon", "- Refresh token: its expiry date is not in the file; not tried:"),
        (None, "- Refresh token: its expiry date is not in the file; not tried:"),
        ("2026-12-01T00:00:00", "- Refresh token: expires on 2026-12-01; not tried:"),
    ],
)
def test_refresh_tokens_expiry_date_is_printed(date: Any, text: str, check: Any, api: TikTok) -> None:
    write({"credentials": {**CREDENTIALS, "refresh_token_expiry_date": date}})
    exit_code, lines = check()
    assert (exit_code, lines[REFRESH].startswith(text)) == (int(text[0] == "✗"), True)


def test_rate_limit_is_reported(check: Any, api: TikTok) -> None:
    api.mocker.post(VIDEO_URL, **error_response("rate_limit_exceeded", 429))
    exit_code, lines = check()
    assert exit_code == 1
    assert differing(lines) == [
        "- Scope video.list: not checked, as TikTok responds with rate_limit_exceeded",
        "✗ Rate limit: reached. Wait some minutes; other syncs may share the app.",
    ]


def test_unreachable_tiktok_stops_the_check(check: Any, api: TikTok) -> None:
    api.mocker.get(USER_URL, exc=requests.exceptions.ProxyError)
    text = "https://open.tiktokapis.com can't be reached (ProxyError). Check the network and HTTPS_PROXY."
    assert check() == (1, [*ALL_PASSED[:NETWORK], f"✗ TikTok's API: {text}"])


def test_gateway_error_is_reported_as_not_checked(check: Any, api: TikTok) -> None:
    api.mocker.get(USER_URL, text="<html>", status_code=502)
    exit_code, lines = check()
    text = "- Access token: not checked, as TikTok responds with HTTP 502"
    assert (exit_code, lines) == (0, [*ALL_PASSED[:ACCESS], text, ALL_PASSED[RATE]])


def test_access_token_alone_is_checked_too(check: Any, api: TikTok) -> None:
    write({"credentials": {"auth_type": "access_token", "access_token": "act.x"}})
    exit_code, lines = check()
    kind = "✓ Config secrets/config.json: an access token alone, which is never refreshed"
    expected = [kind, ALL_PASSED[NETWORK], "✓ Access token: accepted", *ALL_PASSED[ACCESS + 1 :]]
    assert (exit_code, lines) == (0, expected)


def test_expired_access_token_alone_fails(check: Any, api: TikTok) -> None:
    write({"credentials": {"auth_type": "access_token", "access_token": "act.x"}})
    api.mocker.get(USER_URL, **error_response("access_token_invalid", 401))
    exit_code, lines = check()
    assert (exit_code, lines[2].startswith("✗ Access token: The access token has expired")) == (1, True)


INVALID_AUTH_TYPE = "credentials.auth_type must be oauth2.0 or access_token"
BROKEN: dict[str, tuple[Any, str]] = {
    "nothing": ([], "there is no such file, or no JSON object in it"),
    "no credentials": ({"start_date": "2024-01-01"}, INVALID_AUTH_TYPE),
    "text for credentials": ({"credentials": "rft.x"}, INVALID_AUTH_TYPE),
    "unknown auth_type": ({"credentials": {"auth_type": "key"}}, INVALID_AUTH_TYPE),
    "no client key": ({"credentials": {**CREDENTIALS, "client_key": " "}}, "credentials.client_key is missing"),
    "refresh token is a number": (
        {"credentials": {**CREDENTIALS, "refresh_token": 5}},
        "credentials.refresh_token is missing",
    ),
}


@pytest.mark.parametrize(("config", "text"), BROKEN.values(), ids=BROKEN)
def test_malformed_config_is_reported_without_a_request(config: Any, text: str, check: Any, api: TikTok) -> None:
    write(config)
    assert check() == (1, [f"✗ Config secrets/config.json: {text}. {AGAIN}."])
    assert api.mocker.request_history == []


def test_pasted_line_breaks_are_stripped(check: Any, api: TikTok) -> None:
    write({"credentials": {name: f"{value}\n" for name, value in CREDENTIALS.items()}})
    assert check() == (0, ALL_PASSED)


def test_user_that_is_not_an_object_has_no_name(check: Any, api: TikTok) -> None:
    api.mocker.get(USER_URL, **ok_response({"user": ["Some Body"]}))
    assert differing(check()[1]) == ["✓ Account: its name is not readable with these scopes"]


def test_checked_file_may_have_another_name(check: Any, api: TikTok) -> None:
    DEFAULT_OUTPUT.rename("mine.json")
    assert check("--output", "mine.json")[1][0] == "✓ Config mine.json: OAuth 2.0"


# --- the token store ---


def test_unused_token_store_beside_the_config_is_found(check: Any, api: TikTok) -> None:
    Path("secrets/tokens").mkdir()
    exit_code, lines = check()
    assert exit_code == 1
    assert differing(lines) == [
        "✗ Token store: secrets/tokens exists but isn't used, so this file may be outdated. "
        "export TIKTOK_TOKEN_STORE=secrets/tokens."
    ]


def test_token_store_of_this_file_is_in_use(check: Any, api: TikTok, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_TOKEN_STORE", "secrets/tokens")
    exit_code, lines = check()
    assert (exit_code, differing(lines)) == (0, ["✓ Token store: secrets/tokens, has the tokens of this file"])
    assert len(list(Path("secrets/tokens").glob("*.json"))) == 1


def test_refresh_with_a_token_store_is_stored_in_both(check: Any, api: TikTok, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_TOKEN_STORE", "secrets/tokens")
    api.refresh = {**TOKEN_RESPONSE, "access_token": "act.next", "refresh_token": "rft.next"}
    _, lines = check("--refresh")
    assert "✓ Refresh token: accepted, and the next one is stored, expires on 2027-05-01" in lines
    (stored,) = Path("secrets/tokens").glob("*.json")
    assert json.loads(stored.read_text())["refresh_token"] == "rft.next"
    assert json.loads(DEFAULT_OUTPUT.read_text())["credentials"]["refresh_token"] == "rft.next"

    write({"credentials": CREDENTIALS})  # as of a client that stores nothing
    exit_code, lines = check()
    assert (exit_code, differing(lines)) == (0, ["✓ Token store: secrets/tokens, newer than this file"])
    assert api.mocker.request_history[-1].headers["Authorization"] == "Bearer act.next"


def test_unusable_token_store_says_what_to_do(check: Any, api: TikTok, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").touch()
    monkeypatch.setenv("TIKTOK_TOKEN_STORE", "file")
    exit_code, lines = check("--refresh")
    (line,) = [line for line in lines if "Token store" in line]
    assert (exit_code, line.startswith("✗ Token store: The token store file (environment variable")) == (1, True)
