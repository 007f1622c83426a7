"""A local stand-in for TikTok's Open API v2; see README.md."""

from sandbox.accounts import Account
from sandbox.facts import ALL_SCOPES
from sandbox.sandbox import Sandbox
from sandbox.settings import Settings
from sandbox.state import LoggedRequest
from sandbox.tokens import MISSING, Grant

__all__ = ["ALL_SCOPES", "MISSING", "Account", "Grant", "LoggedRequest", "Sandbox", "Settings"]
