"""What the user reads in the end, by TikTok's code: (failure type, sentence), as the manifest has them."""

from source_tiktok_organic.config import load_manifest

_DEFINITIONS = load_manifest()["definitions"]
_FILTERS = _DEFINITIONS["error_handler"]["response_filters"]
TRANSIENT = "transient_error"
NO_RESPONSE = (TRANSIENT, _DEFINITIONS["no_response"]["Exception"])
UNKNOWN = (_FILTERS[-1]["failure_type"], _FILTERS[-1]["error_message"])


def of_code(code: str) -> tuple[str, str]:
    """Of a code of the data endpoints, or one of the connector's own: `unreadable`, `incomplete`."""
    (chosen,) = [f for f in _FILTERS if f"'{code}'" in f.get("predicate", "")]
    return chosen.get("failure_type", TRANSIENT), chosen["error_message"]


def of_status(status: int) -> tuple[str, str]:
    """Of a response with this HTTP status and a code that nobody knows."""
    (chosen,) = [f for f in _FILTERS if status in f.get("http_codes", ())]
    return chosen.get("failure_type", TRANSIENT), chosen["error_message"]


def of_token_error(code: str) -> tuple[str, str]:
    """Of an `error` of the token endpoint, or one of the connector's own: `no_valid_response`, `unknown`."""
    known = _DEFINITIONS["authenticator"]["token_errors"][code]
    return known["failure_type"], known["message"]
