"""The stand-in for the platform: old and new templates, and the content type of the token exchange."""

from typing import Any

import pytest
import requests_mock

from integration_tests.airbyte_platform import Platform

PARAMETERS = {"app_id": "key", "client_secret": "s3cret"}
HOST = "https://auth.example"


def platform(**inputs: Any) -> Platform:
    known = {"consent_url": HOST, "access_token_url": HOST, "client_id_key": "app_id", "state": {"min": 9, "max": 9}}
    oauth = {
        "oauth_connector_input_specification": {"scope": "a b", **known, **inputs},
        "complete_oauth_output_specification": {
            "required": [],
            "properties": {"token": {"path_in_connector_config": ["auth", "token"]}},
        },
        "complete_oauth_server_input_specification": {"required": ["app_id"], "properties": {}},
        "complete_oauth_server_output_specification": {"required": [], "properties": {}},
    }
    auth = {"predicate_key": ["auth", "kind"], "predicate_value": "o", "oauth_config_specification": oauth}
    return Platform({"advanced_auth": auth}, PARAMETERS, {})


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("{{client_id_key}}={{ client_id_value }}", "app_id=key"),
        ("{{redirect_uri_key}}={{ {{redirect_uri_value}} | urlEncoder }}", "redirect_uri=https%3A%2F%2Fx%2Fy"),
        ("{{redirect_uri_value | urlEncoder}}", "https%3A%2F%2Fx%2Fy"),
        ("{{ {{client_id_value}}:{{client_secret_value}} | base64Encoder }}", "a2V5OnMzY3JldA=="),
        ("{{ {{scope_value}} | codeChallengeS256 }}", "yGh6CKpdbtIEQyj6aml6uOltw0KR6MIDSujDjm_MbWU="),
    ],
)
def test_template_variables_and_filters_are_filled_in(template: str, rendered: str) -> None:
    assert platform(consent_url=template).consent_url("https://x/y") == rendered


@pytest.mark.parametrize(
    ("scopes", "joint", "joined"), [(["a", "b"], "comma", "a,b"), (["a", "b"], None, "a b"), (None, "comma", "c")]
)
def test_scope_list_wins_over_scope_text(scopes: Any, joint: Any, joined: str) -> None:
    listed = [{"scope": scope} for scope in scopes] if scopes else None
    one = platform(consent_url="{{scope_value}}", scope="c", scopes=listed, scopes_join_strategy=joint)
    assert one.consent_url("https://x") == joined


@pytest.mark.parametrize(
    ("headers", "body"),
    [({}, '{"code": "c*%2A"}'), ({"Content-Type": "application/x-www-form-urlencoded"}, "code=c%2A%252A")],
)
def test_exchange_is_json_unless_a_form_is_asked_for(headers: Any, body: str) -> None:
    params = {"{{auth_code_key}}": "{{auth_code_value}}"}
    one = platform(access_token_params=params, access_token_headers=headers, extract_output=["token"])
    with requests_mock.Mocker() as mocker:
        mocker.post(HOST, json={"token": "t"})
        one.consent_url("https://x")
        config = one.config(f"https://x?code=c%2A%252A&state={one._state}")
    assert mocker.request_history[0].text == body
    assert config == {"auth": {"kind": "o", "token": "t"}}
