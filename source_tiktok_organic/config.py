"""Loads the manifest, and validates config and catalog against it."""

import difflib
import json
import logging
import os
import pkgutil
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import airbyte_cdk as cdk
from airbyte_cdk.utils.datetime_helpers import ab_datetime_now
from airbyte_cdk.utils.yaml_loader import safe_load_yaml
from jsonschema import Draft7Validator, FormatChecker
from jsonschema.exceptions import best_match

from source_tiktok_organic.sign_in.address import BASE_URL_VARIABLE, base_url

logger = logging.getLogger("airbyte")
TOKEN_PREFIXES = {"access_token": "act.", "refresh_token": "rft."}
# Written by earlier versions, and by tiktok-organic-sign-in for its --check.
ONCE_WRITTEN = ("credentials.open_id", "credentials.refresh_token_expiry_date", "credentials.scope")
INJECTED_PREFIX = "__injected"
TYPE_NAMES = {"string": "a string", "integer": "a whole number", "object": "an object"}


def load_manifest(in_check: bool = False) -> dict[str, Any]:
    """The packaged manifest, with the API's address from the environment if it is set.

    With `in_check`, the values under `in_check` replace those of the definitions.
    """
    manifest: dict[str, Any] = json.loads(_packaged())
    for part, difference in manifest["definitions"]["in_check"].items() if in_check else ():
        manifest["definitions"][part].update(difference)
    try:
        replacement = base_url()
    except ValueError as error:
        raise config_error(str(error), BASE_URL_VARIABLE) from None
    if replacement:
        manifest["definitions"]["url_base"] = replacement
    return manifest


@cache
def _packaged() -> str:
    """The packaged manifest as JSON, which is parsed 50 times faster than YAML."""
    return json.dumps(safe_load_yaml(pkgutil.get_data(__package__, "manifest.yaml") or b""))


def validate_config(given: dict[str, Any]) -> dict[str, Any]:
    """The given config, cleaned in place; raises a config error if it is invalid."""
    manifest = load_manifest()
    config = strip_nulls(given)
    spec = manifest["spec"]["connection_specification"]
    cdk.AirbyteEntrypoint.set_up_secret_filter(config, spec)
    warn_of_unknown(config, spec, manifest["definitions"]["messages"]["unknown_property"])
    check_config(config, spec)
    if os.environ.get(BASE_URL_VARIABLE):
        logger.warning(f"{BASE_URL_VARIABLE} is set: requests and credentials go to that address instead of TikTok.")
    return config


def strip_nulls(config: dict[str, Any]) -> dict[str, Any]:
    """Drop nulls and empty strings, which some clients write for absent values, and strip white space from credentials.

    The config is changed in place, as Python callers read refreshed tokens from it. Keys that start with `__injected`
    are dropped too: with AIRBYTE_ENABLE_UNSAFE_CODE, the CDK runs the code in them, and many people may edit a config.
    """
    credentials = config.get("credentials")
    for part in (config, credentials if isinstance(credentials, dict) else {}):
        for name, value in [*part.items()]:
            is_absent = value is None or (value == "" and part is config)
            if is_absent or str(name).startswith(INJECTED_PREFIX):
                del part[name]
            elif part is credentials and isinstance(value, str):
                part[name] = value.strip()
    return config


def complete(config: Mapping[str, Any]) -> None:
    """Add an empty access token to OAuth 2.0 credentials, in place.

    The spec requires one for Airbyte's form, and the CDK validates the config against the spec.
    """
    credentials = config.get("credentials")
    if isinstance(credentials, dict) and credentials.get("auth_type") == "oauth2.0":
        credentials.setdefault("access_token", "")


