"""`advanced_auth`: what the platform needs for its OAuth button, in terms that it understands."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from source_tiktok_organic.config import load_manifest
from unit_tests.connector import Connector

# Placeholders in the templates, which the platform fills in.
VALUES = (
    "client_id_value",
    "redirect_uri_value",
    "scope_value",
    "state_value",
    "auth_code_value",
    "client_secret_value",
)
KEYS = ("client_id_key", "redirect_uri_key", "scope_key", "state_key")


@pytest.fixture
def spec(connector: Connector) -> dict[str, Any]:
    (spec,) = connector.spec().of("SPEC")
    return dict(spec)


@pytest.fixture
def oauth(spec: dict[str, Any]) -> dict[str, Any]:
    return dict(spec["advanced_auth"]["oauth_config_specification"])


@pytest.fixture
def inputs(oauth: dict[str, Any]) -> dict[str, Any]:
    return dict(oauth["oauth_connector_input_specification"])


def option(spec: dict[str, Any], index: int = 0) -> dict[str, Any]:
    return dict(spec["connectionSpecification"]["properties"]["credentials"]["oneOf"][index])


def test_button_belongs_to_oauth_credentials(spec: dict[str, Any]) -> None:
    auth = spec["advanced_auth"]
    assert (auth["auth_flow_type"], auth["predicate_key"]) == ("oauth2.0", ["credentials", "auth_type"])
    assert auth["predicate_value"] == option(spec)["properties"]["auth_type"]["const"] == "oauth2.0"


def test_consent_url_has_exactly_tiktoks_parameters(inputs: dict[str, Any]) -> None:
    url = inputs["consent_url"]
    assert url.partition("?")[0] == "https://www.tiktok.com/v2/auth/authorize/"
    assert dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) == {
        "{{client_id_key}}": "{{client_id_value}}",
        "{{scope_key}}": "{{scope_value}}",
        "{{redirect_uri_key}}": "{{redirect_uri_value}}",
        "{{state_key}}": "{{state_value}}",
        "response_type": "code",
        "disable_auto_auth": "1",
    }
    assert inputs["client_id_key"] == "client_key"


def test_templates_avoid_words_platforms_disagree_on(
    inputs: dict[str, Any],
) -> None:
    """Filters have been renamed, and older platforms reject a template that contains one of these words."""
    templates = [inputs["consent_url"], inputs["access_token_url"], *inputs["access_token_params"].values()]
    placeholders = {name for text in templates for name in re.findall(r"{{(.*?)}}", text)}
    assert placeholders == {*VALUES, *KEYS}
    forbidden = ("const", "env", "file", "java", "localhost", "properties", "resourceBundle", "sys")
    assert [word for word in forbidden if any(word in text for text in templates)] == []


def test_scopes_match_the_streams(inputs: dict[str, Any]) -> None:
    streams = load_manifest()["definitions"]["streams"].values()
    needed = [scope for s in streams for scope in s["retriever"]["requester"]["fields_by_scope"]]
    scopes = [entry["scope"] for entry in inputs["scopes"]]
    assert scopes == needed
    assert inputs["scopes_join_strategy"] == "comma"
    assert inputs["scope"] == ",".join(scopes)


def test_token_exchange_is_a_form_with_tiktoks_fields(inputs: dict[str, Any]) -> None:
    assert inputs["access_token_url"] == load_manifest()["definitions"]["url_base"] + "/v2/oauth/token/"
    assert inputs["access_token_headers"] == {"Content-Type": "application/x-www-form-urlencoded"}
    assert inputs["access_token_params"] == {
        "client_key": "{{client_id_value}}",
        "client_secret": "{{client_secret_value}}",
        "code": "{{auth_code_value}}",
        "grant_type": "authorization_code",
        "redirect_uri": "{{redirect_uri_value}}",
    }


def test_outputs_fill_every_required_property(spec: dict[str, Any], oauth: dict[str, Any]) -> None:
    parts = ("complete_oauth_output_specification", "complete_oauth_server_output_specification")
    paths = {n: p["path_in_connector_config"] for part in parts for n, p in oauth[part]["properties"].items()}
    assert paths == {name: ["credentials", name] for name in paths}
    assert set(paths) <= set(option(spec)["properties"])
    assert set(option(spec)["required"]) - {"auth_type"} <= set(paths)
    assert set(oauth["complete_oauth_server_input_specification"]["properties"]) == {"client_key", "client_secret"}


def test_only_tokens_and_their_expiry_are_stored(oauth: dict[str, Any], inputs: dict[str, Any]) -> None:
    """A token response must have each of them. Its scopes are not needed: each sync finds out what was granted."""
    assert inputs["extract_output"] == ["access_token", "refresh_token", "expires_in"]
    stored = oauth["complete_oauth_output_specification"]
    assert (stored["required"], list(stored["properties"])) == (
        ["access_token", "refresh_token"],
        ["access_token", "refresh_token", "token_expiry_date"],
    )


def test_every_extracted_output_is_stored(oauth: dict[str, Any], inputs: dict[str, Any]) -> None:
    stored = set(oauth["complete_oauth_output_specification"]["properties"])
    assert {"token_expiry_date" if n == "expires_in" else n for n in inputs["extract_output"]} == stored
