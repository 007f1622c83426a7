"""Plays the Airbyte platform's part in the life of a source: its form, its sign-in, its tests and syncs; nothing more.

Sources, all of August 2026: DeclarativeOAuthFlow, DeclarativeOAuthSpecHandler, BaseOAuthFlow, OAuthConfigSupplier and
JsonSecretsProcessor of the server, useAuthentication and AuthButton of the web application.
"""

import base64
import copy
import hashlib
import re
import secrets
import string
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

import requests
from jinja2 import Environment
from jsonschema import Draft7Validator, FormatChecker

from unit_tests.connector import Connector
from unit_tests.outcome import Outcome

Form = dict[str, Any]
MASK, INSTANCE_WIDE_MASK = "**********", "******"

_KEYS = {
    "client_id_key": "client_id",
    "client_secret_key": "client_secret",
    "auth_code_key": "code",
    "redirect_uri_key": "redirect_uri",
    "scope_key": "scope",
    "state_key": "state",
}
_ENCODED_PARAMETERS = ("redirect_uri", "scope")
_JOINED_BY = {"space": " ", "comma": ",", "plus": "+"}
_OUTPUT, _SERVER_OUTPUT = "complete_oauth_output_specification", "complete_oauth_server_output_specification"
_FORM = "application/x-www-form-urlencoded"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# Jinjava's, of which the platform renders its templates, and those that it adds.
_JINJA = Environment(autoescape=False)
_JINJA.filters = {
    "urlencode": quote_plus,
    "codechallengeS256": lambda text: _base64(hashlib.sha256(text.encode()).digest()),
    "b64encode": lambda text: _base64(text.encode()),
}


class SignInFailed(Exception):  # noqa: N818
    """What the form says when the sign-in brought no tokens."""


class Platform:
    """The platform for one spec.

    Args:
        spec: as the connector prints it.
        hosts: addresses to use in place of others, {"https://www.tiktok.com": "http://127.0.0.1:…"}.
        instance_wide: OAuth parameters that an administrator has stored for everybody, such as client_key.
    """

    def __init__(
        self, spec: Mapping[str, Any], hosts: Mapping[str, str], instance_wide: Mapping[str, str] | None = None
    ) -> None:
        auth = spec["advanced_auth"]
        self.schema = spec["connectionSpecification"]
        self._predicate_key, self._predicate_value = auth["predicate_key"], auth["predicate_value"]
        self._oauth = auth["oauth_config_specification"]
        self._input = self._oauth["oauth_connector_input_specification"]
        self._hosts = hosts
        self._instance_wide = instance_wide
        self._names = {key: self._input.get(key) or default for key, default in _KEYS.items()}

    # --- the form ---

    def has_button(self, form: Form) -> bool:
        """Whether the form shows the button that signs in."""
        return bool(_get(form, self._predicate_key) == self._predicate_value)

    def fields(self, form: Form, *, manually: bool = False) -> list[str]:
        """The fields that the form shows for the chosen option, at first or after "Set up manually"."""
        assert not (manually and self._instance_wide)
        parts = [_OUTPUT, _SERVER_OUTPUT] if self._instance_wide else [_OUTPUT]
        by_button = [path for part in parts for path in self._paths(part).values()]
        top, kind = self._predicate_key
        options = (option["properties"] for option in self.schema["properties"][top]["oneOf"])
        chosen = next(option for option in options if option[kind]["const"] == form[top][kind])
        shown = [name for name, field in chosen.items() if "const" not in field and not field.get("airbyte_hidden")]
        return [name for name in shown if manually or not self.has_button(form) or [top, name] not in by_button]

    # --- the sign-in ---

    def consent_url(self, form: Form, redirect_uri: str, stored: Form | None = None) -> str:
        """The address that the button opens; the app is the instance's, or the form's behind its masks."""
        whole = _unmasked(form, stored or {}, self.schema)
        self._app = self._instance_wide or {n: _get(whole, path) for n, path in self._paths(_SERVER_OUTPUT).items()}
        self._form, self._redirect_uri, limits = form, redirect_uri, self._input["state"]
        length = secrets.choice(range(limits["min"], limits["max"] + 1))
        self._state = "".join(secrets.choice(string.ascii_letters + string.digits + ".-_") for _ in range(length))
        return self._elsewhere(self._render(self._input["consent_url"], self._values()))

    def signed_in(self, callback: str) -> Form:
        """The form, filled in after the callback with this address has come; raises SignInFailed."""
        query = dict(parse_qsl(urlsplit(callback).query))
        if "error" in query:
            raise SignInFailed(query["error_description"])
        assert query[self._names["state_key"]] == self._state
        extracted = self._extract(self._exchange(self._values(auth_code=query[self._names["auth_code_key"]])))
        form = copy.deepcopy(self._form)
        for name, path in self._paths(_OUTPUT).items():
            if name in extracted:
                _put(form, path, extracted[name])
        assert set(self._oauth[_OUTPUT]["required"]) <= set(extracted)
        return self.with_parameters(form, masked=True)

    def _values(self, auth_code: str = "") -> dict[str, str]:
        """What a template can name: all that the spec says, and each part of the flow as *_key, *_value and *_param."""
        names, scopes = self._names, self._input.get("scopes")
        joint = _JOINED_BY[self._input.get("scopes_join_strategy") or "space"]
        values = {
            **{name: value for name, value in self._input.items() if isinstance(value, str)},
            **names,
            **self._app,
            names["redirect_uri_key"]: self._redirect_uri,
            names["state_key"]: self._state,
            names["auth_code_key"]: auth_code,
            names["scope_key"]: joint.join(s["scope"] for s in scopes) if scopes else self._input["scope"],
        }
        for key, name in names.items():
            part, value = key.removesuffix("_key"), values[name]
            values[f"{part}_value"] = value
            values[f"{part}_param"] = f"{name}={quote_plus(value) if part in _ENCODED_PARAMETERS else value}"
        return values

    def _render(self, template: str, values: Mapping[str, str]) -> str:
        return _JINJA.from_string(template).render(values)

    def _exchange(self, values: Mapping[str, str]) -> Any:
        url = self._elsewhere(self._render(self._input["access_token_url"], values))
        headers, params = (
            {self._render(k, values): self._render(v, values) for k, v in (self._input.get(name) or {}).items()}
            for name in ("access_token_headers", "access_token_params")
        )
        # JSON, unless the header says otherwise.
        body: dict[str, Any] = {"data": params} if headers.get("Content-Type") == _FORM else {"json": params}
        return requests.post(url, headers=headers, timeout=10, **body).json()

    def _extract(self, response: Mapping[str, Any]) -> dict[str, str]:
        if not set(self._input["extract_output"]) <= set(response):
            raise SignInFailed("OAuth login failed: errors.http.internalServerError")
        extracted = {name: str(response[name]) for name in self._input["extract_output"]}
        if "expires_in" in extracted:
            end = datetime.now(timezone.utc) + timedelta(seconds=int(extracted["expires_in"]))
            # Java's Instant has up to nine decimals.
            extracted["token_expiry_date"] = end.strftime("%Y-%m-%dT%H:%M:%S.%f") + "789Z"
        return extracted

    def _paths(self, part: str) -> dict[str, list[str]]:
        return {name: field["path_in_connector_config"] for name, field in self._oauth[part]["properties"].items()}

    def _elsewhere(self, url: str) -> str:
        for host, other in self._hosts.items():
            url = url.replace(host, other, 1) if url.startswith(host + "/") else url
        return url

    # --- what is stored, and what the connector gets ---

    def with_parameters(self, config: Form, *, masked: bool = False) -> Form:
        """A config with the instance-wide parameters, where there are some, or with masks in their place."""
        config = copy.deepcopy(config)
        for name, path in self._paths(_SERVER_OUTPUT).items():
            if self._instance_wide and self.has_button(config):
                _put(config, path, INSTANCE_WIDE_MASK if masked else self._instance_wide[name])
        return config


