"""The custom parts of manifest.yaml for requests, pages, records and state."""

import logging
import math
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import airbyte_cdk as cdk
import requests
from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration
from airbyte_cdk.sources.declarative.requesters.query_properties.property_selector import PropertySelector
from airbyte_cdk.sources.declarative.requesters.request_options import InterpolatedRequestOptionsProvider

logger = logging.getLogger("airbyte")


class StreamError(cdk.AirbyteTracedException):
    """An error that ends a stream. The CDK's summary of a sync shows each error's `repr`: here, only the message."""

    __repr__ = cdk.AirbyteTracedException.__str__


@dataclass
class FieldsRequester(cdk.HttpRequester):
    """Asks for the columns that are selected, granted and known, in the query parameter `fields` that TikTok demands.

    Why not YAML: one field whose scope was not granted fails the whole request, and which ones are granted comes with
    each token response. And the CDK encodes commas, which TikTok may not take.
    """

    fields_by_scope: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: Sequence[str] = ()
    optional_fields: Sequence[str] = ()  # what a request can do without, should TikTok refuse it
    columns: PropertySelector | None = None  # those selected in the catalog; none, as in `check`, means all
    request_body_json: dict[str, Any] | None = None
    messages: Mapping[str, str] = field(default_factory=dict)
    error_handler: Any = None
    api_budget: Any = None

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        options = InterpolatedRequestOptionsProvider(parameters, self.config, request_body_json=self.request_body_json)
        self.request_options_provider = options
        super().__post_init__(parameters)
        self.error_handler.requester = self
        self._failed, self._left_out, self._said = False, set[str](), set[str]()

    def send_request(self, **kwargs: Any) -> requests.Response | None:  # type: ignore[override]
        """Send a request; raises StreamError only once: after that the stream sends none, and slices stay unread."""
        try:
            if not self._failed:
                return self._send(**kwargs)
        except cdk.AirbyteTracedException as error:
            if not self._failed:
                self._failed = self.api_budget.is_over = True
                raise StreamError(error.internal_message, error.message, error.failure_type) from error
        kwargs["stream_slice"].extra_fields["unread"] = True
        return None

    def _send(self, **kwargs: Any) -> requests.Response | None:
        self.get_authenticator().get_auth_header()  # which may renew the token, and so tell the granted scopes
        optional = [name for name in self._fields() if name in self.optional_fields]
        try:
            return super().send_request(**kwargs)
        except self.error_handler.RequestRefused as error:
            of_the_keys = error.failure_type is not cdk.FailureType.system_error and len(self.fields_by_scope) == 1
            if not optional or of_the_keys:  # the missing scope is that of the keys
                raise
            self._left_out.update(optional)
            response = self._send(**kwargs)
            self._warn_once("field_refused", names=", ".join(optional))
            return response
        except cdk.AirbyteTracedException as error:
            given_up = error.__context__
            if not isinstance(given_up, cdk.BaseBackoffException):
                raise
            # A request refused for the rate limit is sent again; the budget says when, and when to give up.
            if self.api_budget.is_refused(given_up.request):
                return self._send(**kwargs)
            raise StreamError(error.internal_message, str(given_up), given_up.failure_type) from error

    def get_path(self, **context: Any) -> str:
        """The path with its `fields`; a config error if the scope of a key was not granted."""
        return f"{super().get_path(**context)}?fields={','.join(self._fields())}"

    def _fields(self) -> list[str]:
        selected = self.columns.select() if self.columns else None
        granted = re.split(r"[,\s]+", self.config["credentials"].get("scope") or "")
        fields: list[str] = []
        for scope, names in self.fields_by_scope.items():
            wanted = [n for n in names if n in self.keys or not selected or n in selected]
            if granted == [""] or scope in granted:
                fields += [name for name in wanted if name not in self._left_out]
            elif any(name in self.keys for name in wanted):
                message = self.messages["key_not_granted"].format(stream=self.name, scope=scope)
                raise StreamError(f"{scope} is not granted", message, cdk.FailureType.config_error)
            elif lost := [name for name in wanted if name not in self.optional_fields]:
                self._warn_once("columns_not_granted", scope=scope, names=", ".join(lost))
        return fields

    def _warn_once(self, message: str, **words: str) -> None:
        sentence = self.messages[message].format(stream=self.name, **words)
        if sentence not in self._said:
            self._said.add(sentence)
            logger.warning(sentence)


