"""The custom parts of manifest.yaml: one class for each thing about TikTok that YAML cannot say.

Nothing here imports from the rest of the package, so that the connector could become manifest-only by moving two files.
Only `RotatingTokenAuthenticator` makes requests; everything else shapes those of the CDK's requester.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.declarative.auth.oauth import DeclarativeSingleUseRefreshTokenOauth2Authenticator
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.declarative.interpolation import InterpolatedString
from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy
from airbyte_cdk.sources.declarative.requesters.query_properties.property_selector import PropertySelector
from airbyte_cdk.sources.declarative.transformations import RecordTransformation
from airbyte_cdk.sources.types import Config, Record, StreamSlice
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.datetime_helpers import AirbyteDateTime, ab_datetime_now
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

logger = logging.getLogger("airbyte")
TokenErrors = Mapping[str, Mapping[str, str]]


class TokenRequestFailed(AirbyteTracedException):
    """A token request that brought no access token."""

    answer_lost = False  # TikTok may have used up the refresh token without our seeing the new one


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
    token_errors: TokenErrors

    TIMEOUT_S = (10, 30)
    WAITS_S = (1, 4, 16)
    REFRESH_AHEAD = timedelta(minutes=1)

    def __init__(self, config: Config, url_base: str, token_path: str, token_errors: TokenErrors) -> None:
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
        """Exchange the refresh token; raises `TokenRequestFailed`, see `token_errors` in the manifest.

        Called by the CDK under its lock; it then stores and prints the new config.
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
                if lost:
                    error.message = self._errors["answer_lost"]["message"]
                if error.failure_type != FailureType.transient_error or wait is None:
                    raise
                logger.info(f"Token refresh failed ({error.internal_message}); trying again in {wait} s.")
                time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _post_refresh(self) -> Mapping[str, Any]:
        url, form = self.get_token_refresh_endpoint() or "", self.build_refresh_request_body()
        try:
            response = requests.post(url, data=form, timeout=self.TIMEOUT_S)
            answer = response.json()
        except requests.exceptions.JSONDecodeError:
            raise self._failure("no_valid_answer", f"HTTP {response.status_code}, no JSON", response.ok) from None
        except requests.exceptions.RequestException as error:
            raise self._failure("no_valid_answer", type(error).__name__, not _never_sent(error)) from None
        if isinstance(answer, Mapping) and answer.get("access_token"):
            return answer
        raise self._refused(answer if isinstance(answer, Mapping) else {}, response.status_code)

    def _refused(self, body: Mapping[str, Any], status: int) -> TokenRequestFailed:
        code = str(body.get("error", ""))
        detail = f"HTTP {status}, error={code!r}, log_id={body.get('log_id')!r}, {body.get('error_description')!r}"
        if code not in self._errors:
            code = "no_valid_answer" if not code or status >= 500 else "unknown"
        return self._failure(code, detail)

    def _failure(self, code: str, detail: str, answer_lost: bool = False) -> TokenRequestFailed:
        error = self._errors[code]
        failure_type = FailureType[error["failure_type"]]
        failure = TokenRequestFailed(self._redact_credentials(detail), error["message"], failure_type)
        failure.answer_lost = answer_lost
        return failure


def _never_sent(error: requests.exceptions.RequestException) -> bool:
    """Whether no connection was made (no such host, a closed port), so that TikTok cannot have seen the request."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    unsent = ("NewConnectionError", "NameResolutionError", "SSLError")
    return isinstance(error, requests.exceptions.ConnectTimeout) or type(reason).__name__ in unsent


@dataclass
class AccessTokenAuthenticator(DeclarativeAuthenticator):
    """Signs requests with the access token from the config and says so when it has ended.

    Why not YAML: with a BearerAuthenticator the CDK would repeat a request that has a dead token six times.
    """

    config: Config

    auth_header = "Authorization"

    @property
    def token(self) -> str:
        """The header's value."""
        return f"Bearer {self.config['credentials']['access_token']}"

    def refresh_and_set_access_token(self) -> None:
        """Called by the CDK when TikTok does not accept the token: raises a config error."""
        raise AirbyteTracedException(
            "access_token_invalid, and credentials of type access_token cannot be refreshed",
            "TikTok does not accept the access token: it has expired (after two hours) or was revoked. Get a new one, "
            "or sign in with OAuth 2.0, which renews itself.",
            FailureType.config_error,
        )


