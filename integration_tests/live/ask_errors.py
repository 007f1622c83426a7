"""Probes of the errors of the data endpoints, as far as they can be provoked without harm."""

from __future__ import annotations

from integration_tests.live.api import Reply
from integration_tests.live.probe import Finding, Live, NotSeenError, probe
from sandbox.errors import DATA_ERRORS
from sandbox.facts import USER_INFO_PATH, VIDEO_LIST_PATH

MADE_UP = {"Authorization": "Bearer act.0000000000000000000000000000000000000000000!0000.va"}


@probe("What happens without `fields`?", "they are required", rule="fields_required")
def fields_missing(live: Live) -> Finding:
    return _expected(live.data("GET", USER_INFO_PATH), "invalid_params")


@probe("What happens with an unknown field?", rule="unknown_field")
def unknown_field(live: Live) -> Finding:
    return _expected(live.user(["open_id", "no_such_field"]), "invalid_params")


@probe("What does a made-up access token get?", "401 `access_token_invalid`", rule="bad_token")
def made_up_token(live: Live) -> Finding:
    return _expected(live.user(["open_id"], headers=MADE_UP), "access_token_invalid")


@probe("What does a request without access token get?", "401 `access_token_invalid`", rule="bad_token")
def no_token(live: Live) -> Finding:
    return _expected(live.user(["open_id"], headers={}), "access_token_invalid")


@probe("What does a wrong method get?", rule="wrong_method")
def wrong_method(live: Live) -> Finding:
    return _expected(live.data("GET", VIDEO_LIST_PATH, query="fields=id"), "invalid_params")


def _expected(reply: Reply, code: str) -> Finding:
    return Finding(str(reply), agrees=reply.code == code)


@probe("Which HTTP status has each code?", "each its own", rule="error_statuses")
def error_statuses(live: Live) -> Finding:
    seen = {code: sorted({reply.status for reply in replies}) for code, replies in live.errors.items()}
    if not seen:
        raise NotSeenError("no error came")
    text = ", ".join(f"`{code}` {' and '.join(map(str, statuses))}" for code, statuses in sorted(seen.items()))
    all_statuses = {status for statuses in seen.values() for status in statuses}
    if all(statuses == [DATA_ERRORS[code][0]] for code, statuses in seen.items() if code in DATA_ERRORS):
        return Finding(text, {"data_error_status": None})
    if len(seen) > 1 and len(all_statuses) == 1:
        return Finding(text, {"data_error_status": all_statuses.pop()})
    return Finding(text, agrees=False)


@probe("What is beside the error?", "`data`, empty", rule="error_data")
def error_data(live: Live) -> Finding:
    bodies = {code: replies[0].body for code, replies in live.errors.items() if code != "scope_not_authorized"}
    if not bodies:
        raise NotSeenError("no error came")
    odd = sorted(code for code, body in bodies.items() if body.get("data") != {})
    seen = f"not `data: {{}}`: {', '.join(odd)}" if odd else "`data: {}`"
    return Finding(f"{seen} ({len(bodies)} codes)", agrees=not odd)


@probe("Is there `data` beside `scope_not_authorized`?", rule="scope_data")
def scope_data(live: Live) -> Finding:
    replies = live.errors.get("scope_not_authorized")
    if not replies:
        raise NotSeenError("this error did not come")
    present = "data" in replies[0].body
    return Finding("yes" if present else "no", agrees=not present)


@probe("Do headers tell of the limit?", rule="limit_headers")
def limit_headers(live: Live) -> Finding:
    names = ", ".join(f"`{name}`" for name in sorted(live.api.limit_headers))
    met = f"; requests that met a limit: {live.api.refused}" if live.api.refused else ""
    return Finding((names or "none") + met, agrees=not names)
