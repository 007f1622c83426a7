"""All probes in order, the ones that may do harm last, and the checks before them."""

from __future__ import annotations

from integration_tests.live import (
    LiveError,
    ask_errors,
    ask_last,
    ask_limits,
    ask_pages,
    ask_profile,
    ask_tokens,
    ask_videos,
    proof,
)
from integration_tests.live.api import UnansweredError
from integration_tests.live.probe import PROBES, Live, NotSeenError

_ORDER = (ask_tokens, ask_profile, ask_pages, ask_videos, ask_errors, proof, ask_limits, ask_last)
ALL = tuple(entry for module in _ORDER for entry in PROBES if entry.ask.__module__ == module.__name__)

ADVICE = {
    "invalid_grant": "re-authenticate with tiktok-organic-sign-in.",
    "invalid_client": "correct client_key and client_secret in the config.",
    "unauthorized_client": "check on TikTok for Developers that the app is approved, or use its sandbox's key.",
}


def begin(live: Live) -> None:
    """Refresh the access token, and check that it works.

    Raises:
        LiveError: if it does not work.
    """
    if live.authorization.has_refresh_token and live.tokens.code != "ok":
        advice = ADVICE.get(live.tokens.code, "try again later.")
        raise LiveError(f"The token refresh failed ({live.tokens}): {advice}")
    try:
        live.user(["open_id"])
    except NotSeenError as error:
        raise LiveError(f"TikTok rejects the access token: {error}. Get a new one, or use OAuth 2.0.") from None
    except UnansweredError as error:
        raise LiveError(f"TikTok does not respond: {error}. Try again later.") from None
