"""What a probe is, what it finds, and what all of them share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from integration_tests.live import Json, LiveError
from integration_tests.live.api import Api, Reply, UnansweredError
from integration_tests.live.listing import PAGE_SIZE, Listing, Page, page_of, read_list
from integration_tests.live.sign_in import SignIn
from sandbox import Settings
from sandbox.facts import USER_FIELDS_BY_SCOPE, USER_INFO_PATH, VIDEO_FIELDS, VIDEO_LIST_PATH, VIDEO_SCOPE
from sandbox.rules import RULES, Rule
from sandbox.settings import SCOPE_ERRORS

PAGES_AT_MOST = 50  # of the plain list; the connector reads them once more, within the same budget
KEYS = ("id", "create_time")
COUNTS = ("view_count", "like_count", "comment_count", "share_count")
T = TypeVar("T")
Ask = Callable[["Live"], "Finding"]


class NotSeenError(Exception):
    """This account, or this run, cannot show it; the reason."""


@dataclass(frozen=True)
class Finding:
    """The response to a question.

    Attributes:
        seen: what TikTok did, or why that was not to be seen.
        settings: the sandbox's settings with which it does the same; those that are its defaults too.
        agrees: whether the sandbox does so by default; None for what it does not claim, and for what was not seen.
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
    """The settings with which the sandbox would do all that was seen."""
    switches: dict[str, Any] = {}
    for name, value in (item for finding in findings for item in finding.switches.items()):
        switches[name] = (*switches.get(name, ()), *value) if isinstance(value, tuple) else value
    return switches


@dataclass(frozen=True)
class Probe:
    """One question.

    Attributes:
        rule: the rule of the sandbox that it is about; None for what is no claim about TikTok.
        documented: what TikTok's documentation says.
    """

    name: str
    question: str
    documented: str
    rule: Rule | None
    ask: Ask


PROBES: list[Probe] = []


def probe(question: str, documented: str = "nothing", *, rule: str) -> Callable[[Ask], Ask]:
    """Add a function to the probes; `rule` is the name of one of the sandbox's or its first words, or empty."""
    found = next(entry for entry in RULES if entry.name == rule or entry.rule.startswith(rule)) if rule else None

    def add(ask: Ask) -> Ask:
        PROBES.append(Probe(ask.__name__, question, documented, found, ask))
        return ask

    return add


