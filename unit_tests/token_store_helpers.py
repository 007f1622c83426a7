"""Configs, and their files in a token store."""

import hashlib
from pathlib import Path
from typing import Any

from source_tiktok_organic import SourceTiktokOrganic
from source_tiktok_organic.authenticators import TikTokAuthenticator
from unit_tests.tiktok import OAUTH_CONFIG, TOKEN_RESPONSE, TikTok

VARIABLE = "TIKTOK_TOKEN_STORE"
FIRST = "rft.first"


def config(refresh_token: str = FIRST, **credentials: Any) -> dict[str, Any]:
    return {"credentials": {**OAUTH_CONFIG["credentials"], "refresh_token": refresh_token, **credentials}}


def authenticator_of(given: dict[str, Any]) -> TikTokAuthenticator:
    """The authenticator of user_info in a source with this config."""
    profile, _ = SourceTiktokOrganic(config=given).streams(given)
    requester = profile._stream_partition_generator._partition_factory._retriever.requester
    authenticator: TikTokAuthenticator = requester.get_authenticator()
    return authenticator


def file_of(store: Path, refresh_token: str = FIRST, client_key: str = "client-key") -> Path:
    return store / f"{hashlib.sha256(f'{client_key} {refresh_token}'.encode()).hexdigest()}.json"


def with_rotating_tokens(tiktok: TikTok, lifetime: int = 7200) -> TikTok:
    """An account whose nth token refresh returns act.n and rft.n."""
    responses = [{**TOKEN_RESPONSE, "access_token": f"act.{n}", "refresh_token": f"rft.{n}"} for n in range(1, 9)]
    return tiktok.with_an_account().responds("token", *({"json": {**a, "expires_in": lifetime}} for a in responses))


def sent_refresh_tokens(tiktok: TikTok) -> list[str]:
    """The refresh tokens in the posted forms, in order."""
    return [form["refresh_token"] for form in tiktok.forms()]
