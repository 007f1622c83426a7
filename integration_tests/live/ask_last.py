"""What may cost the authorization, asked last and with `--spend-token` alone."""

from __future__ import annotations

from integration_tests.live.ask_tokens import seconds
from integration_tests.live.probe import Finding, Live, NotSeenError, probe

APART_S = 5  # between two refreshes, for their lifetimes (s) to differ


@probe("Does the old refresh token still work?", "no, it ends with the refresh", rule="rotation")
def old_token(live: Live) -> Finding:
    _allow(live)
    sign_in = live.sign_in
    if sign_in.credentials["refresh_token"] == sign_in.former:
        raise NotSeenError("the same one came back")
    reply = sign_in.refresh(sign_in.former)
    return Finding(f"{'yes' if reply.code == 'ok' else 'no'}: {reply}", agrees=reply.code != "ok")


@probe("Does the authorization survive the use of an old token?", rule="old_token")
def survival(live: Live) -> Finding:
    _allow(live)
    live.api.sleep(APART_S)
    reply = live.sign_in.refresh(live.sign_in.credentials["refresh_token"])
    live.once("second", lambda: reply)
    if reply.code == "ok":
        return Finding("yes: the new one works", agrees=True)
    return Finding(f"no: {reply}; authenticate again, with tiktok-organic-sign-in", agrees=False)


@probe("Does a refresh prolong the refresh token?", rule="prolonging")
def prolonging(live: Live) -> Finding:
    _allow(live)
    first, second = live.tokens, live.once("second", lambda: live.tokens)
    if second is first:
        raise NotSeenError("there was one refresh alone")
    lost = seconds(first, "refresh_expires_in") - seconds(second, "refresh_expires_in")
    return Finding(f"what is left was {lost} s less at the next refresh", {"refresh_prolongs": lost <= 0})


def _allow(live: Live) -> None:
    if not live.sign_in.renews:
        raise NotSeenError("the config has an access token alone")
    if not live.spend_token:
        raise NotSeenError("asked only with --spend-token")
