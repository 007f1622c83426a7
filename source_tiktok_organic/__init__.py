"""Airbyte source for the profile and the public videos of a TikTok account."""

from typing import Any

__all__ = ["SourceTiktokOrganic"]


def __getattr__(name: str) -> Any:
    """Import the source at its first use: the CDK takes seconds to load, and `sign_in` does not need it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from source_tiktok_organic.source import SourceTiktokOrganic

    return SourceTiktokOrganic
