"""A local stand-in for TikTok's Open API v2; see README.md."""

from integration_tests.sandbox.accounts import Account
from integration_tests.sandbox.facts import ALL_SCOPES
from integration_tests.sandbox.sandbox import Sandbox
from integration_tests.sandbox.settings import Settings
from integration_tests.sandbox.state import LoggedRequest
from integration_tests.sandbox.tokens import Grant

__all__ = ["ALL_SCOPES", "Account", "Grant", "LoggedRequest", "Sandbox", "Settings"]
