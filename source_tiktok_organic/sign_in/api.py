"""The two requests to TikTok's data endpoints that show whose account it is and which scopes are granted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from source_tiktok_organic.sign_in.login_kit import TIMEOUT_S, printable

OK = "ok"


@dataclass(frozen=True)
class Reply:
    """What TikTok says to a request.

    Attributes:
        code: TikTok's `error.code`; of a response without one its HTTP status, of none the reason.
        data: of a success.
        arrived: whether there was a response at all.
    """

    code: str
    data: Mapping[str, Any]
    arrived: bool = True


def user_info(host: str, token: str, fields: Sequence[str]) -> Reply:
    """These fields of the profile."""
    return _request("GET", f"{host}/v2/user/info/?fields={','.join(fields)}", token)


def newest_video(host: str, token: str) -> Reply:
    """The id of the newest video."""
    return _request("POST", f"{host}/v2/video/list/?fields=id", token, json={"max_count": 1})


def _request(method: str, url: str, token: str, **body: Any) -> Reply:
    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        # Given as `auth`, as requests would put a password from ~/.netrc in the place of a header.
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    try:
        response = requests.request(method, url, auth=sign, timeout=TIMEOUT_S, allow_redirects=False, **body)
    # ValueError: a token that can't be sent in a header.
    except (requests.exceptions.RequestException, ValueError) as error:
        return Reply(type(error).__name__, {}, arrived=False)
    try:
        content = response.json()
        code = content["error"]["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return Reply(f"HTTP {response.status_code}", {})
    data = content.get("data")
    return Reply(printable(str(code)), data if isinstance(data, dict) else {})
