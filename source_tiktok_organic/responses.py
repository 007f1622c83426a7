"""One reading of each response. Named in manifest.yaml under `error_handler` and `extractor`."""

import json
import logging
import math
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


@dataclass
class OneReadingErrorHandler(DefaultErrorHandler):
    """Reads each response once and judges it once; later readers get the result from `response.json()`.

    Why not YAML: the CDK's filters, paginator and extractor each parse a response in their own way, and where they
    disagree, records are lost silently; no timeout of `requests` ends a response that trickles in; and the CDK renews
    the access token only once per request, so that a second revocation within seconds would end the sync.
    Result: the parsed body. Its `error.code` is `unreadable` where there is no JSON object with an `error` object, and
    `incomplete` where TikTok says ok, but the HTTP status does not, or `whole_response` does not hold.
    """

    no_response: Mapping[str, str] = field(default_factory=dict)  # what to say, by the name of the exception's class
    longest_response_in_seconds: float = math.inf
    whole_response: str = "{{ true }}"  # the condition on a response that can be used
    retries_without_response: float = math.inf  # few in a check, as somebody waits; `max_retries` applies as well
    unanswered: int = field(default=0, init=False)
    requester: Any = field(init=False)  # the requester that this handler belongs to; it sets itself here

    class RequestRefused(cdk.AirbyteTracedException):
        """TikTok refuses this very request: asking again does not help, asking for less may."""

    def interpret_response(self, response_or_exception: Response | Exception | None) -> ErrorResolution:
        """What to do next; raises `RequestRefused`, or AirbyteTracedException for a token that cannot be renewed."""
        try:
            response = self._read(response_or_exception)
        except (OSError, HTTPError) as error:  # the exceptions of `requests` are OSErrors
            self.unanswered += 1
            action = ResponseAction.FAIL if self.unanswered > self.retries_without_response else ResponseAction.RETRY
            return ErrorResolution(action, cdk.FailureType.transient_error, sentence_for(error, self.no_response))
        for response_filter in self.response_filters or ():
            if resolution := response_filter.matches(response):
                # The CDK drops the failure type of a filter that retries: the error's type if it persists.
                resolution.failure_type = response_filter.failure_type or cdk.FailureType.transient_error
                return self._heed(response, resolution)
        raise ValueError("The last filter of the manifest takes whatever the others leave.")

    def _read(self, response: Response | Exception | None) -> Response:
        if not isinstance(response, Response):
            raise response or ConnectionError
        body = whole_body(response, self.longest_response_in_seconds)
        response.raw = HTTPResponse(BytesIO(body), preload_content=False)  # for the CDK's logs
        reading = parsed(body)
        if not isinstance(reading.get("error"), dict):
            reading = {"error": {"code": "unreadable"}}
        elif reading["error"].get("code") == "ok" and not (response.ok and self._is_whole(reading)):
            reading["error"]["code"] = "incomplete"
        response.json = lambda **_: reading  # type: ignore[method-assign]
        return response

    def _is_whole(self, reading: Mapping[str, Any]) -> bool:
        return cdk.InterpolatedBoolean(self.whole_response, {}).eval(self.config, response=reading)

    def _heed(self, response: Response, resolution: ErrorResolution) -> ErrorResolution:
        action, budget, request = resolution.response_action, self.requester.api_budget, response.request
        budget.learn(request, refused=action is ResponseAction.RATE_LIMITED)
        if action is ResponseAction.REFRESH_TOKEN_THEN_RETRY:
            self.requester.get_authenticator().expire(request.headers["Authorization"])
            resolution.response_action = ResponseAction.RETRY  # which signs the request anew
        lasts = action is ResponseAction.RATE_LIMITED and budget.has_stalled()
        if lasts or action is ResponseAction.FAIL:
            detail = f"{request.method} {request.path_url}: HTTP {response.status_code}, {response.json()['error']}"
            logger.info(f"TikTok refuses {detail}")
            raise self.RequestRefused(detail, resolution.error_message, resolution.failure_type)
        return resolution


@dataclass
class ReadResponseExtractor(RecordExtractor):
    """Takes the records from what the error handler has read.

    Why not YAML: the CDK's DpathExtractor parses a response again, takes what it cannot parse for an empty object, and
    walks through all of it to find one path, which is a tenth of a sync's CPU time.
    """

    field_path: Sequence[str]

    def extract_records(self, response: Response) -> Iterable[Any]:
        """What is at `field_path`: each item of a list, or the one object; no records where there is nothing."""
        found = response.json()
        for name in self.field_path:
            found = found.get(name)
        yield from found if isinstance(found, list) else [found] if found else []


def whole_body(response: Response, longest_s: float) -> bytes:
    """A streamed response's body; a timeout of `requests` bounds each wait, but not a response that trickles in."""
    end, body = time.monotonic() + longest_s, bytearray()
    while chunk := response.raw.read1(65_536, decode_content=True):
        body += chunk
        if time.monotonic() > end:
            response.close()
            raise ReadTimeout(f"not whole after {longest_s} s")
    return bytes(body)


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object in a body, with replacement characters for invalid UTF-8; an empty one if there is none."""
    try:
        value = json.loads(body.decode("utf-8", errors="replace"))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def sentence_for(error: Exception, sentences: Mapping[str, str]) -> str:
    """What to say of a request without a response: `no_response` in the manifest, by the class of the exception."""
    return next(sentences[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in sentences)
