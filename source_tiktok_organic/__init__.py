"""Airbyte source for the profile and the public videos of a TikTok account."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from source_tiktok_organic.source import SourceTiktokOrganic

__all__ = ["SourceTiktokOrganic"]


def __getattr__(name: str) -> Any:
    """Import the source at its first use: the CDK takes seconds to load, and `sign_in` does not need it."""
    if name == "SourceTiktokOrganic":
        from source_tiktok_organic.source import SourceTiktokOrganic

        return SourceTiktokOrganic
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
