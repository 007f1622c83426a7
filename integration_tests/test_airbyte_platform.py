"""The life of a source in Airbyte, played with a model of the platform; and the model itself."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
import requests_mock
from jinja2 import TemplateError

from integration_tests import sentences
from integration_tests.airbyte_platform import INSTANCE_WIDE_MASK, MASK, Platform, SignInFailed, Source
from integration_tests.conftest import StartSandbox
from integration_tests.truth import ids_there_are, video_ids
from sandbox import ALL_SCOPES, Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from unit_tests.connector import InProcess

DAY_S = 86_400
REDIRECT_URI = "https://airbyte.example/auth_flow"
CONSENT, API = "https://www.tiktok.com", "https://open.tiktokapis.com"
TOKENS = {"access_token", "refresh_token", "token_expiry_date"}
APP = {"client_key": Sandbox.client_key, "client_secret": Sandbox.client_secret}
Start = Callable[..., tuple[Platform, Source]]


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> Sandbox:
    return start_sandbox(videos=30, years=1)


@pytest.fixture
def start(sandbox: Sandbox) -> Start:
    """A platform for this connector, and a source whose form was just opened."""

    def begin(instance_wide: dict[str, str] | None = None) -> tuple[Platform, Source]:
        connector = InProcess(sandbox.base_url)
        (spec,) = connector.spec().of("SPEC")
        platform = Platform(spec, dict.fromkeys((CONSENT, API), sandbox.base_url), instance_wide)
        return platform, Source(platform, connector)

    return begin


def form(**credentials: str) -> dict[str, Any]:
    return {"credentials": {"auth_type": "oauth2.0", **credentials}, "num_workers": 4}


def consent(url: str, decision: str = "authorize") -> str:
    """Press a button on TikTok's page; returns the address of the callback."""
    choice = [("decision", decision), *[("scope", scope) for scope in ALL_SCOPES]]
    return requests.post(url, data=choice, allow_redirects=False, timeout=10).headers["Location"]


def sign_in(platform: Platform, filled: dict[str, Any], stored: dict[str, Any] | None = None) -> dict[str, Any]:
    return platform.signed_in(consent(platform.consent_url(filled, REDIRECT_URI, stored)))


def tokens(source: Source) -> tuple[str, str]:
    assert source.stored
    return source.stored["credentials"]["access_token"], source.stored["credentials"]["refresh_token"]


# --- this connector ---


def test_source_set_up_by_button_syncs(sandbox: Sandbox, start: Start) -> None:
    platform, source = start()

    filled = sign_in(platform, form(**APP))
    check, read = source.save(filled), source.sync()

    assert platform.fields(filled) == ["client_key", "client_secret"]
    assert filled["credentials"].keys() == {"auth_type", *APP, *TOKENS}
    assert (check.of("CONNECTION_STATUS"), check.configs) == ([{"status": "SUCCEEDED"}], [])
    assert (read.errors, video_ids(read)) == ([], ids_there_are(sandbox))
    assert len(sandbox.requests_to(TOKEN)) == 1


def test_source_set_up_by_hand_syncs(sandbox: Sandbox, start: Start) -> None:
    platform, source = start()
    grant = sandbox.grant()

    shown = platform.fields(form(), manually=True)
    filled = form(**APP, refresh_token=grant.refresh_token, access_token=grant.access_token)
    check, read = source.save(filled), source.sync()

    assert shown == [*APP, "refresh_token", "access_token"]
    assert check.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert (read.errors, video_ids(read)) == ([], ids_there_are(sandbox))
    assert sandbox.requests_to(TOKEN) == []


def test_unsaved_source_loses_what_its_test_renews(sandbox: Sandbox, start: Start) -> None:
    """The platform has nowhere to store it, and so the page asks for the access token too."""
    _, source = start()

    check, read = source.save(form(**APP, refresh_token=sandbox.grant().refresh_token)), source.sync()

    assert (check.of("CONNECTION_STATUS"), len(check.configs)) == ([{"status": "SUCCEEDED"}], 1)
    assert read.errors[0] == sentences.of_token_error("invalid_grant")
    assert video_ids(read) == []


