"""`tiktok-organic-sign-in --check`: whether the credentials in a file will still work in an hour and in a month.

A check in Airbyte tries the access token alone: with a valid one, a wrong client secret or a used refresh token passes.
"""

import os
import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from source_tiktok_organic.sign_in import facts
from source_tiktok_organic.sign_in.api import OK, Reply, newest_video, user_info
from source_tiktok_organic.sign_in.config_file import ConfigFile
from source_tiktok_organic.sign_in.login_kit import (
    SignInError,
    account_name,
    expiry_date,
    message_for,
    post_token_form,
    printable,
    renewal_date,
)
from source_tiktok_organic.sign_in.report import say

STORE_VARIABLE = "TIKTOK_TOKEN_STORE"
AGAIN = "Run tiktok-organic-sign-in again"
WITH_REFRESH = "add --refresh, which uses up the refresh token and stores the next one in this file"
# TikTok's response to it shows whether it knows the app; nothing is used up.
MADE_UP_TOKEN = "rft.0000000000000000000000000000000000000000000!0000.va"  # noqa: S105
# What is requested to see whether a scope of user_info was granted; two of them are the account's names.
PROBES = {"user.info.basic": "display_name", "user.info.profile": "username"}
MISSING_SCOPE = ("scope_not_authorized", "scope_permission_missed")
RATE_LIMITED = ("rate_limit_exceeded", "HTTP 429")
REQUIRED = {"oauth2.0": ("client_key", "client_secret", "refresh_token"), "access_token": ("access_token",)}


def run(path: Path, host: str, *, refresh: bool) -> int:
    """Print a line for each thing that must be right: ✓, or ✗ with what to do, or - for what was not checked.

    Args:
        path: of the config.
        host: TikTok's API.
        refresh: use the refresh token, too.

    Returns:
        1 if there is a ✗, otherwise 0.
    """
    file = ConfigFile(path)
    doctor = _Doctor(file, host)
    if refresh:
        file.try_to_replace()
    with ExitStack() as stack:
        doctor.check(stack, refresh)
    return 1 if doctor.has_found_a_problem else 0


