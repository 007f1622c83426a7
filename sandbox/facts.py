"""Names and limits of TikTok's Open API v2, as documented."""

from __future__ import annotations

from sandbox import content

AUTHORIZE_PATH = "/v2/auth/authorize/"
TOKEN_PATH = "/v2/oauth/token/"
USER_INFO_PATH = "/v2/user/info/"
VIDEO_LIST_PATH = "/v2/video/list/"
VIDEO_QUERY_PATH = "/v2/video/query/"

DATA_PATHS = (USER_INFO_PATH, VIDEO_LIST_PATH, VIDEO_QUERY_PATH)
PATHS = (AUTHORIZE_PATH, TOKEN_PATH, *DATA_PATHS)

# TikTok's error page names the invalid part of a request with one of these.
ERROR_TYPES = ("client_key", "redirect_uri", "code_challenge", "scope")

BASIC_SCOPE = content.BASIC_SCOPE
VIDEO_SCOPE = "video.list"

USER_FIELDS_BY_SCOPE = {scope: tuple(fields) for scope, fields in content.USER.items()}
ALL_SCOPES = (*USER_FIELDS_BY_SCOPE, VIDEO_SCOPE)
SCOPE_OF_USER_FIELD = {field: scope for scope, fields in USER_FIELDS_BY_SCOPE.items() for field in fields}
USER_FIELDS = tuple(SCOPE_OF_USER_FIELD)
VIDEO_FIELDS = tuple(content.VIDEO)

DEFAULT_PAGE_SIZE = 10
MAX_PAGE_SIZE = 20
MAX_QUERY_IDS = 20
# A smaller Unix time must be in seconds: in milliseconds it would be before September 2001.
FIRST_PLAUSIBLE_MILLISECOND = 10**12

CODE_LIFETIME = 300  # s
CLIENT_KEY = "sandboxclientkey"
CLIENT_SECRET = "sandbox-client-secret"
