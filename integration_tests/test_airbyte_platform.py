"""The OAuth button of Airbyte's form sends what Login Kit requires; unit_tests/test_oauth_spec.py tests its spec."""

from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from integration_tests.airbyte_platform import API, STATE, TIKTOK, Button
from integration_tests.conftest import StartSandbox
from integration_tests.truth import expected_ids, video_ids
from sandbox import ALL_SCOPES, Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from source_tiktok_organic.sign_in.login_kit import Attempt, Consent
from unit_tests.connector import InProcess

REDIRECT_URI = "https://airbyte.example/auth_flow"
APP = {"client_key": Sandbox.client_key, "client_secret": Sandbox.client_secret}
# The command `tiktok-organic-sign-in` uses Login Kit for desktop apps, where these are required.
PKCE = {"code_challenge", "code_challenge_method", "code_verifier"}
DESKTOP = Attempt(**APP, redirect_uri=REDIRECT_URI, state=STATE)


@pytest.fixture
def button() -> Button:
    (spec,) = InProcess().spec().of("SPEC")
    return Button(spec, APP, REDIRECT_URI)


def without_pkce(parameters: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if name not in PKCE}


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


def test_consent_url_matches_login_kit(button: Button) -> None:
    url = button.consent_url()
    assert url.partition("?")[0] == f"{TIKTOK}/v2/auth/authorize/"
    assert query_of(url) == without_pkce(query_of(DESKTOP.consent_url(None)))
    assert query_of(url)["scope"] == ",".join(ALL_SCOPES)


def test_token_request_matches_login_kit(button: Button) -> None:
    code = "a*code!with%signs"
    assert button.token_request(code) == {
        "url": f"{API}/v2/oauth/token/",
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        "data": without_pkce(DESKTOP.form(Consent(code, ""))),
    }


def test_tokens_from_the_button_work_in_a_sync(button: Button, start_sandbox: StartSandbox) -> None:
    """The access token is used until it expires: the check of an unsaved source must not use up the refresh token."""
    sandbox = start_sandbox(videos=30, years=1)
    page = button.consent_url().replace(TIKTOK, sandbox.base_url)
    choice = [("decision", "authorize"), *[("scope", scope) for scope in ALL_SCOPES]]
    callback = requests.post(page, data=choice, allow_redirects=False, timeout=10).headers["Location"]
    connector = InProcess(sandbox.base_url)

    config = button.config(callback, sandbox.base_url)
    check = connector.check(config)
    read = connector.read(config)

    assert query_of(callback)["state"] == STATE
    assert config["credentials"].keys() == {"auth_type", *APP, "access_token", "refresh_token", "token_expiry_date"}
    assert (check.of("CONNECTION_STATUS"), check.configs) == ([{"status": "SUCCEEDED"}], [])
    assert (read.errors, video_ids(read)) == ([], expected_ids(sandbox))
    assert len(sandbox.requests_to(TOKEN)) == 1
