"""Probes of `user/info`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from integration_tests.live.api import Reply
from integration_tests.live.probe import Finding, Live, NotSeenError, find_rejected, probe
from sandbox.facts import ALL_SCOPES, BASIC_SCOPE, USER_FIELDS_BY_SCOPE, USER_INFO_PATH, VIDEO_SCOPE
from sandbox.settings import SCOPE_ERRORS

LOG_ID = re.compile(r"[0-9A-Za-z]{34}")


@probe("What is the envelope of a response?", "`data` and `error` with `code`, `message`, `log_id`", rule="envelope")
def envelope(live: Live) -> Finding:
    body = live.once("profile", lambda: _profile(live)).body
    error = body.get("error")
    names = {name: sorted(part) for name, part in body.items() if isinstance(part, dict)}
    as_documented = names == {"data": ["user"], "error": ["code", "log_id", "message"]}
    log_id = error.get("log_id") if isinstance(error, dict) else None
    length = len(log_id) if isinstance(log_id, str) else 0
    seen = "; ".join(f"`{name}`: {', '.join(part)}" for name, part in sorted(names.items()) if name != "data")
    return Finding(
        f"{', '.join(sorted(body))}; {seen}; a `log_id` of {length} characters", agrees=as_documented and length == 34
    )


@probe("Is each field of the profile accepted?", "yes, those of the granted scopes", rule="fields")
def user_fields(live: Live) -> Finding:
    fields, found = _granted_fields(live), _rejected(live)
    reply = live.once("profile", lambda: _profile(live))
    user = reply.data.get("user")
    absent = [name for name in fields if name not in found and name not in (user or {})]
    return Finding(describe_fields(fields, found, absent), {"refused_fields": tuple(found)}, agrees=not absent)


@probe("Which fields of the profile are null?", rule="nulls")
def user_nulls(live: Live) -> Finding:
    user = live.once("profile", lambda: _profile(live)).data.get("user") or {}
    nulls = [f"`{name}`" for name, value in user.items() if value is None]
    return Finding(", ".join(nulls) or "none of this profile", agrees=not nulls)


@probe("What happens without a required scope?", "401 `scope_not_authorized`", rule="missing_scope")
def missing_scope(live: Live) -> Finding:
    missing = [scope for scope in ALL_SCOPES if scope not in live.scopes]
    if not missing:
        raise NotSeenError("every scope was granted")
    scope = missing[0]
    reply = live.videos(max_count=1) if scope == VIDEO_SCOPE else live.user(["open_id", USER_FIELDS_BY_SCOPE[scope][0]])
    settings = {"scope_error": reply.code} if reply.code in SCOPE_ERRORS else {}
    return Finding(f"{scope}: {reply}", settings, agrees=bool(settings))


@probe("Does the token response name the granted scopes?", "yes, in `scope`", rule="token_response")
def named_scopes(live: Live) -> Finding:
    named = live.tokens.body.get("scope")
    if not isinstance(named, str):
        return Finding("it has no `scope`", agrees=False)
    wrong = sorted(live.scopes.symmetric_difference(scope.strip() for scope in named.split(",")))
    seen = f"unlike the requests show: {', '.join(wrong)}" if wrong else f"yes, all {len(live.scopes)}"
    return Finding(seen, agrees=not wrong)


@probe("Can the commas of `fields` be encoded?", "its examples have literal ones", rule="encoded_commas")
def encoded_commas(live: Live) -> Finding:
    plain, encoded = (live.data("GET", USER_INFO_PATH, query=f"fields=open_id{c}union_id") for c in (",", "%2C"))
    seen = f"literal: {plain}; encoded: {encoded}"
    codes = (plain.code, encoded.code)
    if codes == ("ok", "ok"):
        # TikTok could also treat the encoded list as one unknown field and ignore it.
        return Finding(seen, {"refuse_encoded_commas": plain.data != encoded.data})
    if codes == ("ok", "invalid_params"):
        return Finding(seen, {"refuse_encoded_commas": True})
    if codes == ("invalid_params", "ok"):
        return Finding(f"they must be: {seen}", agrees=False)
    raise NotSeenError(seen)


def describe_fields(fields: Sequence[str], rejected: Sequence[str], absent: Sequence[str]) -> str:
    """Which requested fields TikTok rejected, omitted or returned."""
    parts = [f"`{name}` is rejected" for name in rejected] + [f"`{name}` is absent" for name in absent]
    return "; ".join(parts) or f"all {len(fields)} are returned"


def _granted_fields(live: Live) -> list[str]:
    fields = [field for scope, names in USER_FIELDS_BY_SCOPE.items() if scope in live.scopes for field in names]
    if not fields:
        raise NotSeenError(f"the owner did not grant {BASIC_SCOPE}")
    return fields


def _rejected(live: Live) -> list[str]:
    return live.once("rejected_profile_fields", lambda: list(find_rejected(live.user, _granted_fields(live))))


def _profile(live: Live) -> Reply:
    """The profile with all fields that TikTok accepts."""
    found = _rejected(live)
    reply = live.user([name for name in _granted_fields(live) if name not in found])
    if reply.code != "ok":
        raise NotSeenError(f"the profile responds with {reply}")
    return reply
