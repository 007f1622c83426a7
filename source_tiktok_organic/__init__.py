"""Airbyte source for the profile and the public videos of a TikTok account."""

from source_tiktok_organic.source import SourceTiktokOrganic

__all__ = ["SourceTiktokOrganic"]
