"""Probes, their findings, and the state that they share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from integration_tests.live import Json, LiveError
from integration_tests.live.api import Api, Reply, UnansweredError
from integration_tests.live.authorization import Authorization
from integration_tests.live.listing import PAGE_SIZE, Listing, Page, page_of, read_list
from sandbox import Settings
from sandbox.facts import USER_FIELDS_BY_SCOPE, USER_INFO_PATH, VIDEO_FIELDS, VIDEO_LIST_PATH, VIDEO_SCOPE
from sandbox.rules import RULES, Rule
from sandbox.settings import SCOPE_ERRORS

MAX_PAGES = 50  # of the plain list; the connector reads them once more, within the same budget
KEYS = ("id", "create_time")
COUNTS = ("view_count", "like_count", "comment_count", "share_count")
T = TypeVar("T")
Ask = Callable[["Live"], "Finding"]


class NotSeenError(Exception):
    """This account or this run can't show the answer; the message is the reason."""


@dataclass(frozen=True)
class Finding:
    """The answer to a question.

    Attributes:
        seen: what TikTok did, or why it was not seen.
        settings: the sandbox's settings for the same behaviour, including default values.
        agrees: whether the sandbox does the same by default; None if it makes no claim, or if nothing was seen.
    """

    seen: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    agrees: bool | None = None

    @property
    def switches(self) -> dict[str, Any]:
        """The settings that are not the sandbox's defaults."""
        defaults = Settings()
        return {name: value for name, value in self.settings.items() if value != getattr(defaults, name)}

    @property
    def differs(self) -> bool:
        """Whether the sandbox does something else by default."""
        return bool(self.switches) or self.agrees is False


def merged(findings: Iterable[Finding]) -> dict[str, Any]:
    """The settings with which the sandbox would behave as seen."""
    switches: dict[str, Any] = {}
    for name, value in (item for finding in findings for item in finding.switches.items()):
        switches[name] = (*switches.get(name, ()), *value) if isinstance(value, tuple) else value
    return switches


@dataclass(frozen=True)
class Probe:
    """One question.

    Attributes:
        rule: the sandbox's rule that it checks; None if there is no rule.
        documented: what TikTok's documentation says.
    """

    name: str
    question: str
    documented: str
    rule: Rule | None
    ask: Ask


PROBES: list[Probe] = []


def probe(question: str, documented: str = "nothing", *, rule: str) -> Callable[[Ask], Ask]:
    """Add a function to the probes; `rule` is a rule's name or its first words, or empty."""
    found = next(entry for entry in RULES if entry.name == rule or entry.rule.startswith(rule)) if rule else None

    def add(ask: Ask) -> Ask:
        PROBES.append(Probe(ask.__name__, question, documented, found, ask))
        return ask

    return add


