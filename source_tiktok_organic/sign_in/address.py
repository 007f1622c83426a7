"""TIKTOK_API_BASE_URL, which replaces TikTok's addresses in the connector and in this command."""

import os
from urllib.parse import urlsplit

BASE_URL_VARIABLE = "TIKTOK_API_BASE_URL"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
INSECURE = f"The environment variable {BASE_URL_VARIABLE} must be an https address, or http on this machine."
HAS_PASSWORD = f"The environment variable {BASE_URL_VARIABLE} must not contain a user name or a password."


def base_url() -> str | None:
    """The address that the environment names, without a slash at its end; None if it names none.

    Raises:
        ValueError: with a sentence, when secrets would travel unencrypted or the log would quote a password.
    """
    address = os.environ.get(BASE_URL_VARIABLE)
    if not address:
        return None
    if not _is_secure(address):
        raise ValueError(INSECURE)
    if "@" in urlsplit(address).netloc:
        raise ValueError(HAS_PASSWORD)
    return address.rstrip("/")


def _is_secure(address: str) -> bool:
    try:
        url = urlsplit(address)
    except ValueError:
        return False
    if url.scheme == "https":
        return bool(url.hostname)
    return url.scheme == "http" and url.hostname in LOOPBACK