@dataclass
class BackwardCursorPaginationStrategy(cdk.PaginationStrategy):
    """Follows TikTok's cursor into the past, one page at a time, to the window's start, and refuses to go in circles.

    Why not YAML: whether "before the cursor" includes its own second is not known, and videos can share one second. So
    the next page is asked for from the *end* of the last video's second, and `OnceRecordFilter` drops what comes again.
    """

    page_size: int
    pinned_posts: int
    pages_of_a_window: int
    windows: int
    parts: int
    messages: Mapping[str, str]
    initial_token = None  # the request body in the manifest gives a window's first request its cursor

    def get_page_size(self) -> int | None:
        """The value of `max_count`."""
        return self.page_size

    def next_page_token(self, response: requests.Response, *_: Any, **context: Any) -> int | None:
        """The cursor (ms) of the window's next request, or None; a system error when TikTok's does not lead on."""
        data, window, previous = response.json()["data"], context["stream_slice"], context["last_page_token_value"]
        if not data["has_more"]:
            return None
        cursor, videos = data.get("cursor"), data["videos"]
        following = self._following(cursor, previous, videos)
        if following is None:
            detail = f"has_more with cursor {cursor!r} after a request with cursor {previous!r}"
            raise StreamError(detail, self.messages["cursor_leads_nowhere"], cdk.FailureType.system_error)
        is_shared = previous is None and self._share(window, cursor // 1000, len(videos))
        return None if is_shared or cursor < int(window["start_time"]) * 1000 else following

    def _following(self, cursor: Any, previous: int | None, videos: list[Any]) -> int | None:
        if not isinstance(cursor, int) or cursor <= 0:
            return None
        end_of_second = (cursor // 1000 + 1) * 1000
        if previous is None or end_of_second < previous:
            return end_of_second
        # Apart from pinned posts, the whole page lies in one second: only TikTok's own cursor leads out of it, from the
        # end of its millisecond, unless that second fills the page below them and the cursor would skip its rest.
        if cursor % 1000 and cursor + 1 < previous:
            return cursor + 1
        crowd = len({v.get("id") for v in videos if v.get("create_time", cursor // 1000) == cursor // 1000})
        return cursor if cursor < previous and not 0 <= crowd - self.page_size <= self.pinned_posts else None

    def _share(self, window: cdk.StreamSlice, oldest: int, size: int) -> bool:
        """Leave the rest of a window to other workers if, going by its first page, many pages follow."""
        start, end = int(window["start_time"]), int(window["end_time"])
        count, share = (window.extra_fields.get(name) for name in ("video_count", "share"))
        left, known = (count - size, count) if isinstance(count, int) and count else (math.inf, 0)
        most = max(self.pages_of_a_window, known / self.page_size / self.windows)
        pages = min(left, (oldest - start) * size / max(1, end - oldest)) / self.page_size
        if not share or pages <= most or oldest >= end:
            return False
        share(window, oldest, min(self.parts, math.ceil(pages / most)))
        return True


@dataclass
class OnceRecordFilter(cdk.RecordFilter):
    """Lets each video pass once, and none from before the window or the start date.

    Why not YAML: pages overlap, so the filter needs a memory, 100 bytes a video. And pinned posts may be listed out of
    order: an old video above one of the window passes, while the page's tail belongs to an older window.
    """

    condition: str = ""
    start_date: str = ""  # in s, as is what follows
    first_post: int = 0
    messages: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._start = int(cdk.InterpolatedString.create(self.start_date, parameters=parameters).eval(self.config))
        self._seen, self._lock = set[bytes](), threading.Lock()

    def filter_records(self, records: Iterable[Any], *_: Any, **context: Any) -> Iterable[Mapping[str, Any]]:
        """The records of a page that have not passed before; a system error for one without an id."""
        page, start = list(records), int(context["stream_slice"]["start_time"])
        while page and self._posted(page[-1], default=start) < start:
            page.pop()
        return [r for r in page if self._posted(r, default=start) >= self._start and self._is_new(r)]

    def _posted(self, video: Any, default: int) -> int:
        """When a video was posted (s); `default` if its create_time is impossible, so that it belongs to the window."""
        posted = video.get("create_time") if isinstance(video, Mapping) else None
        return posted if isinstance(posted, int) and posted >= self.first_post else default

    def _is_new(self, video: Any) -> bool:
        video_id = video.get("id") if isinstance(video, Mapping) else None
        if type(video_id) not in (int, str) or not video_id:  # a float has lost digits
            detail = f"a video without id, but {sorted(video) if isinstance(video, Mapping) else type(video).__name__}"
            raise StreamError(detail, self.messages["video_without_id"], cdk.FailureType.system_error)
        with self._lock:
            known = len(self._seen)
            self._seen.add(str(video_id).encode(errors="surrogatepass"))  # less memory than a string
            return len(self._seen) > known


class VideoKeysTransformation(cdk.RecordTransformation):
    """Gives a video its keys: `id` as a string, and `open_id`, the account it belongs to.

    Why not YAML: AddFields costs 0.25 ms a record. {"id": 75562} becomes {"id": "75562", "open_id": "_000abc"}.
    """

    def transform(self, record: dict[str, Any], *_: Any, **context: Any) -> None:
        """Change `record` in place."""
        record.update(id=str(record["id"]), open_id=context["stream_slice"]["open_id"])


@dataclass
class AccountStateMigration(StateMigration):
    """Keeps the parts of a state that belong to an account, and warns if it drops anything.

    Why not YAML: the CDK starts an account that has no state where the others stand (the key `state`), so its older
    videos would never be read; and it recognizes an account only with the key `parent_slice`.
    Example: {"partition": {"open_id": "_000abc", "parent_slice": {}}, "cursor": {"create_time": "1759333357"}} (s)
    """

    messages: Mapping[str, str]

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        """Whenever there is a state: a sound one stays as it is."""
        return bool(stream_state)

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        """The state that is left."""
        states = stream_state.get("states")
        accounts = [self._account(state) for state in states] if isinstance(states, list) else [None]
        if None in accounts:
            logger.warning(self.messages["state_dropped"])
        return {"states": [account for account in accounts if account]}

    @staticmethod
    def _account(state: Any) -> Mapping[str, Any] | None:
        try:
            open_id, second = state["partition"]["open_id"], int(state["cursor"]["create_time"])
        except (KeyError, TypeError, ValueError):
            return None
        sound = {"partition": {"open_id": open_id, "parent_slice": {}}, "cursor": {"create_time": str(second)}}
        return sound if isinstance(open_id, str) and second >= 0 else None
