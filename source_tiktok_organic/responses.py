"""Parses and classifies responses. Named in manifest.yaml under `error_handler` and `extractor`."""

import json
import logging
import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import airbyte_cdk as cdk
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor
from airbyte_cdk.sources.declarative.requesters.error_handlers import DefaultErrorHandler
from airbyte_cdk.sources.streams.http.error_handlers.response_models import ErrorResolution, ResponseAction
from requests import Response
from requests.exceptions import ReadTimeout
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

logger = logging.getLogger("airbyte")
MAX_BODY_BYTES = 50_000_000
MAX_DETAIL_CHARACTERS = 1_000
MAX_INTEGER = 2**63 - 1  # the largest integer that destinations can store
# Escapes that are valid JSON but that destinations reject: NUL, and lone surrogates.
ODD_ESCAPE = re.compile(
    rb"\\u(?:0000|[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..\\u)[dD][c-fC-F])",
)
PYTHON_TYPES = {"string": str, "integer": int, "boolean": bool}
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class ResponseTooLargeError(OSError):
    """A body larger than MAX_BODY_BYTES, which is far more than TikTok ever sends."""


class StreamError(cdk.AirbyteTracedException):
    """An error that ends a stream. The CDK's summary of a sync shows each error's `repr`: here, only the message."""

    __repr__ = cdk.AirbyteTracedException.__str__


class MissingScopeError(StreamError):
    """The account's owner did not grant a scope that the stream needs."""


class NonRetryableError(cdk.AirbyteTracedException):
    """TikTok rejected this request. A retry does not help, but requesting fewer fields may."""

    @property
    def is_scope_missing(self) -> bool:
        """Whether a scope is missing: the only rejection that the manifest makes a config error."""
        return self.failure_type is cdk.FailureType.config_error


class RateLimitedError(cdk.AirbyteTracedException):
    """TikTok rejected a request because the rate limit is exceeded."""


@dataclass
class TikTokErrorHandler(DefaultErrorHandler):
    """Parses and classifies each response once; after that, `response.json()` returns the parsed body.

    Why not YAML: the CDK's filters, paginator and extractor each parse a response in their own way, and where they
    disagree, records are silently dropped; `requests` has no timeout for a response that trickles in; and the CDK
    refreshes the access token only once per request, so a second revocation within seconds would fail the sync.
    The parsed body's `error.code` becomes `unreadable` if there is no JSON object with an `error` object, and
    `incomplete` if it is ok, but the HTTP status is an error or `required_condition` is false.
    """

    no_response: Mapping[str, str] = field(default_factory=dict)  # error messages, by the name of the exception's class
    max_response_time: float = math.inf  # s, for one response
    required_condition: str = "{{ true }}"  # whether a response has the required fields
    authenticator: Any = field(default=None, init=False)  # set by the requester

    def interpret_response(self, response_or_exception: Response | Exception | None) -> ErrorResolution:
        """What to do next; raises NonRetryableError, RateLimitedError, or the error of a token refresh."""
        try:
            response = self._read(response_or_exception)
        except (OSError, HTTPError) as error:  # the exceptions of `requests` are OSErrors
            message = message_for(error, self.no_response)
            return ErrorResolution(ResponseAction.RETRY, cdk.FailureType.transient_error, message)
        for response_filter in self.response_filters or ():
            if resolution := response_filter.matches(response):
                # The CDK drops the failure type of a filter that retries: the error's type if it persists.
                resolution.failure_type = response_filter.failure_type or cdk.FailureType.transient_error
                return self._apply(response, resolution)
        raise ValueError("The last filter of the manifest must match every response.")

    def _read(self, response: Response | Exception | None) -> Response:
        if not isinstance(response, Response):
            raise response or ConnectionError
        body = read_body(response, self.max_response_time)
        response.raw = HTTPResponse(BytesIO(body), preload_content=False)  # for the CDK's logs
        parsed = parse(body)
        if not isinstance(parsed.get("error"), dict):
            parsed = {"error": {"code": "unreadable"}}
        elif parsed["error"].get("code") == "ok" and not (response.ok and self._is_usable(parsed)):
            parsed["error"]["code"] = "incomplete"
        response.json = lambda **_: parsed  # type: ignore[method-assign]
        return response

    def _is_usable(self, parsed: Mapping[str, Any]) -> bool:
        return cdk.InterpolatedBoolean(self.required_condition, {}).eval(self.config, response=parsed)

    def _apply(self, response: Response, resolution: ErrorResolution) -> ErrorResolution:
        action, request = resolution.response_action, response.request
        if action is ResponseAction.REFRESH_TOKEN_THEN_RETRY:
            self.authenticator.expire(request.headers["Authorization"])
            resolution.response_action = ResponseAction.RETRY  # which signs the request anew
        if action not in (ResponseAction.FAIL, ResponseAction.RATE_LIMITED):
            return resolution
        detail = f"{request.method} {request.path_url}: HTTP {response.status_code}, {response.json()['error']}"
        detail = detail[:MAX_DETAIL_CHARACTERS]
        if action is ResponseAction.RATE_LIMITED:
            raise RateLimitedError(detail, resolution.error_message, resolution.failure_type)
        logger.info(f"TikTok refused {detail}")
        raise NonRetryableError(detail, resolution.error_message, resolution.failure_type)