@dataclass
class FieldsRequester(HttpRequester):
    """Asks for the columns that are selected, granted and known, in the query parameter `fields` that TikTok demands.

    Why not YAML: one field whose scope was not granted fails the whole request. The granted scopes come with each token
    answer; with an access token alone they are unknown.
    Example: fields_by_scope {"video.list": ["id", "create_time", "title"]}, keys ["id"] and the column "title" become
    {"fields": "id,title"}

    Attributes:
        columns: the columns selected in the catalog; None, as in `check`, means all.
        only_granted: whether to leave out what is not known to be granted, instead of trying it.
    """

    fields_by_scope: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: Sequence[str] = ()
    columns: PropertySelector | None = None
    only_granted: bool = False

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._warned = self.only_granted

    def get_request_params(self, **context: Any) -> MutableMapping[str, Any]:
        """The query parameters of a request, `fields` among them; a config error if a key's scope was not granted."""
        return {**super().get_request_params(**context), "fields": ",".join(self._fields())}

    def _fields(self) -> list[str]:
        selected = self.columns.select() if self.columns else None
        wanted = {
            scope: [name for name in names if selected is None or name in selected or name in self.keys]
            for scope, names in self.fields_by_scope.items()
        }
        refused = {scope: names for scope, names in wanted.items() if names and not self._is_granted(scope, names)}
        self._report(refused)
        return [name for scope, names in wanted.items() if scope not in refused for name in names]

    def _is_granted(self, scope: str, names: Sequence[str]) -> bool:
        granted = self.config["credentials"].get("scope")
        if not granted:
            return not self.only_granted or any(name in self.keys for name in names)
        return scope in granted.split(",")

    def _report(self, refused: Mapping[str, Sequence[str]]) -> None:
        for scope, names in refused.items():
            if any(name in self.keys for name in names):
                raise AirbyteTracedException(
                    f"{scope} is not among the granted scopes",
                    f"The stream {self.name} needs the permission {scope}, which the owner of the TikTok account did "
                    "not grant. Sign in to TikTok again and leave it on, or deselect the stream.",
                    FailureType.config_error,
                )
            if not self._warned:
                logger.warning(
                    f"The owner of the TikTok account did not grant the permission {scope}: {', '.join(names)} of "
                    f"{self.name} stay empty. To fill them, sign in to TikTok again and leave it on."
                )
        self._warned = True


@dataclass
class VideoListRequester(FieldsRequester):
    """Asks for the videos of one window.

    Why not YAML: the first request of a window carries its end as cursor, unless it is the newest window, which begins
    where TikTok's list does, whatever this machine's clock says.
    Example: the slice {"start_time": "1756684800", "end_time": "1761955199"} (s) becomes {"cursor": 1761955200000} (ms)
    """

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._now = int(ab_datetime_now().timestamp())

    def get_request_body_json(self, **context: Any) -> Mapping[str, Any]:
        """The cursor (ms) of a window's first request; later ones get theirs from the paginator."""
        end = int(context["stream_slice"]["end_time"])
        return {} if context["next_page_token"] or end >= self._now else {"cursor": (end + 1) * 1000}


