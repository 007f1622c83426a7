"""How requests are sent: with which fields, and at which rate. Named in manifest.yaml under `requester`."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import airbyte_cdk as cdk
import requests
from airbyte_cdk.sources.declarative.requesters.query_properties.property_selector import PropertySelector
from airbyte_cdk.sources.declarative.requesters.request_options import InterpolatedRequestOptionsProvider

from source_tiktok_organic.responses import MissingScopeError, NonRetryableError, RateLimitedError, StreamError

logger = logging.getLogger("airbyte")
LOG_INTERVAL_S = 30


@dataclass
class FieldsRequester(cdk.HttpRequester):
    """Requests the selected fields in the query parameter `fields`, which TikTok requires even of a POST.

    Why not YAML: one field whose scope was not granted fails the whole request, and only TikTok knows which scopes are
    granted. A refused request is sent again without one optional part after the other. And the CDK encodes commas,
    which TikTok may not accept.

    Attributes:
        fields_by_scope: what a request may ask for, by the scope that allows it.
        keys: the fields without which no record can be emitted. Their scopes are required, all others optional.
        optional_fields: what TikTok may not know; given up when a request is refused for another reason than a scope.
        columns: the columns selected in the catalog; none, as in `check`, means all.
        rate_limit_waits: how long to wait (s) after each refusal in a row, before the stream gives up.
        full_width_after: for how long (s) there must be no refusal before requests are sent side by side again.
    """

    fields_by_scope: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: Sequence[str] = ()
    optional_fields: Sequence[str] = ()
    columns: PropertySelector | None = None
    request_body_json: dict[str, Any] | None = None
    rate_limit_waits: Sequence[float] = ()
    full_width_after: float = 0
    messages: Mapping[str, str] = field(default_factory=dict)
    error_handler: Any = None

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        options = InterpolatedRequestOptionsProvider(parameters, self.config, request_body_json=self.request_body_json)
        self.request_options_provider = options
        super().__post_init__(parameters)
        self.error_handler.authenticator = self.get_authenticator()
        self._rate_limit = RateLimit(self.rate_limit_waits, self.full_width_after, self.messages)
        self._refused_fields = frozenset[str]()
        self._failed = False
        self._lock = threading.Lock()

    def send_request(self, **kwargs: Any) -> requests.Response | None:  # type: ignore[override]
        """Send a request; raises StreamError once. After that the stream sends no more, and its windows stay unread."""
        if self._failed:
            return None
        try:
            return self._send(**kwargs)
        except cdk.AirbyteTracedException as error:
            with self._lock:
                is_first = not self._failed
                self._failed = True
            if is_first:
                raise self._stream_error(error) from error
            return None

    def _send(self, **kwargs: Any) -> requests.Response | None:
        without = self._refused_fields
        try:
            return self._send_without(without, **kwargs)
        except NonRetryableError as error:
            for refused in self._alternatives(error, without):
                try:
                    response = self._send_without(without | refused, **kwargs)
                except NonRetryableError as other:
                    error = other
                    continue
                self._give_up(refused)
                return response
            raise error from None

    def _send_without(self, refused: frozenset[str], **kwargs: Any) -> requests.Response | None:
        kwargs["path"] = f"{self.get_path()}?fields={','.join(self._fields(refused))}"
        stream_slice = kwargs["stream_slice"]
        window = stream_slice.extra_fields.get("window")
        send = super().send_request

        def request() -> requests.Response | None:
            if self._failed:
                return None
            try:
                response = send(**kwargs)
            except RateLimitedError:
                if window:
                    window.expect_pause()
                raise
            # For the paginator, to which the CDK passes it only since 7.35.
            response.stream_slice = stream_slice  # type: ignore[union-attr]
            return response

        return self._rate_limit.send(request)

    def _fields(self, refused: frozenset[str]) -> list[str]:
        selected = self.columns.select() if self.columns else None
        names = [name for scope in self.fields_by_scope.values() for name in scope if name not in refused]
        return [name for name in names if name in self.keys or not selected or name in selected]

    def _alternatives(self, error: NonRetryableError, refused: frozenset[str]) -> Iterator[frozenset[str]]:
        """What to leave out of a refused request: one optional part alone, then another, then both."""
        fields = self._fields(refused)
        parts = list(self._optional_scopes().values()) if error.is_scope_missing else [frozenset(self.optional_fields)]
        parts = [part for part in parts if part.intersection(fields)]
        for size in range(1, len(parts) + 1):
            for some in combinations(parts, size):
                yield frozenset().union(*some)

    def _optional_scopes(self) -> dict[str, frozenset[str]]:
        scopes = {scope: frozenset(names) for scope, names in self.fields_by_scope.items()}
        return {scope: names for scope, names in scopes.items() if names.isdisjoint(self.keys)}

    def _give_up(self, refused: frozenset[str]) -> None:
        """Leave fields out of all requests from now on, with one warning for each reason."""
        with self._lock:
            lost = [name for name in self._fields(self._refused_fields) if name in refused]
            self._refused_fields |= refused
        for scope, names in self._optional_scopes().items():
            columns = [name for name in lost if name in names and name not in self.optional_fields]
            if columns:
                self._warn("columns_not_granted", scope=scope, names=", ".join(columns))
        of_optional_scopes = frozenset().union(*self._optional_scopes().values())
        if unknown := [name for name in lost if name in self.optional_fields and name not in of_optional_scopes]:
            self._warn("field_refused", names=", ".join(unknown))

    def _warn(self, message: str, **words: str) -> None:
        logger.warning(self.messages[message].format(stream=self.name, **words))

    def _stream_error(self, error: cdk.AirbyteTracedException) -> StreamError:
        """The error that ends the stream: it names the scope of the keys, or says that the retries are exhausted."""
        message, failure_type = error.message, error.failure_type
        if isinstance(error, NonRetryableError) and error.is_scope_missing:
            scopes = [scope for scope in self.fields_by_scope if scope not in self._optional_scopes()]
            message = self.messages["key_scope_missing"].format(stream=self.name, scope=", ".join(scopes))
            return MissingScopeError(error.internal_message, message, failure_type)
        if isinstance(retried := error.__context__, cdk.BaseBackoffException):
            message, failure_type = str(retried), retried.failure_type
            if failure_type is cdk.FailureType.transient_error:
                attempts = (self.error_handler.max_retries or 0) + 1
                message = f"{message} {self.messages['gave_up'].format(attempts=attempts)}"
        return StreamError(error.internal_message, message, failure_type)


class RateLimit:
    """Sends requests side by side until TikTok refuses one for its rate limit, then one at a time.

    Whoever is refused waits, and everybody waits with it: TikTok may count refused requests, or lock an app that goes
    on asking. Real apps get far less than the documented limit, so it cannot be known before.
    """

    def __init__(self, waits: Sequence[float], full_width_after: float, messages: Mapping[str, str]) -> None:
        self._waits = waits
        self._full_width_after = full_width_after
        self._messages = messages
        self._one_at_a_time = threading.Lock()
        self._lock = threading.Lock()
        self._is_narrow = False
        self._was_logged = False
        self._refusals = 0  # in a row
        self._resume_at = 0.0  # time.monotonic(), in s

    def send(self, request: Callable[[], requests.Response | None]) -> requests.Response | None:
        """The result of `request`; raises RateLimitedError when nothing was accepted for the sum of all waits."""
        if not self._is_narrow:
            try:
                return request()
            except RateLimitedError as error:
                self._back_off(error, is_first_only=True)
        with self._one_at_a_time:
            while True:
                self._wait()
                try:
                    response = request()
                except RateLimitedError as error:
                    self._back_off(error)
                else:
                    self._refusals = 0
                    self._is_narrow = time.monotonic() < self._resume_at + self._full_width_after
                    return response

    def _back_off(self, error: RateLimitedError, is_first_only: bool = False) -> None:
        """Wait before the next request; of several refused while they were under way, only the first one counts."""
        with self._lock:
            if is_first_only and self._is_narrow:
                return
            if self._refusals == len(self._waits):
                raise error
            self._resume_at = time.monotonic() + self._waits[self._refusals]
            self._refusals += 1
            self._is_narrow = True
            if not self._was_logged:
                self._was_logged = True
                logger.info(self._messages["rate_limited"])

    def _wait(self) -> None:
        while (left := self._resume_at - time.monotonic()) > 0:
            logger.info(self._messages["rate_limit_wait"].format(seconds=f"{left:.0f}"))
            time.sleep(min(left, LOG_INTERVAL_S))
