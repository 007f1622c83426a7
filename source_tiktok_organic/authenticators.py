"""Sign-in to TikTok: how requests get their access token. Named in manifest.yaml under `authenticator`.

Nothing here imports from the rest of the package. This is the only custom part that makes requests of its own.
"""

import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.declarative.auth.oauth import DeclarativeSingleUseRefreshTokenOauth2Authenticator
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.datetime_helpers import AirbyteDateTime, ab_datetime_now
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

logger = logging.getLogger("airbyte")
TokenErrors = Mapping[str, Mapping[str, str]]


class TokenRequestFailed(AirbyteTracedException):
    """A token request that brought no access token."""

    answer_lost = False  # TikTok may have used up the refresh token without our seeing the new one


class RotatingTokenAuthenticator(DeclarativeSingleUseRefreshTokenOauth2Authenticator):
    """Signs requests with an access token, and renews it with TikTok's refresh token, which works only once.

    Why not YAML: TikTok may send a token error with HTTP 200, which the CDK takes for success; the CDK sets no timeout
    and posts a single-use token again for five minutes; scope, open_id and the refresh token's end would be dropped.

    Token answer (recorded, integration_tests/recorded/token_refresh.json; both lifetimes in s):
        {"access_token": "act.…", "expires_in": 86400, "refresh_token": "rft.…", "refresh_expires_in": 31535980,
         "open_id": "…", "scope": "user.info.basic,video.list", "token_type": "Bearer"}
    """

    config: Config
    url_base: str
    token_path: str
    token_errors: TokenErrors

    TIMEOUT_S = (10, 30)
    WAITS_S = (1, 4, 16)
    REFRESH_AHEAD = timedelta(minutes=1)

    def __init__(self, config: Config, url_base: str, token_path: str, token_errors: TokenErrors) -> None:
        self._errors = token_errors
        self._given_up: TokenRequestFailed | None = None
        credentials = config.get("credentials", {})
        super().__init__(
            config,
            url_base + token_path,
            client_id_name="client_key",
            client_id=credentials.get("client_key"),
            client_secret=credentials.get("client_secret"),
        )

    def refresh_access_token(self) -> tuple[str, AirbyteDateTime, str | None]:  # type: ignore[override]
        """Exchange the refresh token; raises `TokenRequestFailed`, see `token_errors` in the manifest.

        Called by the CDK under its lock; it then stores and prints the new config.
        """
        answer = self._make_handled_request()
        for name in ("access_token", "refresh_token"):
            add_to_secrets(answer.get(name) or "")
        self._keep_what_was_granted(answer)
        return answer["access_token"], self._extract_token_expiry_date(answer), answer.get("refresh_token")

    def _keep_what_was_granted(self, answer: Mapping[str, Any]) -> None:
        for name in ("scope", "open_id"):
            if answer.get(name):
                self._set_config_value_by_path(("credentials", name), answer[name])
        if answer.get("refresh_expires_in"):
            end = ab_datetime_now() + timedelta(seconds=int(answer["refresh_expires_in"]))
            self._set_config_value_by_path(("credentials", "refresh_token_expiry_date"), str(end))

    def _emit_control_message(self) -> None:
        super()._emit_control_message()
        # The CDK's stdout keeps lines back for a moment; a process killed in it would take the only valid token along.
        sys.stdout.flush()

    def _extract_token_expiry_date(self, response_data: Mapping[str, Any]) -> AirbyteDateTime:
        # A request signed just before the end would arrive after it; a tenth of very short lifetimes is enough.
        end = super()._extract_token_expiry_date(response_data)
        lifetime: timedelta = end - ab_datetime_now()
        return end - min(self.REFRESH_AHEAD, lifetime / 10)

    def _make_handled_request(self) -> Any:
        # Each worker would try again, one after the other: a quarter of an hour, and dozens of posts of a used token.
        if self._given_up:
            known = self._given_up
            raise TokenRequestFailed(known.internal_message, known.message, known.failure_type)
        lost, waits = False, iter(self.WAITS_S)
        while True:
            try:
                return self._post_refresh()
            except TokenRequestFailed as error:  # noqa: PERF203
                lost, wait = lost or error.answer_lost, next(waits, None)
                if lost:
                    error.message = self._errors["answer_lost"]["message"]
                if error.failure_type != FailureType.transient_error or wait is None:
                    self._given_up = error
                    raise
                logger.info(f"Token refresh failed ({error.internal_message}); trying again in {wait} s.")
                time.sleep(wait)

    def _post_refresh(self) -> Mapping[str, Any]:
        url, form = self.get_token_refresh_endpoint() or "", self.build_refresh_request_body()
        try:
            # A redirect would take the client secret to wherever it points.
            response = requests.post(url, data=form, timeout=self.TIMEOUT_S, allow_redirects=False)
            answer = response.json()
        except requests.exceptions.JSONDecodeError:
            raise self._failure(
                "no_valid_answer", f"HTTP {response.status_code}, no JSON", response.status_code == 200
            ) from None
        except requests.exceptions.RequestException as error:
            raise self._failure("no_valid_answer", type(error).__name__, not _never_sent(error)) from None
        if isinstance(answer, Mapping) and answer.get("access_token"):
            return answer
        raise self._refused(answer if isinstance(answer, Mapping) else {}, response.status_code)

    def _refused(self, body: Mapping[str, Any], status: int) -> TokenRequestFailed:
        code = str(body.get("error", ""))
        detail = f"HTTP {status}, error={code!r}, log_id={body.get('log_id')!r}, {body.get('error_description')!r}"
        if code not in self._errors:
            code = "no_valid_answer" if not code or status >= 500 else "unknown"
        return self._failure(code, detail)

    def _failure(self, code: str, detail: str, answer_lost: bool = False) -> TokenRequestFailed:
        error = self._errors[code]
        failure_type = FailureType[error["failure_type"]]
        failure = TokenRequestFailed(self._redact_credentials(detail), error["message"], failure_type)
        failure.answer_lost = answer_lost
        return failure


def _never_sent(error: requests.exceptions.RequestException) -> bool:
    """Whether no connection was made (no such host, a closed port), so that TikTok cannot have seen the request."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    unsent = ("NewConnectionError", "NameResolutionError", "SSLError")
    return isinstance(error, requests.exceptions.ConnectTimeout) or type(reason).__name__ in unsent


@dataclass
class AccessTokenAuthenticator(DeclarativeAuthenticator):
    """Signs requests with the access token from the config and says so when it has ended.

    Why not YAML: with a BearerAuthenticator the CDK would repeat a request that has a dead token six times.
    """

    config: Config

    auth_header = "Authorization"

    @property
    def token(self) -> str:
        """The header's value."""
        return f"Bearer {self.config['credentials']['access_token']}"

    def refresh_and_set_access_token(self) -> None:
        """Called by the CDK when TikTok does not accept the token: raises a config error."""
        raise AirbyteTracedException(
            "access_token_invalid, and credentials of type access_token cannot be refreshed",
            "TikTok does not accept the access token: it has expired (after two hours) or was revoked. Get a new one, "
            "or sign in with OAuth 2.0, which renews itself.",
            FailureType.config_error,
        )
