"""The manifest, and whether what a command is given goes with it: config, catalog, granted scopes."""

import logging
import os
import pkgutil
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import airbyte_cdk as cdk
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.utils.datetime_helpers import ab_datetime_now
from airbyte_cdk.utils.yaml_loader import safe_load_yaml
from jsonschema import Draft7Validator, FormatChecker
from jsonschema.exceptions import best_match

logger = logging.getLogger("airbyte")
BASE_URL_VARIABLE, LOOPBACK = "TIKTOK_API_BASE_URL", ("localhost", "127.0.0.1", "::1")
TYPE_NAMES = {"string": "text", "integer": "a whole number", "object": "an object"}


def load_manifest() -> dict[str, Any]:
    """The manifest as it stands in the package, but for the API's address, which the environment may replace."""
    manifest: dict[str, Any] = safe_load_yaml(pkgutil.get_data(__package__, "manifest.yaml") or b"")
    if address := os.environ.get(BASE_URL_VARIABLE):
        url = urlsplit(address)
        if url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOOPBACK):
            message = f"The environment variable {BASE_URL_VARIABLE} must be an https address, or http on this machine."
            raise config_error(message, f"the scheme {url.scheme!r} and the host {url.hostname!r}")
        manifest["definitions"]["url_base"] = address.rstrip("/")
    return manifest


def read_files(files: Mapping[Any, str]) -> dict[str, Any]:
    """The contents of `config`, `catalog` and `state`; a config error when one is missing, no JSON, or does not fit."""
    contents = {kind: _read(kind, path) for kind, path in files.items()}
    if "config" in contents:
        spec = load_manifest()["spec"]["connection_specification"]
        contents["config"] = config = normalized(contents["config"])
        cdk.AirbyteEntrypoint.set_up_secret_filter(config, spec)
        check_config(config, spec)
    return contents


def normalized(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without nulls, which some clients write for what is absent, nor white space around credentials."""
    clean = {name: value for name, value in config.items() if value is not None}
    if isinstance(credentials := clean.get("credentials"), Mapping):
        present = {name: value for name, value in credentials.items() if value is not None}
        clean["credentials"] = {n: v.strip() if isinstance(v, str) else v for n, v in present.items()}
    return clean


def _read(kind: str, path: str) -> Any:
    try:
        return getattr(ConcurrentDeclarativeSource, f"read_{kind}")(path)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise config_error(f"The {kind} file {path} is missing or is no {kind} in JSON.", detail) from None


def check_request(catalog: Any, config: Mapping[str, Any], manifest: Mapping[str, Any]) -> None:
    """Raise a config error when the catalog asks for a stream that does not exist: the CDK would only mark it."""
    start_date, messages = config.get("start_date") or "", manifest["definitions"]["messages"]
    if start_date > str(ab_datetime_now().date()):
        logger.warning(messages["starts_in_the_future"].format(day=start_date))
    known = [stream["name"] for stream in manifest["streams"]]
    if unknown := [s.stream.name for s in catalog.streams if s.stream.name not in known]:
        message = messages["unknown_stream"].format(unknown=", ".join(unknown), known=" and ".join(known))
        raise config_error(message, f"unknown: {unknown}")


def account_found(user: Mapping[str, Any], config: Mapping[str, Any], manifest: Mapping[str, Any]) -> str | None:
    """Log whose profile was read, and warn of what its owner did not grant; None if nothing is known to lack."""
    granted = re.split(r"[,\s]+", config["credentials"].get("scope") or "")
    name = f"@{user['username']}" if user.get("username") else user.get("display_name") or user["open_id"]
    logger.info(f"TikTok accepts the sign-in of {name}; permissions: {', '.join(granted) or 'unknown'}.")
    needed = [
        (scope, s["name"]) for s in manifest["streams"] for scope in s["retriever"]["requester"]["fields_by_scope"]
    ]
    missing = [f"{scope} (stream {name})" for scope, name in needed if granted != [""] and scope not in granted]
    if not missing:
        return None
    message: str = manifest["definitions"]["messages"]["scopes_not_granted"].format(scopes=", ".join(missing))
    logger.warning(message)
    return message


def check_config(config: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
    """Raise a config error, such as "`credentials.refresh_token` is missing.", when a config does not fit the spec.

    The CDK's own message quotes the whole `credentials` object, secrets included, when one of its properties is wrong.
    """
    schema = {**spec, "properties": {**spec["properties"], "credentials": _chosen(config.get("credentials"), spec)}}
    error = best_match(Draft7Validator(schema, format_checker=FormatChecker()).iter_errors(config))
    if error:
        raise config_error(f"The configuration of this source is not valid: {_sentence(error)}", error.json_path)
    for name in ("client_key", "client_secret", "access_token", "refresh_token"):
        if len(config["credentials"].get(name, "").split()) > 1:
            message = f"`credentials.{name}` must be one word: it has a line break or another space in it."
            raise config_error(f"The configuration of this source is not valid: {message}", name)


def config_error(message: str, detail: str) -> cdk.AirbyteTracedException:
    """An error that a person has to mend."""
    return cdk.AirbyteTracedException(detail, message, cdk.FailureType.config_error)


def _chosen(credentials: Any, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The option of `credentials` that `auth_type` chooses; if it chooses none, a schema that says so."""
    options = {o["properties"]["auth_type"]["const"]: o for o in spec["properties"]["credentials"]["oneOf"]}
    none = {"type": "object", "required": ["auth_type"], "properties": {"auth_type": {"enum": list(options)}}}
    kind = credentials.get("auth_type") if isinstance(credentials, Mapping) else None
    return next((option for name, option in options.items() if name == kind), none)


def _sentence(error: Any) -> str:
    path, wanted, schema = [str(part) for part in error.absolute_path], error.validator_value, error.schema
    if error.validator == "required":
        return f"`{'.'.join([*path, *[name for name in wanted if name not in error.instance][:1]])}` is missing."
    expectation = {
        "type": f"must be {TYPE_NAMES.get(str(wanted))}",
        "enum": f"must be one of {', '.join(map(str, schema.get('enum', ())))}",
        "minLength": "must not be empty",
        **dict.fromkeys(("pattern", "format"), f"must be a day that exists, as {schema.get('pattern_descriptor')}"),
    }.get(error.validator, f"must be between {schema.get('minimum')} and {schema.get('maximum')}")
    return f"`{'.'.join(path) or 'config'}` {expectation}."
