"""The custom parts of manifest.yaml: one class for each thing about TikTok that YAML cannot say.

Nothing here imports from the rest of the package, so that the connector could become manifest-only by moving two files.
Only `RotatingTokenAuthenticator` makes requests; everything else shapes those of the CDK's requester.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.declarative.auth.oauth import DeclarativeSingleUseRefreshTokenOauth2Authenticator
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.declarative.interpolation import InterpolatedString
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy
from airbyte_cdk.sources.declarative.requesters.query_properties.property_selector import PropertySelector
from airbyte_cdk.sources.declarative.transformations import RecordTransformation
from airbyte_cdk.sources.types import Config, Record, StreamSlice, StreamState
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.datetime_helpers import AirbyteDateTime, ab_datetime_now
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

logger = logging.getLogger("airbyte")


class TokenRequestFailed(AirbyteTracedException):
    """One token request that brought no access token.

    Attributes:
        answer_lost: whether TikTok may have used up the refresh token without our seeing the new one.
    """

    def __init__(self, failure_type: FailureType, message: str, detail: str, answer_lost: bool = False) -> None:
        super().__init__(internal_message=detail, message=message, failure_type=failure_type)
        self.answer_lost = answer_lost


class RotatingTokenAuthenticator(DeclarativeSingleUseRefreshTokenOauth2Authenticator):
    """Signs requests with an access token, and renews it with TikTok's refresh token, which works only once.

    Why not YAML: TikTok may send a token error with HTTP 200, which the CDK takes for success; the CDK sets no timeout
    and posts a single-use token again for five minutes; scope, open_id and the refresh token's end would be dropped.

    Token answer (recorded, integration_tests/recorded/token_refresh.json; both lifetimes in s):
        {"access_token": "act.…", "expires_in": 86400, "refresh_token": "rft.…", "refresh_expires_in": 31535980,
         "open_id": "…", "scope": "user.info.basic,video.list", "token_type": "Bearer"}
    """

    config: Config
    url_base: str
    token_path: str
    token_errors: Mapping[str, Mapping[str, str]]

    TIMEOUT_S = (10, 30)
    WAITS_S = (1, 4, 16)
    REFRESH_AHEAD = timedelta(minutes=1)

    def __init__(
        self, config: Config, url_base: str, token_path: str, token_errors: Mapping[str, Mapping[str, str]]
    ) -> None:
        self._errors = token_errors
        credentials = config.get("credentials", {})
        super().__init__(
            config,
            url_base + token_path,
            client_id_name="client_key",
            client_id=credentials.get("client_key"),
            client_secret=credentials.get("client_secret"),
        )

    def refresh_access_token(self) -> tuple[str, AirbyteDateTime, str | None]:  # type: ignore[override]
        """Exchange the refresh token. Called by the CDK under its lock; it then stores and prints the new config.

        Raises:
            TokenRequestFailed: config, transient or system error, see `token_errors` in the manifest.
        """
        answer = self._make_handled_request()
        for name in ("access_token", "refresh_token"):
            add_to_secrets(answer.get(name) or "")
        self._keep_what_was_granted(answer)
        return answer["access_token"], self._extract_token_expiry_date(answer), answer.get("refresh_token")

    def _keep_what_was_granted(self, answer: Mapping[str, Any]) -> None:
        for name in ("scope", "open_id"):
            if answer.get(name):
                self._set_config_value_by_path(("credentials", name), answer[name])
        if answer.get("refresh_expires_in"):
            end = ab_datetime_now() + timedelta(seconds=int(answer["refresh_expires_in"]))
            self._set_config_value_by_path(("credentials", "refresh_token_expiry_date"), str(end))

    def _emit_control_message(self) -> None:
        super()._emit_control_message()
        # The CDK's stdout keeps lines back for a moment; a process killed in it would take the only valid token along.
        sys.stdout.flush()

    def _extract_token_expiry_date(self, response_data: Mapping[str, Any]) -> AirbyteDateTime:
        # A request signed just before the end would arrive after it; a tenth of very short lifetimes is enough.
        end = super()._extract_token_expiry_date(response_data)
        lifetime: timedelta = end - ab_datetime_now()
        return end - min(self.REFRESH_AHEAD, lifetime / 10)

    def _make_handled_request(self) -> Any:
        lost = False
        for wait in (*self.WAITS_S, None):
            try:
                return self._post_refresh()
            except TokenRequestFailed as error:  # noqa: PERF203
                lost = lost or error.answer_lost
                if error.failure_type != FailureType.transient_error or wait is None:
                    raise self._final(error, lost) from None
                logger.info(f"Token refresh failed ({error.internal_message}); trying again in {wait} s.")
                time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _post_refresh(self) -> Mapping[str, Any]:
        try:
            response = requests.post(
                self.get_token_refresh_endpoint() or "",
                data=self.build_refresh_request_body(),
                timeout=self.TIMEOUT_S,
            )
            answer = response.json()
        except requests.exceptions.ConnectTimeout as error:
            raise self._unavailable(type(error).__name__) from None
        except requests.exceptions.JSONDecodeError:
            raise self._unavailable(f"HTTP {response.status_code}, no JSON", answer_lost=response.ok) from None
        except requests.exceptions.RequestException as error:
            raise self._unavailable(type(error).__name__, answer_lost=not _never_sent(error)) from None
        if isinstance(answer, Mapping) and answer.get("access_token"):
            return answer
        raise self._refused(answer, response.status_code)

    def _unavailable(self, detail: str, answer_lost: bool = False) -> TokenRequestFailed:
        return self._failure("no_valid_answer", detail, answer_lost)

    def _refused(self, answer: Any, status: int) -> TokenRequestFailed:
        body = answer if isinstance(answer, Mapping) else {}
        code = str(body.get("error", ""))
        detail = f"HTTP {status}, error={code!r}, log_id={body.get('log_id')!r}, {body.get('error_description')!r}"
        if code in self._errors:
            return self._failure(code, detail)
        return self._unavailable(detail) if not code or status >= 500 else self._failure("unknown", detail)

    def _failure(self, code: str, detail: str, answer_lost: bool = False) -> TokenRequestFailed:
        error = self._errors[code]
        failure_type = FailureType[error["failure_type"]]
        return TokenRequestFailed(failure_type, error["message"], self._redact_credentials(detail), answer_lost)

    def _final(self, error: TokenRequestFailed, lost: bool) -> TokenRequestFailed:
        if not lost or error.failure_type == FailureType.system_error:
            return error
        message = self._errors["answer_lost"]["message"]
        return TokenRequestFailed(error.failure_type, message, str(error.internal_message), answer_lost=True)


def _never_sent(error: requests.exceptions.RequestException) -> bool:
    """Whether no connection was made, so that TikTok cannot have seen the request (a DNS failure, a closed port)."""
    cause = error.args[0] if error.args else None
    return type(getattr(cause, "reason", None)).__name__ in ("NewConnectionError", "NameResolutionError", "SSLError")


@dataclass
class AccessTokenAuthenticator(DeclarativeAuthenticator):
    """Signs requests with the access token from the config and says so when it has ended.

    Why not YAML: a BearerAuthenticator cannot take part in REFRESH_TOKEN_THEN_RETRY, so the CDK would repeat a request
    with a dead token six times.
    """

    config: Config

    auth_header = "Authorization"

    @property
    def token(self) -> str:
        """The header's value."""
        return f"Bearer {self.config['credentials']['access_token']}"

    def refresh_and_set_access_token(self) -> None:
        """Called by the CDK when TikTok does not accept the token.

        Raises:
            AirbyteTracedException: config error, always.
        """
        raise AirbyteTracedException(
            message="TikTok does not accept the access token: it has expired (after two hours) or was revoked. Get a "
            "new one, or sign in with OAuth 2.0, which renews itself.",
            internal_message="access_token_invalid, and credentials of type access_token cannot be refreshed",
            failure_type=FailureType.config_error,
        )


