"""One reading of each response. Named in manifest.yaml under `error_handler` and `decoder`."""

import json
import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import airbyte_cdk as cdk
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
    longest_response_in_seconds: float = 120
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
            names = [kind.__name__ for kind in type(error).__mro__]
            message = next(self.no_response[name] for name in names if name in self.no_response)
            self.unanswered += 1
            action = ResponseAction.FAIL if self.unanswered > self.retries_without_response else ResponseAction.RETRY
            return ErrorResolution(action, cdk.FailureType.transient_error, message)
        for response_filter in self.response_filters or ():
            if resolution := response_filter.matches(response):
                # The CDK drops the failure type of a filter that retries: the error's type if it persists.
                resolution.failure_type = response_filter.failure_type or cdk.FailureType.transient_error
                return self._heed(response, resolution)
        raise ValueError("The last filter of the manifest takes whatever the others leave.")

    def _read(self, response: Response | Exception | None) -> Response:
        if not isinstance(response, Response):
            raise response or ConnectionError
        body = b"".join(self._chunks(response))
        response.raw = HTTPResponse(BytesIO(body), preload_content=False)  # for the CDK's logs
        try:
            reading = json.loads(body.decode("utf-8", errors="replace"))
        except (ValueError, RecursionError):
            reading = None
        if not isinstance(reading, dict) or not isinstance(reading.get("error"), dict):
            reading = {"error": {"code": "unreadable"}}
        elif reading["error"].get("code") == "ok" and not (response.ok and self._is_whole(reading)):
            reading["error"]["code"] = "incomplete"
        response.json = lambda **_: reading  # type: ignore[method-assign]
        return response

    def _is_whole(self, reading: Mapping[str, Any]) -> bool:
        return cdk.InterpolatedBoolean(self.whole_response, {}).eval(self.config, response=reading)

    def _chunks(self, response: Response) -> Iterator[bytes]:
        end = time.monotonic() + self.longest_response_in_seconds
        while chunk := response.raw.read1(2**16, decode_content=True):
            yield chunk
            if time.monotonic() > end:
                response.close()
                raise ReadTimeout(f"not whole after {self.longest_response_in_seconds} s")

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


class ReadResponseDecoder(cdk.JsonDecoder):
    """Hands on what the error handler has read.

    Why not YAML: the CDK's JsonDecoder parses again, and takes what it cannot parse for an empty object.
    """

    def __init__(self) -> None:
        super().__init__(parameters={})

    def decode(self, response: Response) -> Iterator[Any]:  # type: ignore[override]
        """The parsed body."""
        yield response.json()
