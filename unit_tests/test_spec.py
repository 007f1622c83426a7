"""The spec: what a user sees in Airbyte's form, and what the platform needs to know about secrets and defaults."""

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


def test_spec_has_exactly_these_properties(schema: dict[str, Any]) -> None:
    assert [name for name, _ in properties(schema)] == [
        "credentials",
        "credentials[OAuth 2.0].auth_type",
        "credentials[OAuth 2.0].client_key",
        "credentials[OAuth 2.0].client_secret",
        "credentials[OAuth 2.0].refresh_token",
        "credentials[OAuth 2.0].access_token",
        "credentials[OAuth 2.0].token_expiry_date",
        "credentials[Access Token].auth_type",
        "credentials[Access Token].access_token",
        "start_date",
        "lookback_window_days",
        "additional_full_sync",
        "num_workers",
    ]


def test_every_property_has_title_and_description(schema: dict[str, Any]) -> None:
    bare = [n for n, p in properties(schema) if "const" not in p and not (p.get("title") and p.get("description"))]
    assert bare == []


def test_descriptions_name_the_ranges(schema: dict[str, Any]) -> None:
    ranges = {n: (p["minimum"], p["maximum"], p["description"]) for n, p in properties(schema) if "minimum" in p}
    assert [n for n, (low, high, text) in ranges.items() if not text.startswith(f"From {low} to {high}")] == []
    assert len(ranges) == 2


def test_no_example_repeats_the_default(schema: dict[str, Any]) -> None:
    assert [name for name, p in properties(schema) if p.get("default") in p.get("examples", ())] == []


def test_exactly_the_secrets_are_marked_as_secret(schema: dict[str, Any]) -> None:
    assert [name for name, p in properties(schema) if p.get("airbyte_secret")] == [
        "credentials[OAuth 2.0].client_secret",
        "credentials[OAuth 2.0].refresh_token",
        "credentials[OAuth 2.0].access_token",
        "credentials[Access Token].access_token",
    ]


def test_written_properties_are_hidden(schema: dict[str, Any]) -> None:
    hidden = [name.split(".")[-1] for name, p in properties(schema) if p.get("airbyte_hidden")]
    assert hidden == ["token_expiry_date"]


def test_only_credentials_are_required(schema: dict[str, Any]) -> None:
    assert schema["required"] == ["credentials"]
    options = {o["title"]: o["required"] for o in schema["properties"]["credentials"]["oneOf"]}
    assert options == {
        "OAuth 2.0": ["auth_type", "client_key", "client_secret", "refresh_token", "access_token"],
        "Access Token": ["auth_type", "access_token"],
    }


def test_auth_type_tells_the_credentials_apart(
    schema: dict[str, Any],
) -> None:
    options = schema["properties"]["credentials"]["oneOf"]
    assert [o["properties"]["auth_type"] for o in options] == [
        {"type": "string", "const": "oauth2.0", "order": 0},
        {"type": "string", "const": "access_token", "order": 0},
    ]


def test_order_of_properties_has_no_gap(
    schema: dict[str, Any],
) -> None:
    groups = [schema, *schema["properties"]["credentials"]["oneOf"]]
    orders = [[p["order"] for p in group["properties"].values()] for group in groups]
    assert orders == [list(range(len(order))) for order in orders]


def test_patterns_are_described_and_fit_their_examples(
    schema: dict[str, Any],
) -> None:
    patterned = {name: p for name, p in properties(schema) if "pattern" in p}
    assert {n.split(".")[-1]: p["pattern_descriptor"] for n, p in patterned.items()} == {
        "token_expiry_date": "YYYY-MM-DDTHH:mm:ssZ",
        "start_date": "YYYY-MM-DD",
    }
    # An empty expiry date, which the connector may write, has no format: Airbyte would lose the secrets beside it.
    assert {name: p.get("format") for name, p in patterned.items() if p.get("format")} == {"start_date": "date"}
    samples = [
        (p["pattern"], s) for p in patterned.values() for s in [*p.get("examples", []), p.get("default", "")] if s
    ]
    assert [sample for pattern, sample in samples if not re.match(pattern, sample)] == []


def test_spec_has_no_reference_and_no_url(
    schema: dict[str, Any],
) -> None:
    """A URL in the config could redirect the secrets."""
    assert "$ref" not in str(schema)
    assert [name for name, _ in properties(schema) if "url" in name] == []
