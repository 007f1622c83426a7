"""The custom parts of manifest.yaml for pages, records and state. All times are in s, TikTok's cursors in ms."""

import logging
import math
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import airbyte_cdk as cdk
import requests
from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration

from source_tiktok_organic.responses import StreamError

logger = logging.getLogger("airbyte")
DAY_S = 86_400


class PageToken(TypedDict):
    """What a request of the video list asks for; see `request_body_json` in the manifest.

    Attributes:
        cursor: in ms; None in a window's first request, which gets its cursor from the manifest.
        max_count: the page size, or 1 in a probe.
        after_probes: the cursors of the remaining probes, and last the cursor to continue from.
    """

    cursor: int | None
    max_count: int
    after_probes: Sequence[int]


@dataclass
class BackwardCursorPaginationStrategy(cdk.PaginationStrategy):
    """Follows TikTok's cursor into the past, one page at a time, to the window's start.

    Why not YAML: whether the cursor is inclusive is unknown, and videos can share one second. So the next page is
    requested from the *end* of the last video's second, and `DeduplicatingFilter` drops what comes again. A page that
    lies within one second needs more: see `_after_probe`.

    It also tells the window (`AccountCursor`) how far it was read, and splits one that has many pages ahead of it.

    Attributes:
        page_size: `max_count`.
        pinned_posts: how many posts a page may list on top, besides its own.
        first_post: no cursor can be earlier (s).
        pages_per_worker: an account with fewer pages left to read is not split.
        max_pages_per_window: a window with fewer pages ahead of it is not split.
        max_windows: of an account with more pages than fill all windows, each may have more pages.
        max_splits: into how many windows one is split at most.
        max_extra_requests: how many windows may be split off, as a share of the pages read: each may cost a request.
    """

    page_size: int
    pinned_posts: int
    first_post: int
    pages_per_worker: int
    max_pages_per_window: int
    max_windows: int
    max_splits: int
    max_extra_requests: float
    messages: Mapping[str, str]

    @property
    def initial_token(self) -> PageToken:
        """The token of a window's first request."""
        return {"cursor": None, "max_count": self.page_size, "after_probes": ()}

    def get_page_size(self) -> int | None:
        """The value of `max_count`."""
        return self.page_size

    def next_page_token(self, response: requests.Response, *_: Any, **context: Any) -> PageToken | None:
        """The token of the window's next request, or None at its end; a system error for an invalid cursor."""
        data = response.json()["data"]
        videos = data.get("videos") or ()
        stream_slice = response.stream_slice  # type: ignore[attr-defined]  # set by the requester
        window = stream_slice.extra_fields.get("window")
        start = window.start if window else int(stream_slice["start_time"])
        token = self._following(data, context.get("last_page_token_value") or self.initial_token)
        # All that lies at or after the token's cursor was read: these are the whole seconds of it.
        second = -(-(token["cursor"] or 0) // 1000) if token else start
        if token and token["after_probes"]:
            return token
        if token is None or second <= start:
            if window:
                window.finish(videos)
            return None
        if window:
            self._split(window, videos, window.read_down_to(second, videos))
        return token

    def _following(self, data: Mapping[str, Any], token: PageToken) -> PageToken | None:
        """The token that reads on, whatever the window's start; None at the end of the list."""
        if token["after_probes"]:
            return self._after_probe(data, token)
        if not data["has_more"]:
            return None
        previous = token["cursor"]
        cursor = self._cursor(data, previous)
        end_of_second = (cursor // 1000 + 1) * 1000
        if previous is None or end_of_second < previous:
            return self._token(end_of_second)
        if self._is_empty(data, previous):
            return self._token(cursor)
        if cursor + 1 < previous:  # the page lies in one second: with real ms, the end of its ms leads on
            return self._token(cursor + 1)
        if cursor % 1000 and len(data["videos"]) <= 1 + self.pinned_posts:  # of one ms, in which no page can be cut
            return self._token(cursor)
        return {"cursor": previous, "max_count": 1, "after_probes": (cursor, cursor)}

    def _after_probe(self, data: Mapping[str, Any], token: PageToken) -> PageToken:
        """Continue from the cursor of a crowded second, if a probe shows that no page is cut inside a second.

        Only TikTok's own cursor leads out of such a second, and it excludes its rest. That loses nothing if TikTok
        fills a page beyond `max_count` rather than cut a second, or if the cursor is inclusive. A page of one video,
        requested before and after the second, shows either: it then has more videos of one second than were requested.
        """
        *probes, cursor = token["after_probes"]
        seconds = [video.get("create_time") for video in data.get("videos") or ()]
        most = max((seconds.count(second) for second in seconds), default=0)
        if most > token["max_count"] + self.pinned_posts:
            return self._token(cursor)
        if data["has_more"] and self._is_empty(data, token["cursor"]):
            return {**token, "cursor": self._cursor(data, token["cursor"])}
        if not probes:
            raise self._invalid_cursor(cursor, token["cursor"])
        return {"cursor": probes[0], "max_count": 1, "after_probes": (*probes[1:], cursor)}

    def _is_empty(self, data: Mapping[str, Any], previous: int | None) -> bool:
        """Whether a page lists nothing between the last cursor (ms) and its own: at most pinned posts, on top of it."""
        start = self._cursor(data, None) // 1000
        end = (previous or math.inf) / 1000
        seconds = [video.get("create_time") for video in data.get("videos") or ()]
        return all(isinstance(second, int) and not start <= second <= end for second in seconds)

    def _token(self, cursor: int) -> PageToken:
        return {**self.initial_token, "cursor": cursor}

    def _cursor(self, data: Mapping[str, Any], previous: int | None) -> int:
        """TikTok's cursor (ms): an int, or its digits, that lies before the last one and after the first post."""
        given = data.get("cursor")
        cursor: Any = int(given) if isinstance(given, str) and re.fullmatch("[0-9]{1,19}", given) else given
        if type(cursor) is not int or not self.first_post * 1000 <= cursor < (previous or math.inf):
            raise self._invalid_cursor(given, previous)
        return cursor

    def _invalid_cursor(self, cursor: Any, previous: int | None) -> StreamError:
        detail = f"has_more with cursor {cursor!r} after a request with cursor {previous!r}"
        return StreamError(detail, self.messages["invalid_cursor"], cdk.FailureType.system_error)

    def _split(self, window: Any, videos: Sequence[Any], span: int) -> None:
        """Leave what lies far ahead in a window to other workers, going by how dense its last `span` seconds were."""
        account = window.account
        ahead = window.end + 1 - window.start
        left = account.videos_left()
        expected = min(len(videos) / max(1, span) * ahead, left) / self.page_size
        to_read = expected if left is math.inf else left / self.page_size
        pages = max(self.max_pages_per_window, account.video_count / self.page_size / self.max_windows)
        allowed = self.max_splits + int(self.max_extra_requests * account.pages_read) - account.windows_split
        parts = min(self.max_splits, math.ceil(expected / pages), allowed)
        if parts < 2 or to_read <= self.pages_per_worker:
            return
        # Where the videos that are left end going by their density, and a young account began to post.
        length = min(ahead, expected * self.page_size * span / len(videos)) / parts
        window.split([window.end + 1 - round(length * part) for part in range(1, parts)])


@dataclass
class DeduplicatingFilter(cdk.RecordFilter):
    """Lets each video pass once, and none from before the window or the start date.

    Why not YAML: pages overlap, so the filter needs a memory, 80 bytes a video. And pinned posts may be listed out of
    order: an old video above one of the window passes, while the page's tail belongs to an older window.

    Attributes:
        start_date: in s, as a template.
        first_post: no video can be older (s).
    """

    condition: str = ""
    start_date: str = ""
    first_post: int = 0
    messages: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._start = int(cdk.InterpolatedString.create(self.start_date, parameters=parameters).eval(self.config))
        self._seen = set[int | str]()
        self._warned = set[str]()
        self._lock = threading.RLock()

    def filter_records(self, records: Iterable[Any], *_: Any, **context: Any) -> Iterator[Mapping[str, Any]]:
        """The records of a page that have not passed before; a system error for one without an id."""
        page = list(records)
        stream_slice = context["stream_slice"]
        window = stream_slice.extra_fields.get("window")
        start = window.start if window else int(stream_slice["start_time"])
        end = int(stream_slice["end_time"])
        while page and self._posted(page[-1], default=start) < start:
            page.pop()
        for video in page:
            posted = self._posted(video, default=start)
            if posted < self._start:
                continue
            if start <= posted <= end:
                if self._is_new(video):
                    yield video
            else:
                # A pinned post: the worker that reads its own window must not drop it, and count its second as read,
                # before it is in the queue. It is once the reader asks for the next record.
                with self._lock:
                    if self._is_new(video):
                        yield video

    def _posted(self, video: Any, default: int) -> int:
        """When a video was posted (s); `default` if its create_time is impossible, so that it belongs to the window."""
        posted = video.get("create_time") if isinstance(video, Mapping) else None
        if type(posted) is not int:
            self._warn(video, "missing")
        elif posted < self.first_post:
            self._warn(video, "too early")
        elif posted > time.time() + DAY_S:
            self._warn(video, "too late")
        else:
            return posted
        return default

    def _warn(self, video: Any, kind: str) -> None:
        """One warning for each kind of create_time that cannot be."""
        if kind not in self._warned and isinstance(video, Mapping):
            self._warned.add(kind)
            words = {"id": video.get("id"), "value": video.get("create_time")}
            logger.warning(self.messages["invalid_create_time"].format(**words))

    def _is_new(self, video: Any) -> bool:
        video_id = video.get("id") if isinstance(video, Mapping) else None
        if type(video_id) not in (int, str) or video_id in (0, "0", ""):  # a float has lost digits
            detail = f"a video without id, but {sorted(video) if isinstance(video, Mapping) else type(video).__name__}"
            raise StreamError(detail, self.messages["video_without_id"], cdk.FailureType.system_error)
        key = _compact(str(video_id))
        with self._lock:
            is_new = key not in self._seen
            self._seen.add(key)
            return is_new


def _compact(video_id: str) -> int | str:
    """An id in less memory: as an int, which 19 digits are, unless digits are lost by that."""
    number = int(video_id) if video_id.isdecimal() and len(video_id) < 20 else -1
    return number if str(number) == video_id else video_id


class OpenIdTransformation(cdk.RecordTransformation):
    """Adds `open_id`, the account that a video belongs to: {"id": "7"} becomes {"id": "7", "open_id": "_000abc"}.

    Why not YAML: AddFields renders a template for each record, which costs 8 % of a sync's CPU time.
    """

    def transform(self, record: dict[str, Any], *_: Any, **context: Any) -> None:
        """Change `record` in place."""
        record["open_id"] = context["stream_slice"]["open_id"]


@dataclass
class AccountStateMigration(StateMigration):
    """Keeps the parts of a state that belong to an account, and warns if it drops or changes anything.

    Why not YAML: the CDK starts an account that has no state where the others stand (the key `state`), so its older
    videos would never be read; and it recognizes an account only with the key `parent_slice`.
    Examples of a `cursor` (s): {"create_time": "1759333357"} after a complete sync, and while there are gaps
    {"state_type": "date-range", "slices": [{"start": "1759000000", "end": "1759333360"}]}.

    Attributes:
        now: as a template (s).
    """

    messages: Mapping[str, str]
    now: str

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        """Whenever there is a state: a valid one stays as it is."""
        return bool(stream_state)

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        """The state that is left."""
        states = stream_state.get("states")
        accounts = [self._account(state) for state in states] if isinstance(states, list) else [None]
        if None in accounts:
            logger.warning(self.messages["state_dropped"])
        return {"states": [account for account in accounts if account]}

    def _account(self, state: Any) -> Mapping[str, Any] | None:
        try:
            open_id = state["partition"]["open_id"]
            cursor = self._cursor(state["cursor"])
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        if not isinstance(open_id, str):
            return None
        return {"partition": {"open_id": open_id, "parent_slice": {}}, "cursor": cursor}

    def _cursor(self, cursor: Any) -> Mapping[str, Any]:
        if "slices" not in cursor:
            return {"create_time": self._second(cursor["create_time"])}
        slices = [{name: self._second(second) for name, second in part.items()} for part in cursor["slices"]]
        if not all(int(part["start"]) <= int(part["end"]) for part in slices):
            raise ValueError("a slice that ends before it starts")
        return {"state_type": "date-range", "slices": slices}

    def _second(self, value: Any) -> str:
        """A time (s) as text, at most now; ValueError for what is none, such as ms."""
        now = int(cdk.InterpolatedString.create(self.now, parameters={}).eval({}))
        second = int(value) if type(value) in (int, str) else -1
        if not 0 <= second < 100 * now:  # ms are a thousand times as many
            raise ValueError("not a time in s")
        if second > now:
            logger.warning(self.messages["state_in_the_future"].format(second=second))
        return str(min(second, now))
