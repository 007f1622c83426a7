"""The source: manifest.yaml, read for one config, catalog and state."""

import ast
import logging
import os
import pkgutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from airbyte_cdk.models import (
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    FailureType,
    Status,
    Type,
)
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.declarative.incremental import ConcurrentPerPartitionCursor
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.cursor import ConcurrentCursor
from airbyte_cdk.sources.types import Record, StreamSlice
from airbyte_cdk.utils.datetime_helpers import ab_datetime_now, ab_datetime_parse
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from airbyte_cdk.utils.yaml_loader import safe_load_yaml
from jsonschema import Draft7Validator, FormatChecker, ValidationError

from source_tiktok_organic.components import misfits

logger = logging.getLogger("airbyte")

BASE_URL_VARIABLE = "TIKTOK_API_BASE_URL"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
RECORDS_WAITING = 200
SIGN_IN_WARNING = timedelta(days=14)
CLOCK_ERROR_S = 86_400  # by which this machine's clock may be slow
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
        # The CDK lets 10,000 records of 5 KB wait to be printed; a few pages are enough to keep the printing busy.
        self._concurrent_source._queue.maxsize = RECORDS_WAITING
        if BASE_URL_VARIABLE in os.environ:
            logger.warning(f"{BASE_URL_VARIABLE} is set: requests and credentials go there instead of to TikTok.")

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Whether the profile can be read; also says which permissions are missing for the rest."""
        result = super().check(logger, config)
        if result.status is Status.SUCCEEDED:
            result.message = self._missing_permissions()
            if result.message:
                logger.warning(result.message)
        elif result.message:
            # The CDK sends the repr of its sentence, which begins with the stream that it tried.
            result.message = ast.literal_eval(result.message).removeprefix("Stream user_info is not available: ")
        return result

    def _missing_permissions(self) -> str | None:
        granted = self._config["credentials"].get("scope")
        needed = {
            scope: stream["name"]
            for stream in self.resolved_manifest["streams"]
            for scope in stream["retriever"]["requester"]["fields_by_scope"]
        }
        missing = [f"{s} (stream {stream})" for s, stream in needed.items() if granted and s not in granted.split(",")]
        if not missing:
            return None
        return (
            f"The owner of the TikTok account did not grant {', '.join(missing)}. What these permissions allow cannot "
            "be read; to read it, sign in to TikTok again and leave all permissions on."
        )

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
        self._warn_of_what_a_person_should_know()
        misfits.clear()
        yield from self._with_the_streams_failure_type(super().read(logger, config, catalog, state))
        for (stream, column, kind), count in misfits.items():
            logger.warning(
                f"{stream}.{column} was not of its column's type but {kind}, {count} times; sent as it came."
            )

    @staticmethod
    def _with_the_streams_failure_type(messages: Iterator[AirbyteMessage]) -> Iterator[AirbyteMessage]:
        """The messages; the CDK's closing error, a config error whatever happened, gets the type of the streams'."""
        failures: set[FailureType | None] = set()
        try:
            for message in messages:
                if message.type is Type.TRACE and message.trace and message.trace.error:
                    failures.add(message.trace.error.failure_type)
                yield message
        except AirbyteTracedException as error:
            serious = (FailureType.config_error, FailureType.system_error, FailureType.transient_error)
            error.failure_type = next((kind for kind in serious if kind in failures), error.failure_type)
            raise

    def _warn_of_what_a_person_should_know(self) -> None:
        start_date = self._config.get("start_date", "")
        if start_date > ab_datetime_now().date().isoformat():
            logger.warning(f"The start date {start_date} lies in the future: no videos are read before it has come.")
        end = self._config["credentials"].get("refresh_token_expiry_date")
        if end and ab_datetime_parse(end) - ab_datetime_now() < SIGN_IN_WARNING:
            logger.warning(
                f"The sign-in to TikTok ends on {end[:10]}. Sign in to TikTok again before that day and put the new "
                "credentials into this source."
            )

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        """The streams of the manifest; that of `videos` with an `AccountCursor`."""
        streams = super().streams(config)
        for stream in streams:
            if isinstance(stream.cursor, ConcurrentPerPartitionCursor):
                # The CDK makes the cursor itself and offers no way to name another class.
                stream.cursor.__class__ = AccountCursor
        return streams


class AccountCursor(ConcurrentPerPartitionCursor):
    """The CDK's cursor with a state per account, which it changes in three points.

    It prints the state after each window: the CDK does so every 600 s, so that a sync that is killed would start over.
    It reads a small account in one window: an empty window costs a request.
    And a video's time that cannot be leaves the state alone: one to come would keep all videos before it from being
    read, one that is no time at all would end the sync.
    """

    # Five pages: reading them one after the other takes no longer than asking 50 windows, several at once.
    SMALL_ACCOUNT_VIDEOS = 95
    _is_small_account = False

    def _throttle_state_message(self) -> float:
        return time.time()

    def observe(self, record: Record) -> None:
        """Let the state follow a record, if its time can be."""
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            if int(record["create_time"]) < time.time() + CLOCK_ERROR_S:
                super().observe(record)

    def _generate_slices_from_partition(
        self, partition: StreamSlice, parent_state: Mapping[str, Any]
    ) -> Iterable[StreamSlice]:
        count = partition.extra_fields.get("video_count")
        self._is_small_account = isinstance(count, int) and count <= self.SMALL_ACCOUNT_VIDEOS
        yield from super()._generate_slices_from_partition(partition, parent_state)

    def _create_cursor(self, cursor_state: Any, runtime_lookback_window: int = 0) -> ConcurrentCursor:
        cursor = super()._create_cursor(cursor_state, runtime_lookback_window)
        if self._is_small_account:
            cursor._slice_range = timedelta.max
        return cursor


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
