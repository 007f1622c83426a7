"""`make live`: asks TikTok, with a person's own account, what nobody who worked on this connector could ask.

Each probe answers one question about the API. The report compares TikTok with its documentation and with the sandbox.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class LiveError(Exception):
    """A sentence for the person who runs it: what happened, and what to do."""