@dataclass
class FieldsRequester(HttpRequester):
    """Asks for the columns that the user selected, in the query parameter `fields` that TikTok demands.

    Why not YAML: the columns of one stream stand under the scopes that allow them, and one too many fails the request.

    Example input: fields_by_scope {"video.list": ["id", "create_time", "title"]}, keys ["id"], columns {"title"}
    Example output: {"fields": "id,title"}

    Attributes:
        fields_by_scope: every field of the stream, under the scope that allows it.
        keys: fields that are always asked for.
        columns: the columns selected in the catalog; None, as in `check`, means all.
    """

    fields_by_scope: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: Sequence[str] = ()
    columns: PropertySelector | None = None

    def get_request_params(
        self,
        *,
        stream_state: StreamState | None = None,
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> MutableMapping[str, Any]:
        """The query parameters of a request, `fields` among them."""
        params = super().get_request_params(
            stream_state=stream_state, stream_slice=stream_slice, next_page_token=next_page_token
        )
        return {**params, "fields": ",".join(self._fields())}

    def _fields(self) -> list[str]:
        selected = self.columns.select() if self.columns else None
        known = [name for names in self.fields_by_scope.values() for name in names]
        return [name for name in known if selected is None or name in selected or name in self.keys]


@dataclass
class BackwardCursorPaginationStrategy(PaginationStrategy):
    """Follows TikTok's cursor into the past, one page at a time, and refuses to go in circles.

    Why not YAML: whether "before the cursor" includes the cursor's own second is not known, and several videos can
    share one second at a page's edge. So the next page is asked for from the *end* of the last video's second: it
    brings that second again, whole, and `OnceRecordFilter` drops what was there already.

    Example input: cursor 1759333357000 (ms), the create_time of the page's last video
    Example output: 1759333358000 (ms)

    Stateless: one instance serves all partitions at once.
    """

    config: Config
    page_size: int
    start_date: str
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._start_ms = _start_of(self.config, self.start_date) * 1000

    @property
    def initial_token(self) -> int | None:
        """The first request carries no cursor: TikTok begins with the newest video."""
        return None

    def get_page_size(self) -> int | None:
        """The value of `max_count`."""
        return self.page_size

    def next_page_token(
        self,
        response: requests.Response,
        last_page_size: int,
        last_record: Record | None,
        last_page_token_value: Any | None,
        page_size_override: int | None = None,
        stream_slice: StreamSlice | None = None,
    ) -> int | None:
        """The cursor (ms) of the next request, or None after the last page.

        Raises:
            AirbyteTracedException: system error, when TikTok promises more but names no earlier cursor.
        """
        data = response.json()["data"]
        if not data.get("has_more"):
            return None
        cursor = data.get("cursor")
        following = self._following(cursor, last_page_token_value)
        if following is None:
            raise AirbyteTracedException(
                message="TikTok says that there are more videos, but its cursor does not lead to them. Run the sync "
                "again; if this happens every time, please report it with the cursors, which stand in the log.",
                internal_message=f"has_more with cursor {cursor!r} after a request with cursor "
                f"{last_page_token_value!r}",
                failure_type=FailureType.system_error,
            )
        return following if following > self._start_ms else None

    @staticmethod
    def _following(cursor: Any, previous: int | None) -> int | None:
        if not isinstance(cursor, int) or cursor <= 0:
            return None
        end_of_second = (cursor // 1000 + 1) * 1000
        if previous is None or end_of_second < previous:
            return end_of_second
        # The whole page lies in one second: only TikTok's own cursor leads out of it.
        return cursor if cursor < previous else None


@dataclass
class OnceRecordFilter(RecordFilter):
    """Lets each video pass once, and none from before the start date.

    Why not YAML: pages overlap by a second (see `BackwardCursorPaginationStrategy`), so the filter needs a memory; and
    a condition in Jinja costs 0.25 ms a record.
    """

    start_date: str = ""
    condition: str = ""

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._start = _start_of(self.config, self.start_date)
        self._seen: set[int] = set()
        self._lock = threading.Lock()

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: StreamState,
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> Iterable[Mapping[str, Any]]:
        """Yield the records (`id` as string or number, `create_time` in s) that have not passed before."""
        for record in records:
            if record["create_time"] >= self._start and self._is_new(int(record["id"])):
                yield record

    def _is_new(self, video_id: int) -> bool:
        with self._lock:
            known = len(self._seen)
            self._seen.add(video_id)
            return len(self._seen) > known


@dataclass
class VideoKeysTransformation(RecordTransformation):
    """Gives a video its keys: `id` as a string, and `open_id`, the account it belongs to.

    Why not YAML: AddFields costs 0.25 ms a record.

    Example input: {"id": 7556278981167713591, …} of the partition {"open_id": "_000abc"}
    Example output: {"id": "7556278981167713591", "open_id": "_000abc", …}
    """

    def transform(
        self,
        record: dict[str, Any],
        config: Config | None = None,
        stream_state: StreamState | None = None,
        stream_slice: StreamSlice | None = None,
    ) -> None:
        """Change `record` in place."""
        record["id"] = str(record["id"])
        record["open_id"] = stream_slice["open_id"] if stream_slice else None


def _start_of(config: Config, template: str) -> int:
    """The Unix time (s) at which the day begins that `template` names, in UTC."""
    day = InterpolatedString.create(template, parameters={}).eval(config)
    return int(datetime.strptime(str(day), "%Y-%m-%d").replace(tzinfo=timezone.utc).timestamp())
