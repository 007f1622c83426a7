"""The source: manifest.yaml, read for one config, catalog and state."""

import logging
import os
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from airbyte_cdk.models import AirbyteMessage, AirbyteStateMessage, ConfiguredAirbyteCatalog, FailureType
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from airbyte_cdk.utils.yaml_loader import safe_load_yaml
from jsonschema import Draft7Validator, FormatChecker, ValidationError

logger = logging.getLogger("airbyte")

BASE_URL_VARIABLE = "TIKTOK_API_BASE_URL"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
TYPE_NAMES = {"string": "text", "integer": "a whole number", "object": "an object"}


class SourceTiktokOrganic(ConcurrentDeclarativeSource):
    """Reads a TikTok account's profile and public videos.

    In CDK 7 a declarative source works only with the config, catalog and state of its constructor; without any it can
    still print its spec.
    """

    def __init__(
        self,
        catalog: ConfiguredAirbyteCatalog | None = None,
        config: Mapping[str, Any] | None = None,
        state: list[AirbyteStateMessage] | None = None,
    ) -> None:
        super().__init__(catalog=catalog, config=config, state=state, source_config=load_manifest())

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Yield the messages of a sync.

        Raises:
            AirbyteTracedException: config error, when the catalog asks for a stream that does not exist. (The CDK would
                only mark such a stream as incomplete.)
        """
        known = [stream["name"] for stream in self.resolved_manifest["streams"]]
        unknown = [s.stream.name for s in catalog.streams if s.stream.name not in known]
        if unknown:
            raise AirbyteTracedException(
                message=f"The catalog asks for the stream {', '.join(unknown)}, which this source does not have. It "
                f"has {' and '.join(known)}. Refresh the source's schema and select the streams again.",
                internal_message=f"unknown streams in the catalog: {unknown}",
                failure_type=FailureType.config_error,
            )
        yield from super().read(logger, config, catalog, state)


def load_manifest() -> dict[str, Any]:
    """The manifest as it stands in the package, but for the API's address, which the environment may replace.

    Raises:
        AirbyteTracedException: config error, when the address in the environment is none that a token may be sent to.
    """
    text = pkgutil.get_data(__package__, "manifest.yaml")
    manifest: dict[str, Any] = safe_load_yaml(text or b"")
    base_url = os.environ.get(BASE_URL_VARIABLE)
    if base_url:
        manifest["definitions"]["url_base"] = _checked(base_url)
        logger.warning(f"{BASE_URL_VARIABLE} is set: requests and credentials go to {base_url} instead of TikTok.")
    return manifest


def _checked(base_url: str) -> str:
    url = urlsplit(base_url)
    if url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK):
        return base_url.rstrip("/")
    raise AirbyteTracedException(
        message=f"The environment variable {BASE_URL_VARIABLE} must be an https address, or http on this machine.",
        internal_message=f"{BASE_URL_VARIABLE} has the scheme {url.scheme!r} and the host {url.hostname!r}",
        failure_type=FailureType.config_error,
    )


def config_problem(config: Mapping[str, Any], schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a config: a sentence that names the property and what it must be; None if it fits the spec.

    The CDK's own message quotes the whole `credentials` object, secrets included, when one of its properties is wrong;
    this one never quotes a value.

    Example output: "`start_date` must be a date in the form YYYY-MM-DD."
    """
    errors = Draft7Validator(schema, format_checker=FormatChecker()).iter_errors(config)
    problems = [_sentence(error) for broad in errors for error in _narrowed(broad)]
    return " ".join(dict.fromkeys(problems)) or None


def _narrowed(error: ValidationError) -> Iterable[ValidationError]:
    """Of the errors of every `oneOf` option, those of the option that `auth_type` chooses."""
    if error.validator != "oneOf":
        return [error]
    if not isinstance(error.instance, Mapping):
        return []
    kinds = [option["properties"]["auth_type"]["const"] for option in error.validator_value]
    chosen = error.instance.get("auth_type")
    if chosen not in kinds:
        error.path.append("auth_type")
        error.validator, error.validator_value = "enum", kinds
        return [error]
    return [inner for inner in error.context if inner.schema_path[0] == kinds.index(chosen)]


def _sentence(error: ValidationError) -> str:
    path = [str(part) for part in error.absolute_path]
    if error.validator == "required":
        missing = error.message.split("'")[1]
        return f"`{'.'.join([*path, missing])}` is missing."
    return f"`{'.'.join(path) or 'config'}` must be {_expectation(error)}."


def _expectation(error: ValidationError) -> str:
    schema, value = error.schema, error.validator_value
    if error.validator == "type":
        return TYPE_NAMES[value]
    if error.validator == "enum":
        return f"one of {', '.join(value)}"
    if error.validator in ("minimum", "maximum"):
        return f"between {schema['minimum']} and {schema['maximum']}"
    if error.validator == "minLength":
        return "more than an empty text"
    return f"a date in the form {schema['pattern_descriptor']}"