class Source:
    """A source, from its form to its syncs.

    Attributes:
        stored: its config; None until "Set up source" has succeeded.
    """

    def __init__(self, platform: Platform, connector: Connector) -> None:
        self._platform = platform
        self._connector = connector
        self.stored: Form | None = None

    def form(self) -> Form:
        """What the form of the saved source holds: what the spec knows, secrets masked."""
        assert self.stored is not None
        return _shown(self.stored, self._platform.schema)

    def save(self, form: Form) -> Outcome:
        """Press "Set up source", or "Test and save": what the connection test approves is stored."""
        outcome = self._told(self._connector.check(self._platform.with_parameters(self._unmasked(form))))
        if outcome.of("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED":
            self.stored = self._unmasked(form)  # also behind the masks: what the test has renewed
        return outcome

    def sync(self, *streams: str) -> Outcome:
        """Run a sync of whole streams, both if none is named."""
        assert self.stored is not None
        return self._told(self._connector.read(self._platform.with_parameters(self.stored), *streams))

    def _told(self, outcome: Outcome) -> Outcome:
        """Store the config that the connector emits, if there is a source to store it in (airbytehq/airbyte#20910)."""
        for config in outcome.configs if self.stored is not None else ():
            self.stored = self._platform.with_parameters(config, masked=True)
        return outcome

    def _unmasked(self, form: Form) -> Form:
        return _unmasked(form, self.stored or {}, self._platform.schema)


def _shown(config: Form, schema: Mapping[str, Any]) -> Form:
    """A config without unknown keys; a property that is a secret in one option is masked in all."""
    shown = {name: value for name, value in config.items() if name in _properties(schema)}
    for name, fields in _properties(schema).items():
        if name in shown and any(field.get("airbyte_secret") for field in fields):
            shown[name] = MASK
        elif isinstance(shown.get(name), dict):
            shown[name] = _shown(shown[name], {"oneOf": fields})
    return shown


def _properties(schema: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The properties of a schema by name, each as often as its options define it."""
    found: dict[str, list[Any]] = {}
    for option in _options(schema):
        for name, field in option.get("properties", {}).items():
            found.setdefault(name, []).append(field)
    return found


FORMATS = FormatChecker()


@FORMATS.checks("date-time")
def _is_date_time(value: object) -> bool:
    """jsonschema itself looks at this format only with another package."""
    return re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", str(value)) is not None


def _options(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    for option in schema.get("oneOf", ()):
        yield from _options(option)


def _unmasked(form: Form, stored: Form, schema: Mapping[str, Any]) -> Form:
    """A form with the stored secrets behind its masks; of options, only one that the form satisfies is looked at."""
    form = dict(form)
    for option in schema.get("oneOf", ()):
        if Draft7Validator(option, format_checker=FORMATS).is_valid(form):
            form = _unmasked(form, stored, option)
    for name, field in schema.get("properties", {}).items():
        if field.get("airbyte_secret") and form.get(name) == MASK and name in stored:
            form[name] = stored[name]
        elif isinstance(form.get(name), dict) and isinstance(stored.get(name), dict):
            form[name] = _unmasked(form[name], stored[name], field)
    return form


def _get(config: Any, path: list[str]) -> Any:
    for name in path:
        config = config.get(name, {})
    return config


def _put(config: Form, path: list[str], value: str) -> None:
    for name in path[:-1]:
        config = config.setdefault(name, {})
    config[path[-1]] = value
