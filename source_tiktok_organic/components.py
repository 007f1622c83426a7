"""The custom parts of manifest.yaml for requests, records and state: one class for each thing that YAML cannot say.

Nothing here imports from the rest of the package and nothing makes requests of its own: they go through the CDK's
requester, so that retries, request budget and token refresh apply to all of them.
"""

import logging
import threading
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.extractors.dpath_extractor import DpathExtractor
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.declarative.interpolation import InterpolatedString
from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy
from airbyte_cdk.sources.declarative.requesters.query_properties.property_selector import PropertySelector
from airbyte_cdk.sources.declarative.transformations import RecordTransformation
from airbyte_cdk.sources.types import Record, StreamSlice
from airbyte_cdk.utils.datetime_helpers import ab_datetime_now
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

logger = logging.getLogger("airbyte")


RATE_LIMITED = (
    FailureType.transient_error,
    "TikTok's limit of 600 requests a minute stayed reached, though the connector waited. Other accounts share the "
    "limit of one app: let their syncs start apart. Run the sync again later.",
)
# What the CDK's HttpClient says when it gives up, and what a person should be told; the first that fits counts.
GIVEN_UP: Mapping[str, tuple[FailureType, str]] = {
    "Refreshed OAuth access token is rejected": (
        FailureType.config_error,
        "TikTok does not accept a new access token either: the owner of the account has probably removed the app. Sign "
        "in to TikTok again and put the new credentials into this source.",
    ),
    "API rejects the current OAuth access token": (
        FailureType.transient_error,
        "TikTok ended the access token early, and a new one could not be had at the moment. Run the sync again later.",
    ),
    "API rate limit exceeded": RATE_LIMITED,
    "TikTok's limit of 600 requests": RATE_LIMITED,  # with another status than 429
    "Exhausted available request attempts": (
        FailureType.transient_error,
        "TikTok gave no valid answer, though the connector asked seven times in about a minute. Run the sync again "
        "later; it goes on from the last state.",
    ),
}


REFUSED = "did not grant"  # said of a refused scope, see the error filters of manifest.yaml
OLDEST_POST = 1_388_534_400  # 2014-01-01 in s, see `start_date` in manifest.yaml


