"""The spec: what a person sees in Airbyte's form, and what the platform must know about secrets and defaults."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from unit_tests.connector import Connector


@pytest.fixture
def schema(connector: Connector) -> dict[str, Any]:
    (spec,) = connector.spec().of("SPEC")
    return dict(spec["connectionSpecification"])


def properties(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, definition in schema.get("properties", {}).items():
        yield f"{path}{name}", definition
        for option in definition.get("oneOf", []):
            yield from properties(option, f"{path}{name}[{option['title']}].")


def test_given_the_spec_when_printed_then_these_properties_and_no_others(schema: dict[str, Any]) -> None:
    assert [name for name, _ in properties(schema)] == [
        "credentials",
        "credentials[OAuth 2.0].auth_type",
        "credentials[OAuth 2.0].client_key",
        "credentials[OAuth 2.0].client_secret",
        "credentials[OAuth 2.0].refresh_token",
        "credentials[OAuth 2.0].access_token",
        "credentials[OAuth 2.0].token_expiry_date",
        "credentials[OAuth 2.0].refresh_token_expiry_date",
        "credentials[OAuth 2.0].scope",
        "credentials[OAuth 2.0].open_id",
        "credentials[Access Token].auth_type",
        "credentials[Access Token].access_token",
        "start_date",
        "lookback_window_days",
        "additional_full_sync",
        "num_workers",
    ]


def test_given_the_spec_when_printed_then_each_property_has_title_and_description(schema: dict[str, Any]) -> None:
    bare = [n for n, p in properties(schema) if "const" not in p and not (p.get("title") and p.get("description"))]
    assert bare == []


def test_given_the_spec_when_printed_then_exactly_the_secrets_are_marked(schema: dict[str, Any]) -> None:
    assert [name for name, p in properties(schema) if p.get("airbyte_secret")] == [
        "credentials[OAuth 2.0].client_secret",
        "credentials[OAuth 2.0].refresh_token",
        "credentials[OAuth 2.0].access_token",
        "credentials[Access Token].access_token",
    ]


def test_given_the_spec_when_printed_then_what_the_connector_writes_is_hidden(schema: dict[str, Any]) -> None:
    hidden = [name.split(".")[-1] for name, p in properties(schema) if p.get("airbyte_hidden")]
    assert hidden == ["access_token", "token_expiry_date", "refresh_token_expiry_date", "scope", "open_id"]


def test_given_the_spec_when_printed_then_only_credentials_are_required(schema: dict[str, Any]) -> None:
    assert schema["required"] == ["credentials"]
    options = {o["title"]: o["required"] for o in schema["properties"]["credentials"]["oneOf"]}
    assert options == {
        "OAuth 2.0": ["auth_type", "client_key", "client_secret", "refresh_token"],
        "Access Token": ["auth_type", "access_token"],
    }


def test_given_the_credentials_when_printed_then_oauth_comes_first_and_auth_type_tells_them_apart(
    schema: dict[str, Any],
) -> None:
    options = schema["properties"]["credentials"]["oneOf"]
    assert [o["properties"]["auth_type"] for o in options] == [
        {"type": "string", "const": "oauth2.0", "order": 0},
        {"type": "string", "const": "access_token", "order": 0},
    ]


def test_given_the_properties_of_one_object_when_ordered_then_no_place_is_taken_twice_or_left_out(
    schema: dict[str, Any],
) -> None:
    groups = [schema, *schema["properties"]["credentials"]["oneOf"]]
    orders = [[p["order"] for p in group["properties"].values()] for group in groups]
    assert orders == [list(range(len(order))) for order in orders]


def test_given_properties_with_a_pattern_when_printed_then_it_is_described_and_fits_examples_and_default(
    schema: dict[str, Any],
) -> None:
    patterned = {name: p for name, p in properties(schema) if "pattern" in p}
    assert {n.split(".")[-1]: p["pattern_descriptor"] for n, p in patterned.items()} == {
        "token_expiry_date": "YYYY-MM-DDTHH:mm:ssZ",
        "refresh_token_expiry_date": "YYYY-MM-DDTHH:mm:ssZ",
        "start_date": "YYYY-MM-DD",
    }
    assert all(p["format"] in ("date", "date-time") for p in patterned.values())
    samples = [
        (p["pattern"], s) for p in patterned.values() for s in [*p.get("examples", []), p.get("default", "")] if s
    ]
    assert [sample for pattern, sample in samples if not re.match(pattern, sample)] == []


def test_given_the_spec_when_printed_then_it_holds_no_reference_and_nothing_that_could_redirect_secrets(
    schema: dict[str, Any],
) -> None:
    assert "$ref" not in str(schema)
    assert [name for name, _ in properties(schema) if "url" in name] == []