@dataclass
class Live:
    """The account, as the probes use it.

    Attributes:
        spend_token, limit: whether to run the probes that may invalidate the authorization, or lock the app.
        errors: each error of a data endpoint, by its code.
    """

    api: Api
    authorization: Authorization
    spend_token: bool = False
    limit: bool = False
    errors: dict[str, list[Reply]] = field(default_factory=dict)
    _refreshing: Any = field(default_factory=threading.RLock)
    _known: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, find: Callable[[], T]) -> T:
        """The cached result or exception of `find`, called once for all probes."""
        if name not in self._known:
            try:
                self._known[name] = find()
            except (NotSeenError, UnansweredError) as error:
                self._known[name] = error
        known: T = self._known[name]
        if isinstance(known, Exception):
            raise known
        return known

    def clean(self, text: str) -> str:
        """A text with all secrets of the account masked."""
        for secret in self.authorization.secrets:
            text = text.replace(secret, "****")
        return text

    @property
    def bearer(self) -> dict[str, str]:
        """The header with the access token; the run starts with a refresh."""
        if self.authorization.has_refresh_token and self.tokens.code != "ok":
            raise NotSeenError(f"the token refresh failed ({self.tokens})")
        return {"Authorization": f"Bearer {self.authorization.credentials['access_token']}"}

    @property
    def tokens(self) -> Reply:
        """The response to the run's first refresh."""
        if not self.authorization.has_refresh_token:
            raise NotSeenError("the config has only an access token")
        return self.once("tokens", lambda: self.authorization.refresh(self.authorization.first_refresh_token))

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that the owner granted, determined by requests that need them."""
        return self.once("scopes", self._scopes)

    def _scopes(self) -> frozenset[str]:
        by_scope = {scope: self.user(fields[:1]) for scope, fields in USER_FIELDS_BY_SCOPE.items()}
        by_scope[VIDEO_SCOPE] = self.videos(max_count=1)
        return frozenset(scope for scope, reply in by_scope.items() if reply.code not in SCOPE_ERRORS)

    def user(self, fields: Sequence[str], **options: Any) -> Reply:
        """Request the profile."""
        return self.data("GET", USER_INFO_PATH, query="fields=" + ",".join(fields), **options)

    def videos(self, fields: Sequence[str] = KEYS, query: str = "", **body: Any) -> Reply:
        """Request a page of videos; `body` is `cursor` (ms) and `max_count`."""
        return self.data("POST", VIDEO_LIST_PATH, query=f"fields={','.join(fields)}{query}", json=body)

    def data(self, method: str, path: str, *, recorded: bool = True, **options: Any) -> Reply:
        """Send a request to a data endpoint and record its error; refreshes an access token that expired early.

        Raises:
            NotSeenError: if the access token is rejected and there is no refresh token.
        """
        reply = self._sent(self.api.send, method, path, **options)
        if recorded and reply.code not in ("", "ok"):
            self.errors.setdefault(reply.code, []).append(reply)
        return reply

    def forward(self, method: str, path: str, **options: Any) -> Reply:
        """Send the connector's request once, with the current access token."""
        return self._sent(self.api.once, method, path, paced=False, **options)

    def _sent(self, send: Callable[..., Reply], method: str, path: str, **options: Any) -> Reply:
        if "headers" in options:
            return send(method, path, **options)
        token = self.bearer
        reply = send(method, path, headers=token, **options)
        if reply.code != "access_token_invalid":
            return reply
        self._refresh(token)
        reply = send(method, path, headers=self.bearer, **options)
        if reply.code == "access_token_invalid":
            raise LiveError("The run stopped: TikTok rejects a new access token too.")
        return reply

    def _refresh(self, rejected: dict[str, str]) -> None:
        """Refresh the access token, unless another thread has done so since it was sent."""
        if not self.authorization.has_refresh_token:
            raise NotSeenError("the access token has expired")
        with self._refreshing:
            if self.bearer != rejected:
                return
            reply = self.authorization.refresh(self.authorization.credentials["refresh_token"])
            if reply.code != "ok":
                raise LiveError(f"The run stopped: the token refresh failed ({reply}).")

    def page(self, cursor: int | None = None, size: int = PAGE_SIZE, fields: Sequence[str] = KEYS) -> Page:
        """The first non-empty page from a cursor (ms) on; an empty one after five empty pages."""
        for _ in range(5):
            page = page_of(cursor, self._page(cursor, size, fields))
            if page.videos or page.has_more is not True or not page.moves:
                break
            cursor = page.position
        return page

    def _page(self, cursor: int | None, size: int = PAGE_SIZE, fields: Sequence[str] = KEYS) -> Json:
        if VIDEO_SCOPE not in self.scopes:
            raise NotSeenError(f"the owner did not grant {VIDEO_SCOPE}")
        body: Json = {"max_count": size} if cursor is None else {"max_count": size, "cursor": cursor}
        reply = self.videos(fields, **body)
        if reply.code != "ok":
            raise NotSeenError(f"the list responds with {reply}")
        return reply.data

    @property
    def listing(self) -> Listing:
        """The plain list, with counts; it stops at a cursor that does not move."""
        return self.once("listing", lambda: read_list(self._listed, MAX_PAGES))

    def _listed(self, cursor: int | None) -> Json:
        fields = [*KEYS, *(name for name in COUNTS if name not in self.rejected_fields)]
        return self._page(cursor, fields=fields)

    @property
    def first_page(self) -> Page:
        """The first page with all fields that TikTok accepts."""
        return self.once(
            "first_page", lambda: self.page(fields=[f for f in VIDEO_FIELDS if f not in self.rejected_fields])
        )

    @property
    def rejected_fields(self) -> frozenset[str]:
        """The video fields that TikTok rejects; takes one request if there are none."""
        return self.once("rejected_fields", lambda: frozenset(find_rejected(self.request_one_video, VIDEO_FIELDS)))

    def request_one_video(self, fields: Sequence[str]) -> Reply:
        """Request one video with these fields."""
        return self.videos(fields, max_count=1)


def find_rejected(ask: Callable[[Sequence[str]], Reply], fields: Sequence[str]) -> Iterator[str]:
    """The fields that TikTok rejects with `invalid_params`: requests all, then all but the newest, then each."""
    reply = ask(fields)
    if reply.code == "ok":
        return
    if reply.code != "invalid_params":
        raise NotSeenError(f"all fields together get {reply}")
    if ask([field for field in fields if field != "is_aigc"]).code == "ok":
        yield "is_aigc"
        return
    yield from (field for field in fields if ask([field]).code == "invalid_params")


# Codes that do not answer a probe's question: they are about the token, the scope or the rate limit.
OTHER_CODES = ("access_token_invalid", *SCOPE_ERRORS, "rate_limit_exceeded")


def expected(reply: Reply, code: str) -> Finding:
    """Whether TikTok rejects a request with this code.

    Raises:
        NotSeenError: if TikTok rejects the request for another reason.
    """
    if reply.code != code and reply.code in OTHER_CODES:
        raise NotSeenError(f"TikTok responds with {reply}")
    return Finding(str(reply), agrees=reply.code == code)


def ask_all(
    live: Live, probes: Sequence[Probe], start: Callable[[Probe], None], end: Callable[[Probe, Finding], None]
) -> None:
    """Run the probes in turn; calls `start` and `end` for each one, with its finding without secrets.

    Raises:
        LiveError: if the budget is used up, or new tokens can't be saved.
    """
    for entry in probes:
        start(entry)
        try:
            finding = entry.ask(live)
        except (NotSeenError, UnansweredError) as error:
            finding = Finding(f"not seen: {error}")
        except LiveError:
            raise
        except Exception as error:  # noqa: BLE001  # TikTok may send anything; keep the other probes' findings
            finding = Finding(f"not seen: the response can't be parsed ({type(error).__name__})")
        end(entry, replace(finding, seen=live.clean(finding.seen)))