class _Doctor:
    def __init__(self, file: ConfigFile, host: str) -> None:
        self._file = file
        self._host = host
        self._config = file.settings()
        self._credentials = _stripped(self._config.get("credentials"))
        self._store: Any = None
        self._is_rate_limited = False
        self.has_found_a_problem = False

    def check(self, stack: ExitStack, refresh: bool) -> None:
        """Check one thing after the other, as far as the one before allows it."""
        if not self._check_file():
            return
        if self._renews:
            self._check_token_store(stack)
        if not self._check_network():
            return
        if self._renews:
            self._check_app()
            self._check_refresh_token(refresh)
        if self._check_access_token():
            self._check_scopes()
        if self._is_rate_limited:
            self._wrong("Rate limit", "reached. Wait some minutes; other syncs may share the app")
        else:
            self._right("Rate limit", "not reached")

    # --- lines ---

    def _right(self, what: str, text: str) -> bool:
        say(f"✓ {what}: {text}")
        return True

    def _unknown(self, what: str, text: str) -> bool:
        say(f"- {what}: {text}")
        return False

    def _wrong(self, what: str, text: str) -> bool:
        self.has_found_a_problem = True
        say(f"✗ {what}: {text.rstrip('.')}.")
        return False

    # --- what is checked ---

    @property
    def _renews(self) -> bool:
        return self._credentials.get("auth_type") == "oauth2.0"

    def _check_file(self) -> bool:
        what = f"Config {self._file.path}"
        if not self._config:
            return self._wrong(what, f"there is no such file, or no JSON object in it. {AGAIN}")
        kind = self._credentials.get("auth_type")
        if kind not in REQUIRED:
            return self._wrong(what, f"credentials.auth_type must be {' or '.join(REQUIRED)}. {AGAIN}")
        if missing := [name for name in REQUIRED[kind] if not _text(self._credentials.get(name))]:
            return self._wrong(what, f"credentials.{missing[0]} is missing. {AGAIN}")
        return self._right(what, "OAuth 2.0" if self._renews else "an access token alone, which is never refreshed")

    def _check_token_store(self, stack: ExitStack) -> None:
        """Bring the credentials up to date, and keep other processes from refreshing them meanwhile."""
        folder = os.environ.get(STORE_VARIABLE)
        if not folder:
            self._look_for_token_store()
            return
        # Imported here, as it imports the CDK, which takes seconds.
        from airbyte_cdk import AirbyteTracedException

        from source_tiktok_organic.token_store import TOKEN_FIELDS, TokenStore

        for name in TOKEN_FIELDS:
            self._credentials.setdefault(name, "")
        before = self._credentials["refresh_token"]
        self._store = TokenStore(STORE_VARIABLE, facts.manifest()["definitions"]["messages"])
        try:
            stack.enter_context(self._store.locked(self._credentials))
        except AirbyteTracedException as error:
            self._store = None
            self._wrong("Token store", str(error.message))
            return
        is_newer = self._credentials["refresh_token"] != before
        self._right("Token store", f"{folder}, {'newer than this file' if is_newer else 'has the tokens of this file'}")

    def _look_for_token_store(self) -> None:
        folder = self._file.path.parent / "tokens"
        if folder.is_dir():
            command = f"export {STORE_VARIABLE}={shlex.quote(str(folder))}"
            self._wrong("Token store", f"{folder} exists but isn't used, so this file may be outdated. {command}")
        else:
            self._unknown("Token store", f"not in use ({STORE_VARIABLE}); each CONNECTOR_CONFIG must be stored instead")

    def _check_network(self) -> bool:
        reply = self._user(["open_id"])
        if reply.arrived:
            return self._right("TikTok's API", f"{self._host} can be reached")
        text = f"{self._host} can't be reached ({reply.code}). Check the network and HTTPS_PROXY"
        return self._wrong("TikTok's API", text)

    def _check_app(self) -> None:
        what = "Client key and client secret"
        body = self._post(MADE_UP_TOKEN)
        error = _text(body.get("error"))
        if error == "invalid_grant":
            self._right(what, "accepted")
        elif error in ("invalid_client", "unauthorized_client"):
            self._wrong(what, message_for(body))
        else:
            self._unknown(what, f"not checked, as TikTok responds with {printable(error) or 'no error code'}")

    def _check_refresh_token(self, refresh: bool) -> None:
        what = "Refresh token"
        end = self._date("refresh_token_expiry_date")
        expires = f"expires on {end:%Y-%m-%d}" if end else "its expiry date is not in the file"
        if end and end < datetime.now(timezone.utc):
            self._wrong(what, f"expired on {end:%Y-%m-%d}. {AGAIN}")
        elif not refresh:
            self._unknown(what, f"{expires}; not tried: {WITH_REFRESH}")
        else:
            self._refresh(what)

    def _refresh(self, what: str) -> None:
        body = self._post(self._credentials["refresh_token"])
        if not _text(body.get("access_token")):
            self._wrong(what, _refresh_message(body))
            return
        for name in ("access_token", "refresh_token"):
            self._credentials[name] = _text(body.get(name)) or self._credentials[name]
        self._credentials["token_expiry_date"] = renewal_date(body.get("expires_in")) or ""
        if end := expiry_date(body.get("refresh_expires_in")):
            self._credentials["refresh_token_expiry_date"] = end
        if self._store:
            self._store.save(self._credentials)
        self._file.write({**self._config, "credentials": self._credentials})
        expires = f", expires on {end[:10]}" if end else ""
        self._right(what, f"accepted, and the next one is stored{expires}")

    def _check_access_token(self) -> bool:
        what = "Access token"
        reply = self._user(["open_id"])
        if reply.code == OK or reply.code in MISSING_SCOPE:
            end = self._date("token_expiry_date")
            return self._right(what, f"accepted{f', valid until {end:%Y-%m-%d %H:%M} UTC' if end else ''}")
        if reply.code != "access_token_invalid":
            return self._unknown(what, f"not checked, as TikTok responds with {reply.code}")
        if self._renews:
            text = f"expired; the connector will refresh it. Account and scopes are not checked: {WITH_REFRESH}"
            return self._unknown(what, text)
        return self._wrong(what, facts.manifest()["definitions"]["messages"]["access_token_expired"])

    def _check_scopes(self) -> None:
        user: dict[str, Any] = {}
        replies = {}
        for scope, fields in facts.fields_by_scope().items():
            if "user_info" in fields:
                replies[scope] = self._user([PROBES.get(scope, fields["user_info"][0])])
                found = replies[scope].data.get("user")
                user.update(found if isinstance(found, dict) else {})
            else:
                replies[scope] = self._noted(newest_video(self._host, self._credentials["access_token"]))
        self._right("Account", account_name(user) or "its name is not readable with these scopes")
        for scope, reply in replies.items():
            self._judge_scope(scope, reply)

    def _judge_scope(self, scope: str, reply: Reply) -> None:
        what = f"Scope {scope}"
        if reply.code == OK:
            self._right(what, "granted")
        elif reply.code in MISSING_SCOPE:
            self._wrong(what, f"not granted; {facts.cost(scope)}. {AGAIN} and grant it, if the app has it")
        else:
            self._unknown(what, f"not checked, as TikTok responds with {reply.code}")

    # --- requests ---

    def _user(self, fields: list[str]) -> Reply:
        return self._noted(user_info(self._host, _text(self._credentials.get("access_token")), fields))

    def _noted(self, reply: Reply) -> Reply:
        self._is_rate_limited = self._is_rate_limited or reply.code in RATE_LIMITED
        return reply

    def _post(self, refresh_token: str) -> Mapping[str, Any]:
        client = {name: self._credentials[name] for name in ("client_key", "client_secret")}
        form = {**client, "grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            body: Mapping[str, Any] = post_token_form(self._host, form)
        except SignInError:
            return {}
        return body

    def _date(self, name: str) -> datetime | None:
        try:
            date = datetime.fromisoformat(_text(self._credentials.get(name)).replace("Z", "+00:00"))
        except ValueError:
            return None
        return date.astimezone(timezone.utc) if date.tzinfo else date.replace(tzinfo=timezone.utc)


def _refresh_message(body: Mapping[str, Any]) -> str:
    """The connector's own message for this response to a refresh."""
    error = _text(body.get("error"))
    code = error or "no_valid_response"
    if code not in facts.token_errors():
        code = "unknown"
    said = f" (TikTok says: {printable(error)})" if code == "unknown" else ""
    return facts.token_message(code) + said


def _stripped(credentials: Any) -> dict[str, Any]:
    """Credentials without the white space that pasting brings, as the connector takes them."""
    items = credentials.items() if isinstance(credentials, dict) else ()
    return {name: value.strip() if isinstance(value, str) else value for name, value in items}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
