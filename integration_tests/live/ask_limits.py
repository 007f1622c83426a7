"""How many requests are accepted. Only `--limit` provokes refusals, which may lock the app for a while."""

from __future__ import annotations

from dataclasses import dataclass

from integration_tests.live.api import WINDOW_S
from integration_tests.live.probe import Finding, Live, NotSeenError, probe
from sandbox import Settings
from sandbox.facts import VIDEO_LIST_PATH

MOST = 50  # requests of the burst; with what follows a refusal, 150
SPACING = 1.3  # how many times faster than the burst's rate a refused client asks on
PATIENCE = 1.5  # windows
ABOUT_S = 10


@dataclass(frozen=True)
class Burst:
    """What a burst of requests and what came after it led to; times in s.

    Attributes:
        refused: whether it met the limit.
        window: from the first request to the first one accepted after a refusal, if it was while sending on.
        after: from the first refusal to the next one accepted, if it was.
        quiet: whether one was accepted after a window without any, if none was before.
    """

    accepted: int
    seconds: float
    refused: bool
    window: float | None = None
    after: float | None = None
    quiet: bool = False


@probe("Was a rate limit met by the way?", "600 a minute", rule="rate_limit")
def limit_met(live: Live) -> Finding:
    """No switch: what else the app did in that minute is not known, and one refusal may have another cause."""
    limits = [limit for limit in live.api.limits if limit.refused]
    if not limits:
        raise NotSeenError(f"none in {live.api.used} requests")
    return Finding("; ".join(map(str, limits)))


@probe("How many requests are accepted before the first 429?", "600 a minute", rule="rate_limit")
def rate_limit(live: Live) -> Finding:
    burst = _burst(live)
    if not burst.refused:
        return Finding(f"at least {burst.accepted} in {burst.seconds:.0f} s", agrees=True)
    settings: dict[str, float] = {"rate_limit": burst.accepted}
    usual = Settings.rate_window
    if burst.window is not None and abs(burst.window - usual) > ABOUT_S:
        settings["rate_window"] = float(round(burst.window))
    then = "none within the time that was waited" if burst.after is None else f"the next {burst.after:.0f} s later"
    return Finding(f"{burst.accepted} in {burst.seconds:.0f} s, then a refusal; {then}", settings)


@probe("Do refused requests count?", rule="refused_count")
def refused_count(live: Live) -> Finding:
    burst = _burst(live)
    if not burst.refused:
        raise NotSeenError("none was refused")
    if burst.window is not None:
        return Finding("no: one was accepted while sending on", {"count_refused": False})
    if burst.quiet:
        return Finding("yes: none was accepted before a minute without requests", {"count_refused": True})
    raise NotSeenError("a lock hides it")


@probe("Do requests while limited prolong the wait?", rule="lock")
def lock(live: Live) -> Finding:
    burst = _burst(live)
    if not burst.refused:
        raise NotSeenError("none was refused")
    if burst.window is not None or burst.quiet:
        return Finding("no: one was accepted again", {"rate_lock": 0.0})
    # How long the lock was at first is hidden by what sending on added; a window's length leads to the same refusals.
    usual = {"rate_lock": Settings.rate_window}
    return Finding("yes: none was accepted after a minute without requests", usual)


def _burst(live: Live) -> Burst:
    if not live.limit:
        raise NotSeenError("asked only with --limit")
    return live.once("burst", lambda: _measure(live))


def _measure(live: Live) -> Burst:
    api = live.api
    api.sleep(WINDOW_S)  # what was asked before must not count
    begin = api.clock()
    accepted = 0
    while accepted < MOST and _is_accepted(live):
        accepted += 1
    seconds = api.clock() - begin
    if accepted == MOST:
        return Burst(accepted, seconds, refused=False)
    # Sent on at more than the accepted rate: if refused requests count, the window never empties.
    usual = Settings.rate_window
    gap = usual / (SPACING * max(1, accepted))
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