def test_edited_source_keeps_its_secrets(sandbox: Sandbox, start: Start) -> None:
    platform, source = start()
    source.save(sign_in(platform, form(**APP)))
    first = tokens(source)
    sandbox.advance(3 * 3_600)

    opened = source.form()
    source.save({**opened, "start_date": "2024-01-01"})
    renewed = tokens(source)
    read = source.sync()

    assert [opened["credentials"][n] for n in ("client_secret", "refresh_token", "access_token")] == [MASK] * 3
    assert source.stored
    assert (source.stored["start_date"], source.stored["credentials"]["client_secret"]) == (
        "2024-01-01",
        APP["client_secret"],
    )
    assert not {*first} & {*renewed}
    assert (read.errors, video_ids(read)) == ([], ids_there_are(sandbox))


def test_odd_lifetime_does_not_cost_the_secrets(sandbox: Sandbox, start: Start) -> None:
    """The connector stores no expiry date then; secrets behind masks come back only if the whole option is valid."""
    _, source = start()
    sandbox.token_response(expires_in="soon")
    grant = sandbox.grant()
    source.save(form(**APP, refresh_token=grant.refresh_token, access_token=grant.access_token))
    sandbox.advance(3 * 3_600)
    source.sync()

    check = source.save(source.form())
    read = source.sync()

    assert check.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert source.stored
    assert source.stored["credentials"]["token_expiry_date"] == ""
    assert MASK not in source.stored["credentials"].values()
    assert (read.errors, video_ids(read)) == ([], ids_there_are(sandbox))


def test_renewed_tokens_of_a_sync_are_stored(sandbox: Sandbox, start: Start) -> None:
    platform, source = start()
    source.save(sign_in(platform, form(**APP)))

    seen = [tokens(source)]
    for _ in range(2):
        sandbox.advance(3 * 3_600)
        assert source.sync("user_info").errors == []
        seen.append(tokens(source))

    assert len({token for pair in seen for token in pair}) == 6


def test_expiry_warning_ends_with_reauthentication(sandbox: Sandbox, start: Start) -> None:
    platform, source = start()
    source.save(sign_in(platform, form(**APP)))
    sandbox.advance(170 * DAY_S)
    late = source.sync("user_info")

    saved = source.save(sign_in(platform, source.form(), source.stored))
    sandbox.advance(3 * 3_600)
    read = source.sync("user_info")

    warning, _, _ = sentences.MESSAGES["refresh_token_expires"].partition("{day}")
    assert [message.startswith(warning) for message in late.warnings] == [True]
    assert saved.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert (read.warnings, read.errors, len(read.configs)) == ([], [], 1)


def test_app_of_the_instance_leaves_only_the_button(sandbox: Sandbox, start: Start) -> None:
    platform, source = start(instance_wide=APP)

    assert (platform.has_button(form()), platform.fields(form())) == (True, [])
    source.save(sign_in(platform, form()))
    sandbox.advance(3 * 3_600)
    read = source.sync()

    assert (read.errors, video_ids(read), len(read.configs)) == ([], ids_there_are(sandbox), 1)
    assert source.stored
    assert {source.stored["credentials"][name] for name in APP} == {INSTANCE_WIDE_MASK}


def test_access_token_option_has_no_button(sandbox: Sandbox, start: Start) -> None:
    platform, source = start()
    filled = sandbox.access_token_config()

    assert (platform.has_button(filled), platform.fields(filled)) == (False, ["access_token"])
    assert source.save(filled).of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert source.form()["credentials"] == {"auth_type": "access_token", "access_token": MASK}


