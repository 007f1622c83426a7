"""All switches of the sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from sandbox.facts import ALL_SCOPES, USER_FIELDS, VIDEO_FIELDS

SECONDS_PER_YEAR = 31_557_600
SCOPE_ERRORS = ("scope_not_authorized", "scope_permission_missed")
# Converts a cursor in ms to its form in a response, by the value of `cursor_form`.
CURSOR_FORMS: dict[str, Callable[[int], Any]] = {
    "number": lambda cursor: cursor,
    "text": str,
    "seconds": lambda cursor: cursor // 1000,
    "true": lambda cursor: True,
    "float": float,
    "negative": lambda cursor: -cursor,
    "small": lambda cursor: 5,
}


@dataclass(frozen=True)
class Settings:
    """The sandbox's content, and its behaviour where TikTok's is unknown or has changed.

    A field's annotation is the help of its command line flag.
    """

    seed: Annotated[int, "seed of all accounts; with the same `now`, the videos are the same too"] = 7
    accounts: Annotated[int, "number of accounts"] = 1
    videos: Annotated[int, "number of public videos of each account"] = 100
    years: Annotated[float, "length of each account's history before `now`, in years"] = 3.0
    now: Annotated[int | None, "start of the sandbox's clock, in epoch s; none: the current time"] = None
    growing: Annotated[bool, "all counts of videos grow every hour of the sandbox's clock"] = False
    same_second: Annotated[int, "number of videos that share one second, at a few places, one across a page edge"] = 3
    ids_as_numbers: Annotated[bool, "send video ids as JSON numbers"] = False
    id_lag: Annotated[
        bool, "the time in an id's upper 32 bits lags create_time by 3 to 59 s, so ids and times sort differently"
    ] = False
    missing_counts: Annotated[float, "share (0 to 1) of the account's videos without `view_count`, the oldest"] = 0.0

    latency: Annotated[float, "s that each API request takes"] = 0.0
    token_latency: Annotated[float, "s between a token exchange and the token endpoint's response"] = 0.0
    hang_seconds: Annotated[float, "s without a response under the fault `hang`"] = 30.0
    trickle_seconds: Annotated[float, "s over which the fault `trickle` spreads a response body"] = 300.0
    rate_limit: Annotated[int, "requests to one endpoint that one rate window allows; 0: no limit"] = 600
    rate_window: Annotated[float, "length of the rate window, in s"] = 60.0
    rate_fixed_windows: Annotated[
        bool, "rate windows start at multiples of `rate_window` of the sandbox's clock, instead of sliding"
    ] = False
    count_refused: Annotated[bool, "rate-limited requests count toward the limit too"] = False
    rate_lock: Annotated[
        float, "s that an endpoint stays locked after the limit is hit; each request doubles the remaining time; 0: off"
    ] = 0.0

    access_token_lifetime: Annotated[int, "s until an access token expires"] = 7_200
    refresh_token_lifetime: Annotated[int, "s until a refresh token expires"] = 180 * 86_400
    refresh_prolongs: Annotated[bool, "a refresh restarts the refresh token's lifetime"] = False
    rotate_refresh_tokens: Annotated[bool, "a refresh returns a new refresh token and invalidates the old one"] = True
    fixed_tokens: Annotated[
        bool,
        "each account starts with a consent and fixed tokens: `act.sandbox.0`, `rft.sandbox.0`",
    ] = False
    app_scopes: Annotated[tuple[str, ...], "the app's scopes, comma-separated"] = ALL_SCOPES

    token_error_status: Annotated[int, "HTTP status of errors of the token endpoint"] = 400
    data_error_status: Annotated[int | None, "HTTP status of all data errors; none: each code's own"] = None
    scope_error: Annotated[str, "code of the error for a scope that was not granted"] = "scope_not_authorized"
    refused_fields: Annotated[tuple[str, ...], "fields rejected with `invalid_params`, comma-separated"] = ()
    refuse_encoded_commas: Annotated[bool, "reject `fields` with commas encoded as `%2C`, with `invalid_params`"] = (
        False
    )

    cursor_inclusive: Annotated[bool, "a page includes the videos of the cursor's own second"] = False
    cursor_milliseconds: Annotated[
        bool, "posts have a time with milliseconds; cursors are returned and compared in it"
    ] = False
    cursor_form: Annotated[str, f"form of the cursor in responses: {', '.join(CURSOR_FORMS)}"] = "number"
    pins_counted: Annotated[bool, "pinned posts count toward `max_count`, instead of adding to it"] = False
    split_seconds: Annotated[bool, "cut a page at its size even between two videos of one second"] = False
    short_pages: Annotated[bool, "pages have fewer videos than requested although more follow"] = False
    empty_pages: Annotated[bool, "some pages are empty although more follow; the cursor moves"] = False
    empty_first_page: Annotated[bool, "the first page is empty although videos follow; the cursor moves"] = False
    stuck_cursor: Annotated[bool, "the cursor does not move although more videos follow"] = False
    gone_without_cursor: Annotated[bool, "no cursor although more videos follow"] = False

    def __post_init__(self) -> None:
        """Raise ValueError for invalid settings, so that a test fails where the mistake is."""
        for problem in (*self._problems(), *self._unknown_names()):
            raise ValueError(problem)

    def _problems(self) -> list[str]:
        """Sentences that name the invalid fields."""
        found = {
            "accounts must be at least 1": self.accounts < 1,
            "videos must not be negative": self.videos < 0,
            "same_second must be at least 1": self.same_second < 1,
            "rate_limit must not be negative": self.rate_limit < 0,
            "rate_lock must not be negative": self.rate_lock < 0,
            "rate_window must be above 0": self.rate_window <= 0,
            "missing_counts must be a share from 0 to 1": not 0 <= self.missing_counts <= 1,
            "trickle_seconds must be above 0": self.trickle_seconds <= 0,
            "years is too short: videos need a second each": self.videos > self.years * SECONDS_PER_YEAR / 2,
            "Either stuck_cursor or gone_without_cursor may be set, not both": self.stuck_cursor
            and self.gone_without_cursor,
            f"scope_error must be one of {', '.join(SCOPE_ERRORS)}": self.scope_error not in SCOPE_ERRORS,
            f"cursor_form must be one of {', '.join(CURSOR_FORMS)}": self.cursor_form not in CURSOR_FORMS,
        }
        return [text for text, wrong in found.items() if wrong]

    def _unknown_names(self) -> list[str]:
        """Sentences about unknown fields and scopes."""
        fields = (*USER_FIELDS, *VIDEO_FIELDS)
        scopes = [scope for scope in self.app_scopes if scope not in ALL_SCOPES]
        refused = [field for field in self.refused_fields if field not in fields]
        found = {
            f"app_scopes has unknown scopes {scopes}; known: {', '.join(ALL_SCOPES)}": scopes,
            f"refused_fields has unknown fields {refused}; known: {', '.join(fields)}": refused,
        }
        return [text for text, names in found.items() if names]
