"""Probes that may invalidate the authorization; they run last, and only with `--spend-token`."""

from __future__ import annotations

from integration_tests.live.ask_tokens import seconds
from integration_tests.live.probe import Finding, Live, NotSeenError, probe

APART_S = 5  # between two refreshes, so that their remaining lifetimes (s) differ


@probe("Does the old refresh token still work?", "no, the refresh invalidates it", rule="rotation")
def old_token(live: Live) -> Finding:
    _allow(live)
    authorization = live.authorization
    if authorization.credentials["refresh_token"] == authorization.first_refresh_token:
        raise NotSeenError("TikTok returned the same one")
    reply = authorization.refresh(authorization.first_refresh_token)
    return Finding(f"{'yes' if reply.code == 'ok' else 'no'}: {reply}", agrees=reply.code != "ok")


@probe("Does the authorization survive the use of an old token?", rule="old_token")
def survival(live: Live) -> Finding:
    _allow(live)
    live.api.sleep(APART_S)
    reply = live.authorization.refresh(live.authorization.credentials["refresh_token"])
    live.once("second", lambda: reply)
    if reply.code == "ok":
        return Finding("yes: the new one works", agrees=True)
    return Finding(f"no: {reply}; re-authenticate with tiktok-organic-sign-in", agrees=False)


@probe("Does a refresh extend the refresh token's lifetime?", rule="prolonging")
def prolonging(live: Live) -> Finding:
    _allow(live)
    first, second = live.tokens, live.once("second", lambda: live.tokens)
    if second is first:
        raise NotSeenError("there was only one refresh")
    lost = seconds(first, "refresh_expires_in") - seconds(second, "refresh_expires_in")
    return Finding(f"the remaining lifetime was {lost} s less at the next refresh", {"refresh_prolongs": lost <= 0})


def _allow(live: Live) -> None:
    if not live.authorization.has_refresh_token:
        raise NotSeenError("the config has only an access token")
    if not live.spend_token:
        raise NotSeenError("needs --spend-token")