@pytest.mark.parametrize(
    ("secret", "decision", "message"),
    [
        ("wrong", "authorize", "OAuth login failed: errors.http.internalServerError"),
        (APP["client_secret"], "cancel", "The user denied the request."),
    ],
)
def test_refused_sign_in_says_what_the_page_explains(secret: str, decision: str, message: str, start: Start) -> None:
    platform, _ = start()
    url = platform.consent_url(form(client_key=APP["client_key"], client_secret=secret), REDIRECT_URI)
    with pytest.raises(SignInFailed, match=f"^{message}$"):
        platform.signed_in(consent(url, decision))


# --- the model ---

HOST = "https://auth.example"


def model(**inputs: Any) -> Platform:
    known = {"consent_url": HOST, "access_token_url": HOST, "client_id_key": "app_id", "state": {"min": 9, "max": 9}}
    paths = {name: {"path_in_connector_config": ["auth", name]} for name in ("token", "app_id", "client_secret")}
    oauth = {
        "oauth_connector_input_specification": {"scope": "a b", **known, **inputs},
        "complete_oauth_output_specification": {"required": [], "properties": {"token": paths.pop("token")}},
        "complete_oauth_server_output_specification": {"required": [], "properties": paths},
    }
    auth = {"predicate_key": ["auth", "kind"], "predicate_value": "o", "oauth_config_specification": oauth}
    return Platform({"advanced_auth": auth, "connectionSpecification": {}}, {})


FILLED = {"auth": {"kind": "o", "app_id": "key", "client_secret": "s3cret"}}


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("{{client_id_key}}={{ client_id_value }}", "app_id=key"),
        ("{{app_id}} {{ client_id_param }}", "key app_id=key"),
        ("{{redirect_uri_param}}", "redirect_uri=https%3A%2F%2Fx%2Fy"),
        ("{{redirect_uri_value | urlencode}}", "https%3A%2F%2Fx%2Fy"),
        ("{{ (client_id_value ~ ':' ~ client_secret_value) | b64encode }}", "a2V5OnMzY3JldA=="),
        ("{{ scope_value | codechallengeS256 }}", "yGh6CKpdbtIEQyj6aml6uOltw0KR6MIDSujDjm/MbWU="),
        ("{{ nothing_known }}", ""),
    ],
)
def test_templates_are_those_of_todays_platform(template: str, rendered: str) -> None:
    assert model(consent_url=template).consent_url(FILLED, "https://x/y") == rendered


@pytest.mark.parametrize(
    "template", ["{{ {{redirect_uri_value}} | urlencode }}", "{{redirect_uri_value | urlEncoder}}"]
)
def test_templates_of_older_platforms_are_errors(template: str) -> None:
    with pytest.raises(TemplateError):
        model(consent_url=template).consent_url(FILLED, "https://x/y")


@pytest.mark.parametrize(
    ("scopes", "joint", "joined"), [(["a", "b"], "comma", "a,b"), (["a", "b"], None, "a b"), (None, "comma", "c")]
)
def test_scope_list_wins_over_scope_text(scopes: Any, joint: Any, joined: str) -> None:
    listed = [{"scope": scope} for scope in scopes] if scopes else None
    one = model(consent_url="{{scope_value}}", scope="c", scopes=listed, scopes_join_strategy=joint)
    assert one.consent_url(FILLED, "https://x") == joined


@pytest.mark.parametrize(
    ("headers", "body"),
    [({}, '{"code": "c*%2A"}'), ({"Content-Type": "application/x-www-form-urlencoded"}, "code=c%2A%252A")],
)
def test_exchange_is_json_unless_a_form_is_asked_for(headers: Any, body: str) -> None:
    params = {"{{auth_code_key}}": "{{auth_code_value}}"}
    inputs = {"access_token_params": params, "access_token_headers": headers, "extract_output": ["token"]}
    one = model(consent_url="{{state_value}}", **inputs)
    with requests_mock.Mocker() as mocker:
        mocker.post(HOST, json={"token": "t"})
        state = one.consent_url(FILLED, "https://x")
        config = one.signed_in(f"https://x?code=c%2A%252A&state={state}")
    assert mocker.request_history[0].text == body
    assert config == {"auth": {**FILLED["auth"], "token": "t"}}