@dataclass
class BackwardCursorPaginationStrategy(PaginationStrategy):
    """Follows TikTok's cursor into the past, one page at a time, to the window's start, and refuses to go in circles.

    Why not YAML: whether "before the cursor" includes the cursor's own second is not known, and several videos can
    share one second at a page's edge. So the next page is asked for from the *end* of the last video's second: it
    brings that second again, whole, and `OnceRecordFilter` drops what was there already.
    Example: 1759333357000 (ms), the last video's second, becomes 1759333358000 (ms)
    """

    page_size: int

    @property
    def initial_token(self) -> int | None:
        """The requester gives a window's first request its cursor."""
        return None

    def get_page_size(self) -> int | None:
        """The value of `max_count`."""
        return self.page_size

    def next_page_token(
        self,
        response: requests.Response,
        last_page_size: int,
        last_record: Record | None,
        last_page_token_value: Any | None = None,
        page_size_override: int | None = None,
        stream_slice: StreamSlice | None = None,
    ) -> int | None:
        """The cursor (ms) of the window's next request, or None after its last page.

        A system error is raised when TikTok promises more but names no earlier cursor.
        """
        data = response.json()["data"]
        if not data.get("has_more"):
            return None
        cursor = data.get("cursor")
        following = self._following(cursor, last_page_token_value)
        if following is None:
            raise AirbyteTracedException(
                f"has_more with cursor {cursor!r} after a request with cursor {last_page_token_value!r}",
                "TikTok says that there are more videos, but its cursor does not lead to them. Run the sync again; if "
                "this happens every time, please report it with the cursors, which stand in the log.",
                FailureType.system_error,
            )
        start = int(stream_slice["start_time"]) if stream_slice else 0
        return following if following > start * 1000 else None

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
    """Lets each video pass once, and none from before the window or the start date.

    Why not YAML: pages and windows overlap (see `BackwardCursorPaginationStrategy`), so the filter needs a memory, 60
    bytes a video; and whether TikTok lists pinned posts out of order, perhaps only there, is not known: an old video
    above one of the window passes, while the page's tail belongs to the window before.
    """

    start_date: str = ""
    condition: str = ""

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        day = InterpolatedString.create(self.start_date, parameters=parameters).eval(self.config)
        self._start = int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=timezone.utc).timestamp())
        self._seen: set[int] = set()
        self._lock = threading.Lock()

    def filter_records(
        self, records: Iterable[Mapping[str, Any]], *_: Any, **context: Any
    ) -> Iterable[Mapping[str, Any]]:
        """Yield the records of a page (`id` as string or number, `create_time` in s) that have not passed before."""
        page, start = list(records), int(context["stream_slice"]["start_time"])
        while page and page[-1]["create_time"] < start:
            page.pop()
        return [r for r in page if r["create_time"] >= self._start and self._is_new(int(r["id"]))]

    def _is_new(self, video_id: int) -> bool:
        with self._lock:
            known = len(self._seen)
            self._seen.add(video_id)
            return len(self._seen) > known


@dataclass
class VideoKeysTransformation(RecordTransformation):
    """Gives a video its keys: `id` as a string, and `open_id`, the account it belongs to.

    Why not YAML: AddFields costs 0.25 ms a record.
    Example: {"id": 7556278981167713591} becomes {"id": "7556278981167713591", "open_id": "_000abc"}
    """

    def transform(self, record: dict[str, Any], *_: Any, **context: Any) -> None:
        """Change `record` in place."""
        record["id"] = str(record["id"])
        record["open_id"] = context["stream_slice"]["open_id"]


@dataclass
class AccountStateMigration(StateMigration):
    """Keeps of an old state what belongs to an account, and says what it drops.

    Why not YAML: the CDK starts an account that it has no state of where the other accounts stand (the key `state`), so
    that its older videos would never be read.
    Result: {"states": [{"partition": {"open_id": "_000abc"}, "cursor": {"create_time": "1759333357"}}]} (s)
    """

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        """Whether the state holds anything but states of accounts."""
        return bool(stream_state) and dict(stream_state) != self._kept(stream_state)

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        """The state that is left."""
        kept = self._kept(stream_state)
        states = stream_state.get("states")
        if not isinstance(states, list) or len(kept["states"]) < len(states):
            logger.warning(
                "The state of the stream videos, or a part of it, is not one that this connector wrote. It is not "
                "used: the videos of the account are read from the start date on."
            )
        return kept

    @classmethod
    def _kept(cls, state: Mapping[str, Any]) -> dict[str, Any]:
        states = state.get("states")
        return {"states": [s for s in states if cls._is_sound(s)] if isinstance(states, list) else []}

    @staticmethod
    def _is_sound(state: Any) -> bool:
        try:
            return int(state["cursor"]["create_time"]) >= 0 and isinstance(state["partition"]["open_id"], str)
        except (KeyError, TypeError, ValueError):
            return False
