"""Sign-ins whose tokens a token store keeps."""

import hashlib
from pathlib import Path
from typing import Any

from unit_tests.tiktok import OAUTH_CONFIG, TOKEN_RESPONSE, TikTok

VARIABLE = "TIKTOK_TOKEN_STORE"
FIRST = "rft.first"


def config(refresh_token: str = FIRST, **credentials: Any) -> dict[str, Any]:
    return {"credentials": {**OAUTH_CONFIG["credentials"], "refresh_token": refresh_token, **credentials}}


def file_of(store: Path, refresh_token: str = FIRST, client_key: str = "client-key") -> Path:
    return store / f"{hashlib.sha256(f'{client_key} {refresh_token}'.encode()).hexdigest()}.json"


def with_rotating_tokens(tiktok: TikTok, lifetime: int = 7200) -> TikTok:
    """A sign-in whose nth renewal brings act.n and rft.n."""
    responses = [{**TOKEN_RESPONSE, "access_token": f"act.{n}", "refresh_token": f"rft.{n}"} for n in range(1, 9)]
    return tiktok.with_an_account().responds("token", *({"json": {**a, "expires_in": lifetime}} for a in responses))


def spent(tiktok: TikTok) -> list[str]:
    """The refresh tokens posted, in order."""
    return [form["refresh_token"] for form in tiktok.forms()]
