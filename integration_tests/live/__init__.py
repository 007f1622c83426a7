"""`make live`: probes TikTok with the user's own account, because the connector's developers had no account.

Each probe answers one question about the API. The report compares TikTok with its documentation and with the sandbox.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class LiveError(Exception):
    """An error that stops the run; its message tells the user what happened and what to do."""