@dataclass
class FieldsRequester(HttpRequester):
    """Asks for the columns that are selected, granted and known, in the query parameter `fields` that TikTok demands.

    Why not YAML: one field whose scope was not granted fails the whole request. The granted scopes come with each token
    answer; with an access token alone they are unknown.
    Example: fields_by_scope {"video.list": ["id", "create_time", "title"]}, keys ["id"] and the column "title" become
    {"fields": "id,title"}

    Attributes:
        columns: the columns selected in the catalog; None, as in `check`, means all.
        keys_suffice: whether the keys are enough, should TikTok refuse the rest.
    """

    fields_by_scope: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: Sequence[str] = ()
    columns: PropertySelector | None = None
    keys_suffice: bool = False

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._warned = self.keys_suffice
        self._keys_alone = False

    def send_request(self, *args: Any, **kwargs: Any) -> requests.Response | None:
        """Send a request; what the CDK raises when it gives up becomes a sentence that says whose turn it is."""
        try:
            return super().send_request(*args, **kwargs)
        except AirbyteTracedException as error:
            if self.keys_suffice and not self._keys_alone and REFUSED in (error.message or ""):
                self._keys_alone = True
                return self.send_request(*args, **kwargs)
            for words, (failure_type, message) in GIVEN_UP.items():
                if words in (error.message or ""):
                    raise AirbyteTracedException(error.internal_message, message, failure_type) from error
            raise

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
        if self._keys_alone and not any(name in self.keys for name in names):
            return False
        granted = self.config["credentials"].get("scope")
        return not granted or scope in granted.split(",")

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
        data = response.json().get("data")
        if not isinstance(data, Mapping):
            raise AirbyteTracedException(
                f"a page whose data is {type(data).__name__}",
                "TikTok sent a page of videos that is none. Run the sync again; if this happens every time, please "
                "report it.",
                FailureType.system_error,
            )
        if not data.get("has_more"):
            return None
        cursor: Any = data.get("cursor")
        following = self._following(cursor, last_page_token_value)
        if following is None:
            raise AirbyteTracedException(
                f"has_more with cursor {cursor!r} after a request with cursor {last_page_token_value!r}",
                "TikTok says that there are more videos, but its cursor does not lead to them. Run the sync again; if "
                "this happens every time, please report it with the cursors, which stand in the log.",
                FailureType.system_error,
            )
        start = int(stream_slice["start_time"]) if stream_slice else 0
        return following if cursor >= start * 1000 else None

    @staticmethod
    def _following(cursor: Any, previous: int | None) -> int | None:
        if not isinstance(cursor, int) or cursor <= 0:
            return None
        end_of_second = (cursor // 1000 + 1) * 1000
        if previous is None or end_of_second < previous:
            return end_of_second
        # The whole page lies in one second: only TikTok's own cursor leads out of it.
        return cursor if cursor < previous else None


class AccountExtractor(DpathExtractor):
    """Takes the profile out of an answer, and refuses one that does not say whose it is.

    Why not YAML: without its open_id the stream `videos` would have no account to read, and end empty but well.
    """

    def extract_records(self, response: requests.Response) -> Iterable[MutableMapping[Any, Any]]:
        """The profile; a system error when it has no open_id."""
        for profile in list(super().extract_records(response)) or [{}]:
            if not isinstance(profile, Mapping) or not profile.get("open_id"):
                raise AirbyteTracedException(
                    "a profile without open_id",
                    "TikTok sent a profile without the account's open_id, which no table can take. Run the sync again; "
                    "if this happens every time, please report it.",
                    FailureType.system_error,
                )
            yield profile


@dataclass
class OnceRecordFilter(RecordFilter):
    """Lets each video pass once, and none from before the window or the start date.

    Why not YAML: pages and windows overlap (see `BackwardCursorPaginationStrategy`), so the filter needs a memory, 8
    bytes a video; and whether TikTok lists pinned posts out of order, perhaps only there, is not known: an old video
    above one of the window passes, while the page's tail belongs to the window before.
    """

    start_date: str = ""
    condition: str = ""

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        day = InterpolatedString.create(self.start_date, parameters=parameters).eval(self.config)
        self._start = int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=timezone.utc).timestamp())
        # Sorted, on many short shelves: 8 bytes an id, where a set takes 80.
        self._seen = [array("Q") for _ in range(1024)]
        self._lock = threading.Lock()

    def filter_records(
        self, records: Iterable[Mapping[str, Any]], *_: Any, **context: Any
    ) -> Iterable[Mapping[str, Any]]:
        """The records of a page that have not passed before; a system error for one without an id."""
        page, start = list(records), int(context["stream_slice"]["start_time"])
        while page and _posted(page[-1], default=start) < start:
            page.pop()
        return [r for r in page if _posted(r, default=start) >= self._start and self._is_new(r)]

    def _is_new(self, video: Any) -> bool:
        video_id = video.get("id") if isinstance(video, Mapping) else None
        if type(video_id) not in (int, str) or not video_id:  # a float has lost digits
            raise AirbyteTracedException(
                f"a video without id, but {sorted(video) if isinstance(video, Mapping) else type(video).__name__}",
                "TikTok sent a video without an id, which no table can take. Run the sync again; if this happens every "
                "time, please report it.",
                FailureType.system_error,
            )
        video_id = str(video_id)
        is_number = video_id.isdecimal() and not video_id.startswith("0")
        number = (int(video_id) if is_number else hash(video_id)) % 2**64
        shelf = self._seen[number % len(self._seen)]
        with self._lock:
            place = bisect_left(shelf, number)
            if place < len(shelf) and shelf[place] == number:
                return False
            shelf.insert(place, number)
            return True


def _posted(video: Mapping[str, Any], default: int) -> int:
    """When a video was posted (s); one whose time is missing or cannot be is taken to belong where it came."""
    try:
        posted = int(video["create_time"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return default
    return posted if posted >= OLDEST_POST else default


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
class TypeWatchTransformation(RecordTransformation):
    """Counts values that are not of the type of their column, without changing them; `source.py` reports the counts.

    Why not YAML: the CDK's schema normalization would convert every value of every record, which costs more than
    reading them, or say nothing.
    Example: {"like_count": "12"} counts ("videos", "like_count", "str")
    """

    stream: str
    properties: Mapping[str, Any]

    PYTHON_TYPES = {"string": str, "integer": int, "boolean": bool, "null": type(None)}  # noqa: RUF012

    def __post_init__(self) -> None:
        names = {column: definition["type"] for column, definition in self.properties.items()}
        self._allowed = {
            column: {self.PYTHON_TYPES[name] for name in ([kind] if isinstance(kind, str) else kind)}
            for column, kind in names.items()
        }
        self._required = [column for column, kind in names.items() if isinstance(kind, str)]

    def transform(self, record: dict[str, Any], *_: Any, **__: Any) -> None:
        """Count what does not fit."""
        for column, value in record.items():
            if type(value) not in self._allowed.get(column, (type(value),)):
                misfits[self.stream, column, type(value).__name__] += 1
        for column in self._required:
            if column not in record:
                misfits[self.stream, column, "missing"] += 1


# (stream, column, Python type or "missing") of values that did not fit their column, in the sync under way.
misfits: Counter[tuple[str, str, str]] = Counter()


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
