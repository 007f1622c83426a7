"""The OAuth button of Airbyte's form: its rendered templates, its token request, and where the response is stored.

Sources, of August 2026: DeclarativeOAuthFlow and DeclarativeOAuthSpecHandler of the server.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from jinja2 import Environment, StrictUndefined

STATE = "a-state-of-thirty-two-characters"
TIKTOK = "https://www.tiktok.com"
API = "https://open.tiktokapis.com"
# The names that parts of the flow have where the spec gives them no other.
KEYS = {"client_id_key": "client_id", "redirect_uri_key": "redirect_uri", "scope_key": "scope", "state_key": "state"}
JOINED_BY = {"space": " ", "comma": ",", "plus": "+"}
_JINJA = Environment(autoescape=False, undefined=StrictUndefined)


class Button:
    """The button for one spec.

    Args:
        spec: as the connector emits it.
        app: client key and client secret.
        redirect_uri: the platform's.
    """

    def __init__(self, spec: Mapping[str, Any], app: Mapping[str, str], redirect_uri: str) -> None:
        self._oauth = spec["advanced_auth"]["oauth_config_specification"]
        self._input = self._oauth["oauth_connector_input_specification"]
        self._app = app
        self._values = {
            **{key: self._input.get(key, name) for key, name in KEYS.items()},
            "client_id_value": app["client_key"],
            "client_secret_value": app["client_secret"],
            "redirect_uri_value": redirect_uri,
            "scope_value": JOINED_BY[self._input["scopes_join_strategy"]].join(
                s["scope"] for s in self._input["scopes"]
            ),
            "state_value": STATE,
        }

    def consent_url(self) -> str:
        """The address that the button opens."""
        return self._render(self._input["consent_url"])

    def token_request(self, code: str) -> dict[str, Any]:
        """The request that exchanges the code of a callback for tokens."""
        params, headers = (
            {self._render(name): self._render(value, code) for name, value in self._input[part].items()}
            for part in ("access_token_params", "access_token_headers")
        )
        return {"url": self._render(self._input["access_token_url"]), "data": params, "headers": headers}

    def config(self, callback: str, base_url: str) -> dict[str, Any]:
        """The config after a callback to this address; the tokens are requested from `base_url`, not from TikTok."""
        request = self.token_request(dict(parse_qsl(urlsplit(callback).query))["code"])
        url = request.pop("url").replace(API, base_url)
        response = requests.post(url, **request, timeout=10).json()
        extracted = {name: response[name] for name in self._input["extract_output"]}
        end = datetime.now(timezone.utc) + timedelta(seconds=extracted.pop("expires_in"))
        # Java's Instant has up to nine decimals.
        extracted["token_expiry_date"] = end.strftime("%Y-%m-%dT%H:%M:%S.%f") + "789Z"
        stored = self._oauth["complete_oauth_output_specification"]["properties"]
        config: dict[str, Any] = {"credentials": {"auth_type": "oauth2.0", **self._app}}
        for name, value in extracted.items():
            parent, key = stored[name]["path_in_connector_config"]
            config[parent][key] = value
        return config

    def _render(self, template: str, code: str = "") -> str:
        return _JINJA.from_string(template).render(self._values, auth_code_value=code)