def validate_catalog(catalog: Any, config: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Raise a config error if the catalog has a stream twice, or an unknown one, which the CDK marks INCOMPLETE."""
    messages = manifest["definitions"]["messages"]
    start_date = config.get("start_date") or ""
    if start_date > str(ab_datetime_now().date()):
        logger.warning(messages["starts_in_the_future"].format(day=start_date))
    known = [stream["name"] for stream in manifest["streams"]]
    names = [configured.stream.name for configured in catalog.streams]
    if unknown := [name for name in names if name not in known]:
        message = messages["unknown_stream"].format(unknown=", ".join(unknown), known=" and ".join(known))
        raise config_error(message, f"unknown: {unknown}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise config_error(messages["duplicate_stream"].format(names=", ".join(twice)), f"duplicate: {twice}")


def check_config(config: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
    """Raise a config error, such as "`credentials.refresh_token` is missing.", if a config is invalid.

    The CDK's own message quotes the whole `credentials` object, secrets included, when one of its properties is wrong.
    """
    credentials = _auth_option(config.get("credentials"), spec)
    schema = {**spec, "properties": {**spec["properties"], "credentials": credentials}}
    error = best_match(Draft7Validator(schema, format_checker=FormatChecker()).iter_errors(config))
    if error:
        raise config_error(f"The configuration of this source is not valid: {_describe(error)}", error.json_path)
    for name, value in config["credentials"].items():
        if problem := _credential_problem(name, str(value)):
            message = f"The configuration of this source is not valid: `credentials.{name}` {problem}."
            raise config_error(message, name)


def warn_of_unknown(config: Mapping[str, Any], spec: Mapping[str, Any], message: str) -> None:
    """Warn about each property that is not in the spec: a misspelled one has no effect."""
    options = spec["properties"]["credentials"]["oneOf"]
    known = [*spec["properties"], *(f"credentials.{name}" for option in options for name in option["properties"])]
    credentials = config["credentials"] if isinstance(config.get("credentials"), Mapping) else {}
    for name in [*config, *(f"credentials.{name}" for name in credentials)]:
        if name not in (*known, *ONCE_WRITTEN) and not name.startswith("__"):  # Airbyte's own
            by_ending = {path.split(".")[-1]: path for path in known}
            meant = difflib.get_close_matches(name.split(".")[-1], by_ending, n=1)
            hint = f" Did you mean {by_ending[meant[0]]}?" if meant else ""
            logger.warning(message.format(name=name) + hint)


def config_error(message: str, detail: str) -> cdk.AirbyteTracedException:
    """An error that the user must fix."""
    return cdk.AirbyteTracedException(detail, message, cdk.FailureType.config_error)


def _auth_option(credentials: Any, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The option of `credentials` that `auth_type` selects, or a schema that rejects an unknown `auth_type`.

    With OAuth 2.0 the spec requires an access token for Airbyte's form; the connector works without one.
    """
    options = {o["properties"]["auth_type"]["const"]: o for o in spec["properties"]["credentials"]["oneOf"]}
    required = [name for name in options["oauth2.0"]["required"] if name != "access_token"]
    options["oauth2.0"] = {**options["oauth2.0"], "required": required}
    none = {"type": "object", "required": ["auth_type"], "properties": {"auth_type": {"enum": list(options)}}}
    kind = credentials.get("auth_type") if isinstance(credentials, Mapping) else None
    return next((option for name, option in options.items() if name == kind), none)


def _credential_problem(name: str, value: str) -> str | None:
    if name not in ("client_key", "client_secret", *TOKEN_PREFIXES):
        return None
    if value.strip("*") == "" and value:
        return "is a mask of asterisks, as Airbyte shows a secret: enter the value itself"
    if re.fullmatch(r"\$\{.*\}|\$\w+", value):
        return "is a placeholder for a variable that was not substituted"
    if not value.isascii() or not value.isprintable() or " " in value:
        return "must be one word of visible ASCII characters, without spaces or line breaks"
    for other, prefix in TOKEN_PREFIXES.items():
        if name in TOKEN_PREFIXES and name != other and value.startswith(prefix):
            return f"starts with {prefix}, so it is the {other}: enter it there"
    return None


def _describe(error: Any) -> str:
    path, wanted, schema = [str(part) for part in error.absolute_path], error.validator_value, error.schema
    if error.validator == "required":
        return f"`{'.'.join([*path, *[name for name in wanted if name not in error.instance][:1]])}` is missing."
    form = f"must be written as {schema.get('pattern_descriptor')}"
    is_well_formed = re.search(schema.get("pattern", ""), str(error.instance))
    expectation = {
        "type": f"must be {TYPE_NAMES.get(str(wanted))}",
        "enum": f"must be one of {', '.join(map(str, schema.get('enum', ())))}",
        "minLength": "must not be empty",
        "pattern": form,
        # If both are invalid, either may be reported.
        "format": "is not a valid date" if is_well_formed else form,
    }.get(error.validator, f"must be between {schema.get('minimum')} and {schema.get('maximum')}")
    return f"`{'.'.join(path) or 'config'}` {expectation}."