@dataclass
class ParsedBodyExtractor(RecordExtractor):
    """Extracts records from the parsed body, and converts each requested column to the schema's type, or to null.

    Why not YAML: the CDK's DpathExtractor parses a response again, treats an unparsable one as an empty object, and
    searches all of it for one path, which takes a tenth of a sync's CPU time. Its schema normalization costs 0.2 ms a
    record, and keeps values that it can't convert, on which the destination then fails.
    Example: {"id": 75562, "like_count": "7", "is_verified": []} becomes
    {"id": "75562", "like_count": 7, "is_verified": None, "view_count": None}, where view_count was requested.
    """

    field_path: Sequence[str]
    columns: Mapping[str, Any]  # the schema's properties
    messages: Mapping[str, str]

    def __post_init__(self) -> None:
        types = {name: column["type"] for name, column in self.columns.items()}
        self._types = {name: PYTHON_TYPES[kind if isinstance(kind, str) else kind[0]] for name, kind in types.items()}
        self._invalid = set[str]()

    def extract_records(self, response: Response) -> Iterable[Any]:
        """The records at `field_path`: each item of a list, or the one object; none if it is absent."""
        found = response.json()
        for name in self.field_path:
            found = found.get(name)
        requested = _requested_fields(response)
        for record in found if isinstance(found, list) else [found] if found else []:
            if isinstance(record, dict):
                self._conform(record, requested)
            yield record

    def _conform(self, record: dict[str, Any], requested: Iterable[str]) -> None:
        for name in requested:
            kind = self._types[name]
            value = record.setdefault(name, None)
            is_exact = type(value) is kind
            if value is None or (is_exact and (kind is not int or -MAX_INTEGER <= value <= MAX_INTEGER)):
                continue
            record[name] = convert(value, kind)
            if record[name] is None and name not in self._invalid:
                self._invalid.add(name)
                words = {"name": name, "id": record.get("id") or record.get("open_id")}
                logger.warning(self.messages["invalid_value"].format(**words, value=repr(value)[:100]))


def convert(value: Any, kind: type) -> Any:
    """The value converted to this type; None if that is impossible."""
    text = str(value).lower() if isinstance(value, (str, int, float)) else ""
    if kind is bool:
        return {"1": True, "true": True, "0": False, "false": False}.get(text)
    if not text or isinstance(value, bool) or (kind is str and isinstance(value, float)):
        return None
    if kind is str:
        return str(value)
    number = re.fullmatch(r"(-?[0-9]{1,19})(?:\.0)?", text)
    return int(number[1]) if number and abs(int(number[1])) <= MAX_INTEGER else None


def _requested_fields(response: Response) -> list[str]:
    _, _, names = (response.request.path_url or "").partition("?fields=")
    return names.split(",") if names else []


def read_body(response: Response, max_time: float) -> bytes:
    """A streamed response's body. The timeout of `requests` limits each read, but not a response that trickles in.

    Raises ReadTimeout after `max_time` (s), and ResponseTooLargeError.
    """
    end = time.monotonic() + max_time
    body = bytearray()
    while chunk := response.raw.read1(65_536, decode_content=True):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            response.close()
            raise ResponseTooLargeError(f"more than {MAX_BODY_BYTES} bytes")
        if time.monotonic() > end:
            response.close()
            raise ReadTimeout(f"not complete after {max_time} s")
    return bytes(body)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a body, or an empty one; its strings are valid in every destination.

    Invalid UTF-8 and lone surrogates become U+FFFD, NUL is dropped.
    """
    try:
        value = json.loads(body.decode("utf-8", errors="replace").replace("\0", ""), strict=False)
        if ODD_ESCAPE.search(body):
            value = _clean(value)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return LONE_SURROGATE.sub("\ufffd", value).replace("\0", "")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    return value


def message_for(error: Exception, sentences: Mapping[str, str]) -> str:
    """The message for a request without a response: `no_response` in the manifest, by the exception's class."""
    return next(sentences[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in sentences)
