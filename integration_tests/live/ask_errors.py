"""Probes of the data endpoints' errors that can be provoked without harm."""

from __future__ import annotations

import re
from collections import Counter

from integration_tests.live.probe import OTHER_CODES, Finding, Live, NotSeenError, expected, probe
from sandbox.errors import DATA_ERRORS
from sandbox.facts import BASIC_SCOPE, USER_INFO_PATH, VIDEO_LIST_PATH

NOT_FOUND = 404
CALLBACK = {"redirect_uri": "https://example.com/callback", "state": "made-up"}
ERROR_TYPE = re.compile(r"\berror_type=([a-z_]{1,40})")
MADE_UP = {"Authorization": "Bearer act.0000000000000000000000000000000000000000000!0000.va"}


@probe("What happens without `fields`?", "they are required", rule="fields_required")
def fields_missing(live: Live) -> Finding:
    return expected(live.data("GET", USER_INFO_PATH), "invalid_params")


@probe("What happens with an unknown field?", rule="unknown_field")
def unknown_field(live: Live) -> Finding:
    return expected(live.user(["open_id", "no_such_field"]), "invalid_params")


@probe("What does an invalid access token get?", "401 `access_token_invalid`", rule="bad_token")
def made_up_token(live: Live) -> Finding:
    return expected(live.user(["open_id"], headers=MADE_UP), "access_token_invalid")


@probe("What does a request without an access token get?", "401 `access_token_invalid`", rule="bad_token")
def no_token(live: Live) -> Finding:
    return expected(live.user(["open_id"], headers={}), "access_token_invalid")


@probe("What does a GET of the video list get?", rule="wrong_method")
def wrong_method(live: Live) -> Finding:
    return expected(live.data("GET", VIDEO_LIST_PATH, query="fields=id", recorded=False), "invalid_params")


@probe("What does a POST to the profile get?", rule="A POST to `user/info`")
def profile_post(live: Live) -> Finding:
    reply = live.data("POST", USER_INFO_PATH, query="fields=open_id", json={}, recorded=False)
    if reply.code in OTHER_CODES:
        raise NotSeenError(f"TikTok responds with {reply}")
    return Finding(str(reply), agrees=reply.status == NOT_FOUND)


@probe("Which HTTP status does each code have?", "each its own", rule="error_statuses")
def error_statuses(live: Live) -> Finding:
    seen = {code: sorted({reply.status for reply in replies}) for code, replies in live.errors.items()}
    if not seen:
        raise NotSeenError("no error came")
    text = ", ".join(f"`{code}` {' and '.join(map(str, statuses))}" for code, statuses in sorted(seen.items()))
    unusual = {code: statuses for code, statuses in seen.items() if statuses != [DATA_ERRORS.get(code, (None,))[0]]}
    if not unusual:
        return Finding(text, {"data_error_status": None})
    # Detect a common status even if one code has another one.
    (status, codes), *_ = Counter(status for statuses in seen.values() for status in statuses).most_common()
    is_unusual = any(status in statuses for statuses in unusual.values())
    if is_unusual and codes > 1 and codes >= len(seen) - 1:
        return Finding(text, {"data_error_status": status}, agrees=None if codes == len(seen) else False)
    return Finding(text, agrees=False)


@probe("What accompanies the error?", "`data`, empty", rule="error_data")
def error_data(live: Live) -> Finding:
    bodies = {code: replies[0].body for code, replies in live.errors.items() if code != "scope_not_authorized"}
    if not bodies:
        raise NotSeenError("no error came")
    others = sorted(code for code, body in bodies.items() if body.get("data") != {})
    seen = f"not `data: {{}}`: {', '.join(others)}" if others else "`data: {}`"
    return Finding(f"{seen} ({len(bodies)} codes)", agrees=not others)


@probe("Does `scope_not_authorized` come with `data`?", rule="scope_data")
def scope_data(live: Live) -> Finding:
    replies = live.errors.get("scope_not_authorized")
    if not replies:
        raise NotSeenError("this error did not come")
    present = "data" in replies[0].body
    return Finding("yes" if present else "no", agrees=not present)


@probe("Which `error_type` does the consent page name?", rule="")
def error_type(live: Live) -> Finding:
    """Uses an invalid client key, because nobody can consent here."""
    page = live.api.consent_page(client_key="made-up", response_type="code", scope=BASIC_SCOPE, **CALLBACK)
    named = sorted(set(ERROR_TYPE.findall(page)))
    if not named:
        raise NotSeenError("the page names none; a browser may show one")
    return Finding(f"for an invalid client key: {', '.join(f'`{name}`' for name in named)}")


@probe("Do headers mention the rate limit?", rule="limit_headers")
def limit_headers(live: Live) -> Finding:
    names = ", ".join(f"`{name}`" for name in sorted(live.api.limit_headers))
    limited = f"; rate-limited requests: {live.api.rejected}" if live.api.rejected else ""
    return Finding((names or "none") + limited, agrees=not names)