@dataclass
class Live:
    """The account as the probes see it.

    Attributes:
        spend_token, limit: whether the probes are asked that may cost the authorization, or lock the app for a while.
        errors: each error of a data endpoint, by its code.
    """

    api: Api
    sign_in: SignIn
    spend_token: bool = False
    limit: bool = False
    errors: dict[str, list[Reply]] = field(default_factory=dict)
    _refreshing: Any = field(default_factory=threading.RLock)
    _known: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, find: Callable[[], T]) -> T:
        """What `find` returns or raises, found once for all probes."""
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
        """A text without any secret of the account."""
        for secret in self.sign_in.secrets:
            text = text.replace(secret, "****")
        return text

    @property
    def bearer(self) -> dict[str, str]:
        """The header with the access token; the run begins with a refresh."""
        if self.sign_in.renews and self.tokens.code != "ok":
            raise NotSeenError(f"TikTok does not refresh the access token ({self.tokens})")
        return {"Authorization": f"Bearer {self.sign_in.credentials['access_token']}"}

    @property
    def tokens(self) -> Reply:
        """The response to the refresh with which the run begins."""
        if not self.sign_in.renews:
            raise NotSeenError("the config has an access token alone")
        return self.once("tokens", lambda: self.sign_in.refresh(self.sign_in.former))

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that the owner granted, found by asking for what needs them."""
        return self.once("scopes", self._scopes)

    def _scopes(self) -> frozenset[str]:
        by_scope = {scope: self.user(fields[:1]) for scope, fields in USER_FIELDS_BY_SCOPE.items()}
        by_scope[VIDEO_SCOPE] = self.videos(max_count=1)
        return frozenset(scope for scope, reply in by_scope.items() if reply.code not in SCOPE_ERRORS)

    def user(self, fields: Sequence[str], **options: Any) -> Reply:
        """Ask for the profile."""
        return self.data("GET", USER_INFO_PATH, query="fields=" + ",".join(fields), **options)

    def videos(self, fields: Sequence[str] = KEYS, query: str = "", **body: Any) -> Reply:
        """Ask for a page of videos; `body` is `cursor` (ms) and `max_count`."""
        return self.data("POST", VIDEO_LIST_PATH, query=f"fields={','.join(fields)}{query}", json=body)

    def data(self, method: str, path: str, *, noted: bool = True, **options: Any) -> Reply:
        """Ask a data endpoint, and take note of an error; an access token that expired early is refreshed.

        Raises:
            NotSeenError: when the access token is rejected and there is no other.
        """
        reply = self._sent(self.api.send, method, path, **options)
        if noted and reply.code not in ("", "ok"):
            self.errors.setdefault(reply.code, []).append(reply)
        return reply

    def forward(self, method: str, path: str, **options: Any) -> Reply:
        """Send the connector's own request once, with the access token that is valid now."""
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
            raise LiveError("The run stops here: TikTok rejects a new access token too.")
        return reply

    def _refresh(self, rejected: dict[str, str]) -> None:
        """Refresh the access token, unless another thread has done so since it was sent."""
        if not self.sign_in.renews:
            raise NotSeenError("the access token has expired")
        with self._refreshing:
            if self.bearer != rejected:
                return
            reply = self.sign_in.refresh(self.sign_in.credentials["refresh_token"])
            if reply.code != "ok":
                raise LiveError(f"The run stops here: TikTok refreshes no token any more ({reply}).")

    def page(self, cursor: int | None = None, size: int = PAGE_SIZE, fields: Sequence[str] = KEYS) -> Page:
        """The first page with videos from a cursor (ms) on; an empty one after five."""
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
        """The plain list, with counts. A cursor that TikTok does not take back ends it."""
        return self.once("listing", lambda: read_list(self._listed, PAGES_AT_MOST))

    def _listed(self, cursor: int | None) -> Json:
        fields = [*KEYS, *(name for name in COUNTS if name not in self.refused)]
        return self._page(cursor, fields=fields)

    @property
    def whole(self) -> Page:
        """The first page with all fields that TikTok accepts."""
        return self.once("whole", lambda: self.page(fields=[f for f in VIDEO_FIELDS if f not in self.refused]))

    @property
    def refused(self) -> frozenset[str]:
        """The fields of videos that TikTok refuses, found with one request if there are none."""
        return self.once("refused", lambda: frozenset(refused(self.videos_ask, VIDEO_FIELDS)))

    def videos_ask(self, fields: Sequence[str]) -> Reply:
        """Ask for one video with these fields."""
        return self.videos(fields, max_count=1)


def refused(ask: Callable[[Sequence[str]], Reply], fields: Sequence[str]) -> Iterator[str]:
    """The fields that make a request `invalid_params`: asked together, then the newest alone, then each."""
    reply = ask(fields)
    if reply.code == "ok":
        return
    if reply.code != "invalid_params":
        raise NotSeenError(f"all fields together get {reply}")
    if ask([field for field in fields if field != "is_aigc"]).code == "ok":
        yield "is_aigc"
        return
    yield from (field for field in fields if ask([field]).code == "invalid_params")


# Codes that answer another question: whether the token, the scope or the moment was right.
OTHER_CODES = ("access_token_invalid", *SCOPE_ERRORS, "rate_limit_exceeded")


def expected(reply: Reply, code: str) -> Finding:
    """Whether TikTok refuses a request with this code.

    Raises:
        NotSeenError: when it refuses the request for another reason.
    """
    if reply.code != code and reply.code in OTHER_CODES:
        raise NotSeenError(f"TikTok responds with {reply}")
    return Finding(str(reply), agrees=reply.code == code)


def ask_all(
    live: Live, probes: Sequence[Probe], start: Callable[[Probe], None], end: Callable[[Probe, Finding], None]
) -> None:
    """Ask the probes in turn; `start` and `end` are told of each, and of what it found, without any secret.

    Raises:
        LiveError: when the requests are used up, or new tokens cannot be kept.
    """
    for entry in probes:
        start(entry)
        try:
            finding = entry.ask(live)
        except (NotSeenError, UnansweredError) as error:
            finding = Finding(f"not seen: {error}")
        except LiveError:
            raise
        except Exception as error:  # noqa: BLE001  # TikTok may send anything; what the other probes find is kept
            finding = Finding(f"not seen: the response is not understood ({type(error).__name__})")
        end(entry, replace(finding, seen=live.clean(finding.seen)))
