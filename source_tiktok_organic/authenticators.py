"""Authentication: how requests get their access token. Named in manifest.yaml under `authenticator`."""

import logging
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

import airbyte_cdk as cdk
import requests
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.datetime_helpers import AirbyteDateTime, ab_datetime_now, ab_datetime_parse
from urllib3.exceptions import HTTPError

from source_tiktok_organic.responses import message_for, parse, read_body
from source_tiktok_organic.token_store import TokenStore, hide

logger = logging.getLogger("airbyte")
TIMEOUT_S, LONGEST_RESPONSE_S, WAITS_S = (10, 30), 60, (1, 4, 16)
REFRESH_AHEAD_S, EXPIRY_WARNING_S, LONGEST_LIFETIME_S = 60, 14 * 86_400, 1_000_000_000
LONG_AGO, NEVER = "1970-01-01T00:00:00+00:00", "9999-01-01T00:00:00+00:00"
_parsed = lru_cache(maxsize=8)(ab_datetime_parse)  # each request asks three times


class TikTokAuthenticator(cdk.DeclarativeSingleUseRefreshTokenOauth2Authenticator):
    """Signs requests with the access token, and refreshes it if there is a refresh token, which can be used only once.

    Why not YAML: TikTok may send a token error with HTTP 200, which the CDK takes for success; the CDK sets no timeout
    and retries a single-use token for five minutes; and an invalid lifetime would lose the tokens that came with it.

    Token response (recorded, integration_tests/recorded/token_refresh.json; both lifetimes in s):
        {"access_token": "act.…", "expires_in": 86400, "refresh_token": "rft.…", "refresh_expires_in": 31535980,
         "open_id": "…", "scope": "user.info.basic,video.list", "token_type": "Bearer"}
    """

    config: Mapping[str, Any]
    url_base: str
    token_path: str
    token_store: str
    token_errors: Mapping[str, Mapping[str, str]]
    no_response: Mapping[str, str]
    messages: Mapping[str, str]
    retries: int

    refreshing = threading.RLock()  # held while a token is fetched, until its config is emitted

    def __init__(
        self,
        config: Any,
        url_base: str,
        token_path: str,
        token_store: str,
        token_errors: Mapping[str, Mapping[str, str]],
        no_response: Mapping[str, str],
        messages: Mapping[str, str],
        retries: int | None = None,
    ) -> None:
        """Create an authenticator.

        Args:
            config: the config, whose credentials are changed in place.
            url_base: TikTok's address.
            token_path: of the token endpoint.
            token_store: the environment variable that names the folder of the token store.
            token_errors: failure type and message, by `error` of a token response.
            no_response: the messages when there is none, by the name of the exception's class.
            messages: those of the manifest.
            retries: how often a token request without a valid response is retried; by default once for each of WAITS_S.
        """
        self._credentials = config.get("credentials", {})
        # While one thread writes these, others iterate over the config: its size must not change.
        written = ("access_token", "token_expiry_date") if "refresh_token" in self._credentials else ()
        self._credentials.update({name: self._credentials.get(name) or "" for name in written})
        self._store = TokenStore(token_store, messages)
        self._token_errors = token_errors
        self._no_response = no_response
        self._messages = messages
        self._waits = WAITS_S[:retries]
        self._given_up: cdk.AirbyteTracedException | None = None
        super().__init__(
            config,
            url_base + token_path,
            client_id=self._credentials.get("client_key"),
            client_id_name="client_key",
            client_secret=self._credentials.get("client_secret"),
        )

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request. Redirects are not followed: TikTok has none, and some targets make `requests` fail."""
        request.hooks["response"] = [lambda response, **_: response.headers.pop("Location", None) and response]
        return super().__call__(request)

    def get_access_token(self) -> str:
        """A token that is not known to be expired; raises AirbyteTracedException (`token_errors` in the manifest)."""
        with self.refreshing:
            if not self._store.needs_load and not self.token_has_expired():
                return super().get_access_token()
            with self._store.locked(self._credentials):
                return super().get_access_token()

    def get_token_expiry_date(self) -> AirbyteDateTime:
        """When to refresh the token; one without a readable date is valid until TikTok rejects it."""
        if not self._credentials.get("access_token"):
            return _parsed(LONG_AGO)
        try:
            return _parsed(self._credentials.get("token_expiry_date", ""))
        except ValueError:
            return _parsed(NEVER)

    def set_token_expiry_date(self, new_token_expiry_date: Any) -> None:
        """Store when to refresh the token: a minute early, or a tenth of a short lifetime (s); "" if unknown."""
        lifetime = _seconds(new_token_expiry_date)
        end = ab_datetime_now() + timedelta(seconds=lifetime - min(REFRESH_AHEAD_S, lifetime / 10)) if lifetime else ""
        self._credentials["token_expiry_date"] = str(end)

    def expire(self, authorization: str) -> None:
        """Mark the token in this header as rejected by TikTok; raises a config error if it can't be refreshed."""
        if "refresh_token" not in self._credentials:
            message = self._messages["access_token_expired"]
            raise cdk.AirbyteTracedException("access_token_invalid", message, cdk.FailureType.config_error)
        with self.refreshing:
            if authorization == f"Bearer {self._credentials['access_token']}":
                self._credentials["token_expiry_date"] = LONG_AGO

    def refresh_and_set_access_token(self) -> None:
        """Refresh the tokens and emit the config; only then read the rest of the response."""
        super().refresh_and_set_access_token()
        end = _seconds(self._response.get("refresh_expires_in"))
        if end is None:
            return
        logger.info(f"The refresh token expires in {end // 86_400} days.")
        if end < EXPIRY_WARNING_S:
            day = (ab_datetime_now() + timedelta(seconds=end)).date()
            logger.warning(self._messages["refresh_token_expires"].format(day=day))

    def refresh_access_token(self) -> tuple[str, Any, str | None]:  # type: ignore[override]
        """Access token, lifetime (s) and refresh token, which the CDK stores and emits under its lock."""
        # Otherwise each worker would retry in turn: a quarter of an hour, and dozens of requests with a used token.
        if self._given_up:
            raise cdk.AirbyteTracedException("not tried again", self._given_up.message, self._given_up.failure_type)
        try:
            self._response = self._fetch()
        except cdk.AirbyteTracedException as error:
            logger.info(f"Token refresh failed: {error.internal_message}")
            self._given_up = error
            raise
        for name in ("access_token", "refresh_token"):
            self._credentials[name] = _text(self._response.get(name)) or self._credentials[name]
        hide(self._credentials["access_token"])
        hide(self._credentials["refresh_token"])
        self.set_token_expiry_date(self._response.get("expires_in"))
        self._store.save(self._credentials)  # first, as emitting fails when the reader has gone away
        return self._credentials["access_token"], self._response.get("expires_in"), None

    def _fetch(self) -> Mapping[str, Any]:
        for wait in self._waits:
            try:
                return self._post()
            except cdk.AirbyteTracedException as error:
                if error.failure_type is not cdk.FailureType.transient_error:
                    raise
                logger.info(f"Token refresh failed ({error.internal_message}); retrying in {wait} s.")
            time.sleep(wait)
        return self._post()

    def _post(self) -> Mapping[str, Any]:
        url, form = self.get_token_refresh_endpoint() or "", self.build_refresh_request_body()
        try:
            # A redirect would take the client secret to wherever it points. Without an `auth`, requests would send a
            # password from ~/.netrc.
            response = requests.post(
                url, data=form, timeout=TIMEOUT_S, allow_redirects=False, stream=True, auth=lambda request: request
            )
            body = parse(read_body(response, LONGEST_RESPONSE_S))
        except (OSError, ValueError, HTTPError) as error:
            message = message_for(error, self._no_response)
            raise cdk.AirbyteTracedException(type(error).__name__, message, cdk.FailureType.transient_error) from None
        if not _text(body.get("access_token")):
            raise self._refused(body, response.status_code)
        return body

    def _refused(self, body: Mapping[str, Any], status: int) -> cdk.AirbyteTracedException:
        code = _text(body.get("error"))
        errors = self._token_errors
        detail = f"HTTP {status}, error={code!r}, log_id={body.get('log_id')!r}, {body.get('error_description')!r}"
        if code not in errors:
            code = "no_valid_response" if not code or status >= 500 else "unknown"
        failure_type = cdk.FailureType[errors[code]["failure_type"]]
        return cdk.AirbyteTracedException(filter_secrets(detail), errors[code]["message"], failure_type)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _seconds(lifetime: Any) -> int | None:
    """A lifetime in s, or None if it is invalid: whatever TikTok sends there, no token may be lost."""
    try:
        return seconds if 0 <= (seconds := int(lifetime)) <= LONGEST_LIFETIME_S else None
    except (TypeError, ValueError, OverflowError):
        return None
