"""Plays the Airbyte platform's part of a sign-in: what its declarative OAuth flow does with a spec, and nothing more.

Sources: the platform's DeclarativeOAuthFlow and DeclarativeOAuthSpecHandler, and for templates the CDK's own schema
(declarative_component_schema.yaml, oauth_connector_input_specification).
"""

import base64
import hashlib
import re
import secrets
import string
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, quote_plus, unquote_plus, urlsplit

import requests

_KEYS = {
    "client_id_key": "client_id",
    "client_secret_key": "client_secret",
    "auth_code_key": "code",
    "redirect_uri_key": "redirect_uri",
    "scope_key": "scope",
    "state_key": "state",
}
_JOINED_BY = {"space": " ", "comma": ",", "plus": "+"}
_FILTERS = {
    "urlEncoder": quote_plus,
    "urlDecoder": unquote_plus,
    "base64Encoder": lambda text: base64.b64encode(text.encode()).decode(),
    "base64Decoder": lambda text: base64.b64decode(text).decode(),
    "codeChallengeS256": lambda text: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode(),
}
_INNERMOST = re.compile(r"{{((?:(?!{{|}}).)*)}}")
_FORM = "application/x-www-form-urlencoded"


class Platform:
    """The platform for one spec, whose instance-wide OAuth parameters are `parameters`.

    Args:
        spec: as the connector prints it.
        parameters: what an administrator has stored, such as client_key and client_secret.
        hosts: addresses to use in place of others, {"https://www.tiktok.com": "http://127.0.0.1:…"}.
    """

    def __init__(self, spec: Mapping[str, Any], parameters: Mapping[str, str], hosts: Mapping[str, str]) -> None:
        auth = spec["advanced_auth"]
        self._predicate = (auth["predicate_key"], auth["predicate_value"])
        self._oauth = auth["oauth_config_specification"]
        self._input = self._oauth["oauth_connector_input_specification"]
        self._parameters = parameters
        self._hosts = hosts
        self._names = {key: self._input.get(key) or default for key, default in _KEYS.items()}
        needed = self._oauth["complete_oauth_server_input_specification"]
        assert set(needed["required"]) <= set(parameters)

    def consent_url(self, redirect_uri: str) -> str:
        """The address to open; remembers what the callback must bring."""
        self._redirect_uri = redirect_uri
        length = self._input["state"]["min"]
        self._state = "".join(secrets.choice(string.ascii_letters + string.digits + ".-_") for _ in range(length))
        url = self._render(self._input["consent_url"], self._values())
        return self._elsewhere(url)

    def config(self, callback: str) -> dict[str, Any]:
        """The connector's config after the callback with this address has come."""
        query = dict(parse_qsl(urlsplit(callback).query))
        assert query[self._names["state_key"]] == self._state
        code = query[self._names["auth_code_key"]]
        extracted = self._extract(self._exchange({**self._values(), self._names["auth_code_key"]: code}))
        config: dict[str, Any] = {}
        _put(config, *self._predicate)
        self._merge(config, "complete_oauth_output_specification", extracted)
        self._merge(config, "complete_oauth_server_output_specification", self._parameters)
        return config

    def _values(self) -> dict[str, str]:
        scopes = self._input.get("scopes")
        joint = _JOINED_BY[self._input.get("scopes_join_strategy") or "space"]
        return {
            **self._names,
            self._names["client_id_key"]: self._parameters[self._names["client_id_key"]],
            self._names["client_secret_key"]: self._parameters[self._names["client_secret_key"]],
            self._names["redirect_uri_key"]: self._redirect_uri,
            self._names["state_key"]: self._state,
            self._names["scope_key"]: joint.join(s["scope"] for s in scopes) if scopes else self._input["scope"],
        }

    def _render(self, template: str, values: Mapping[str, str]) -> str:
        """Fill in variables from the inside out: `{{ {{redirect_uri_value}} | urlEncoder }}` is a filter on a value."""
        known = {
            **values,
            **{f"{key.removesuffix('_key')}_value": values.get(name, "") for key, name in self._names.items()},
        }

        def fill(match: re.Match[str]) -> str:
            text, *filters = (part.strip() for part in match[1].split(" | "))
            text = known.get(text, text)
            for name in filters:
                text = _FILTERS[name](text)
            return text

        while _INNERMOST.search(template):
            template = _INNERMOST.sub(fill, template)
        return template

    def _exchange(self, values: Mapping[str, str]) -> Any:
        url = self._elsewhere(self._render(self._input["access_token_url"], values))
        render = {
            name: {self._render(k, values): self._render(v, values) for k, v in (self._input.get(name) or {}).items()}
            for name in ("access_token_headers", "access_token_params")
        }
        headers, params = render["access_token_headers"], render["access_token_params"]
        # JSON, unless the header says otherwise.
        body: dict[str, Any] = {"data": params} if headers.get("Content-Type") == _FORM else {"json": params}
        return requests.post(url, headers=headers, timeout=10, **body).json()

    def _extract(self, answer: Mapping[str, Any]) -> dict[str, str]:
        extracted = {name: str(answer[name]) for name in self._input["extract_output"]}
        if "expires_in" in extracted:
            end = datetime.now(timezone.utc) + timedelta(seconds=int(extracted["expires_in"]))
            # Java's Instant has up to nine decimals.
            extracted["token_expiry_date"] = end.strftime("%Y-%m-%dT%H:%M:%S.%f") + "789Z"
        return extracted

    def _merge(self, config: dict[str, Any], part: str, values: Mapping[str, str]) -> None:
        schema = self._oauth[part]
        assert set(schema["required"]) <= set(values)
        for name, definition in schema["properties"].items():
            if name in values:
                _put(config, definition["path_in_connector_config"], values[name])

    def _elsewhere(self, url: str) -> str:
        for host, other in self._hosts.items():
            url = url.replace(host, other, 1) if url.startswith(host + "/") else url
        return url


def _put(config: dict[str, Any], path: list[str], value: str) -> None:
    for name in path[:-1]:
        config = config.setdefault(name, {})
    config[path[-1]] = value
