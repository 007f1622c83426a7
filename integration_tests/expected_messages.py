"""The errors shown to users, as worded in the manifest: (failure type, message)."""

from source_tiktok_organic.config import load_manifest

_DEFINITIONS = load_manifest()["definitions"]
_FILTERS = _DEFINITIONS["error_handler"]["response_filters"]
CONFIG, SYSTEM, TRANSIENT = "config_error", "system_error", "transient_error"
ATTEMPTS = 7
ATTEMPTS_IN_CHECK = 3
MESSAGES = _DEFINITIONS["messages"]
GAVE_UP = MESSAGES["gave_up"].format(attempts=ATTEMPTS)
GAVE_UP_IN_CHECK = _DEFINITIONS["in_check"]["messages"]["gave_up"].format(attempts=ATTEMPTS_IN_CHECK)
# The token endpoint's retries are not counted in the message.
NO_TOKEN_RESPONSE = (TRANSIENT, _DEFINITIONS["no_response"]["Exception"])
NO_RESPONSE = (TRANSIENT, f"{NO_TOKEN_RESPONSE[1]} {GAVE_UP}")
NO_RESPONSE_IN_CHECK = (TRANSIENT, f"{NO_TOKEN_RESPONSE[1]} {GAVE_UP_IN_CHECK}")
INVALID_CURSOR = (SYSTEM, MESSAGES["invalid_cursor"])
UNKNOWN = (_FILTERS[-1]["failure_type"], _FILTERS[-1]["error_message"])


def of_code(code: str) -> tuple[str, str]:
    """The error for a code of the data endpoints, or one of the connector's own: `unreadable`, `incomplete`."""
    (chosen,) = [f for f in _FILTERS if f"'{code}'" in f.get("predicate", "")]
    return _final(chosen)


def of_status(status: int) -> tuple[str, str]:
    """The error for a response with this HTTP status and an unknown code."""
    (chosen,) = [f for f in _FILTERS if status in f.get("http_codes", ())]
    return _final(chosen)


def of_token_error(code: str) -> tuple[str, str]:
    """The error for an `error` of the token endpoint, or one of the connector's own: `no_valid_response`, `unknown`."""
    known = _DEFINITIONS["authenticator"]["token_errors"][code]
    return known["failure_type"], known["message"]


def of_missing_scope(stream: str) -> tuple[str, str]:
    """The error of a stream whose key needs a scope that was not granted."""
    scope = {"user_info": "user.info.basic", "videos": "video.list"}[stream]
    return CONFIG, MESSAGES["key_scope_missing"].format(stream=stream, scope=scope)


def closing(stream: str, error: tuple[str, str]) -> tuple[str, str]:
    """The CDK's error at the end of a sync in which one stream failed once; it is always a config error."""
    return CONFIG, f"During the sync, the following streams did not sync successfully: {stream}: {error[1]}"


def in_check(error: tuple[str, str]) -> str:
    """The message of the same error in a `check`, which gives up earlier."""
    return error[1].replace(GAVE_UP, GAVE_UP_IN_CHECK)


def _final(chosen: dict[str, str]) -> tuple[str, str]:
    """The error of a filter once its retries are exhausted."""
    if chosen["action"] == "RETRY":
        return TRANSIENT, f"{chosen['error_message']} {GAVE_UP}"
    return chosen.get("failure_type", TRANSIENT), chosen["error_message"]
