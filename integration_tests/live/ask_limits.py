"""Probes of the rate limit. Only `--limit` provokes 429, after which TikTok may lock the app for a while."""

from __future__ import annotations

from dataclasses import dataclass

from integration_tests.live.api import WINDOW_S
from integration_tests.live.probe import Finding, Live, NotSeenError, probe
from sandbox import Settings
from sandbox.facts import VIDEO_LIST_PATH

MAX_BURST = 50  # requests; with those after a rejection, 150
SPEED_UP = 1.3  # rate of the requests after a rejection, as a multiple of the burst's rate
PATIENCE = 1.5  # windows
ABOUT_S = 10


@dataclass(frozen=True)
class Burst:
    """The outcome of a burst of requests and of the requests after it; times in s.

    Attributes:
        rejected: whether it hit the limit.
        window: from the first request to the first one accepted after a rejection, if requests continued meanwhile.
        after: from the first rejection to the next accepted request, if there was one.
        quiet: whether a request was accepted after a window without requests, if none was accepted before.
    """

    accepted: int
    seconds: float
    rejected: bool
    window: float | None = None
    after: float | None = None
    quiet: bool = False


@probe("Did the other probes hit a rate limit?", "600 a minute", rule="rate_limit")
def limit_met(live: Live) -> Finding:
    """Sets no switch: the app's other requests in that minute are unknown, and a 429 may have another cause."""
    limits = [limit for limit in live.api.limits if limit.rejected]
    if not limits:
        raise NotSeenError(f"none in {live.api.used} requests")
    return Finding("; ".join(map(str, limits)))


@probe("How many requests are accepted before the first 429?", "600 a minute", rule="rate_limit")
def rate_limit(live: Live) -> Finding:
    burst = _burst(live)
    if not burst.rejected:
        return Finding(f"at least {burst.accepted} in {burst.seconds:.0f} s", agrees=True)
    settings: dict[str, float] = {"rate_limit": burst.accepted}
    usual = Settings.rate_window
    if burst.window is not None and abs(burst.window - usual) > ABOUT_S:
        settings["rate_window"] = float(round(burst.window))
    then = "no more while the probe waited" if burst.after is None else f"the next {burst.after:.0f} s later"
    return Finding(f"{burst.accepted} in {burst.seconds:.0f} s, then 429; {then}", settings)


@probe("Do rejected requests count toward the limit?", rule="refused_count")
def refused_count(live: Live) -> Finding:
    burst = _burst(live)
    if not burst.rejected:
        raise NotSeenError("none was rejected")
    if burst.window is not None:
        return Finding("no: one was accepted while requests continued", {"count_refused": False})
    if burst.quiet:
        return Finding("yes: none was accepted before a minute without requests", {"count_refused": True})
    raise NotSeenError("a lock hides it")


@probe("Do requests while rate-limited prolong the wait?", rule="lock")
def lock(live: Live) -> Finding:
    burst = _burst(live)
    if not burst.rejected:
        raise NotSeenError("none was rejected")
    if burst.window is not None or burst.quiet:
        return Finding("no: one was accepted again", {"rate_lock": 0.0})
    # The lock's initial length is unknown, because the continued requests extended it; a window's length has the same
    # effect.
    usual = {"rate_lock": Settings.rate_window}
    return Finding("yes: none was accepted after a minute without requests", usual)


def _burst(live: Live) -> Burst:
    if not live.limit:
        raise NotSeenError("needs --limit")
    return live.once("burst", lambda: _measure(live))


def _measure(live: Live) -> Burst:
    api = live.api
    api.sleep(WINDOW_S)  # so that earlier requests don't count
    begin = api.clock()
    accepted = 0
    while accepted < MAX_BURST and _is_accepted(live):
        accepted += 1
    seconds = api.clock() - begin
    if accepted == MAX_BURST:
        return Burst(accepted, seconds, rejected=False)
    # Continue faster than the accepted rate: if rejected requests count, the window stays full.
    usual = Settings.rate_window
    gap = usual / (SPEED_UP * max(1, accepted))
    turn = api.clock()
    while (passed := api.clock() - begin) < PATIENCE * usual:
        turn += gap
        api.sleep(max(0.0, turn - api.clock()))
        if _is_accepted(live):
            return Burst(accepted, seconds, True, api.clock() - begin, api.clock() - begin - seconds)
    api.sleep(WINDOW_S)
    quiet = _is_accepted(live)
    return Burst(accepted, seconds, True, None, passed + WINDOW_S - seconds if quiet else None, quiet)


def _is_accepted(live: Live) -> bool:
    reply = live.data("POST", VIDEO_LIST_PATH, query="fields=id", json={"max_count": 20}, paced=False)
    if reply.code != "ok" and not reply.is_limited:
        raise NotSeenError(f"the list responds with {reply}")
    return reply.code == "ok"
