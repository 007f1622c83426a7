"""Sign-in over HTTP: the consent page, the redirect, and the exchange of its code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests

from sandbox import ALL_SCOPES, Sandbox
from sandbox.client import Client
from sandbox.facts import AUTHORIZE_PATH

_DESKTOP, _WEB = "http://127.0.0.1:8912/callback/", "https://app.example/callback"
_VERIFIER = "sandbox-verifier_0123456789.abcdefghijklmnop~"
_CHALLENGE = hashlib.sha256(_VERIFIER.encode()).hexdigest()
_STATE = "state &=?*"
BUTTONS = ["authorize", "cancel", "other_account"]


class _Form(HTMLParser):
    """What a person meets on the page: switches with their state, buttons, labels and accounts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.switches: dict[str, dict[str, str | None]] = {}
        self.buttons: list[str | None] = []
        self.labelled: set[str | None] = set()
        self.accounts: list[str | None] = []
        self.methods: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "input" and values.get("type") == "checkbox":
            self.switches[str(values["id"])] = values
        elif tag == "button":
            self.buttons.append(values["value"])
        elif tag == "label":
            self.labelled.add(values["for"])
        elif tag == "form":
            self.methods.append(values["method"])
        elif tag == "option" or (tag == "input" and values["name"] == "account"):
            self.accounts.append(values["value"])


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(videos=3, accounts=2) as sandbox:
        yield sandbox


@pytest.fixture
def client(running: Sandbox) -> Iterator[Client]:
    running.reset()
    with Client(running) as caller:
        yield caller


def _wish(**changes: str | None) -> dict[str, str]:
    """Query of the consent page for a desktop app; None takes a parameter away."""
    wish = {
        "client_key": Sandbox.client_key,
        "response_type": "code",
        "scope": ",".join(ALL_SCOPES),
        "redirect_uri": _DESKTOP,
        "state": _STATE,
        "code_challenge": _CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in wish.items() if value is not None}


def _decide(client: Client, decision: str = "authorize", scopes: tuple[str, ...] = ALL_SCOPES, **more: Any) -> Any:
    """Press a button on the consent page; the response to the form."""
    form = [("decision", decision), *[("scope", scope) for scope in scopes]]
    form += [("account", more["account"])] if "account" in more else []
    return client.send("POST", AUTHORIZE_PATH, params=more.get("wish", _wish()), data=form)


def _callback(response: requests.Response) -> tuple[str, dict[str, str]]:
    """Address and query of a redirect, the query decoded once."""
    assert response.status_code == 302
    address, _, query = response.headers["Location"].partition("?")
    return address, dict(parse_qsl(query, strict_parsing=True))


def _exchange(client: Client, code: str, **changes: str) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": _DESKTOP, "code_verifier": _VERIFIER}
    return client.token(**{**form, **changes})


def test_the_consent_page_has_a_switch_for_each_scope(client: Client) -> None:
    response = client.send("GET", AUTHORIZE_PATH, params=_wish())
    form = _Form(response.text)

    assert (response.status_code, form.methods, form.buttons) == (200, ["post"], BUTTONS)
    assert tuple(form.switches) == ALL_SCOPES
    assert all("checked" in switch for switch in form.switches.values())
    assert [scope for scope, switch in form.switches.items() if "disabled" in switch] == ["user.info.basic"]
    assert form.labelled == {*ALL_SCOPES, "account"}
    assert len(form.accounts) == 2


def test_a_single_account_leaves_no_choice_to_make() -> None:
    with Sandbox(videos=0) as sandbox, Client(sandbox) as client:
        form = _Form(client.send("GET", AUTHORIZE_PATH, params=_wish()).text)

        assert (form.accounts, form.labelled) == ([sandbox.account.open_id], set(ALL_SCOPES))


def test_a_code_is_exchanged_for_tokens_of_the_chosen_account(running: Sandbox, client: Client) -> None:
    account = running.accounts[1]
    address, query = _callback(_decide(client, account=account.open_id))
    tokens = _exchange(client, query["code"]).json()
    client.access_token = tokens["access_token"]

    assert (address, set(query)) == (_DESKTOP, {"code", "scopes", "state"})
    assert (query["state"], query["scopes"]) == (_STATE, ",".join(ALL_SCOPES))
    assert {"*", "!", "%"} <= set(query["code"])
    assert (tokens["scope"], tokens["open_id"]) == (",".join(ALL_SCOPES), account.open_id)
    assert client.user_info().json()["data"]["user"] == {"open_id": account.open_id}
    running.check()


def test_refused_scopes_are_in_neither_callback_nor_grant(client: Client) -> None:
    _, query = _callback(_decide(client, scopes=("video.list",)))
    tokens = _exchange(client, query["code"]).json()

    assert query["scopes"] == tokens["scope"] == "user.info.basic,video.list"


def test_cancel_sends_access_denied_to_the_callback(client: Client) -> None:
    _, query = _callback(_decide(client, "cancel"))

    assert query == {
        "error": "access_denied",
        "error_description": "The user denied the request.",
        "state": _STATE,
    }


def test_account_that_is_no_target_user_is_refused_by_type(client: Client) -> None:
    _, query = _callback(_decide(client, "other_account"))

    assert query == {
        "error": "access_denied",
        "error_description": "The user is not in the sandbox.",
        "error_type": "non_sandbox_target",
        "state": _STATE,
    }


def test_a_code_works_once(client: Client) -> None:
    _, query = _callback(_decide(client))
    statuses = [_exchange(client, query["code"]) for _ in range(2)]

    assert [response.status_code for response in statuses] == [200, 400]
    assert statuses[1].json()["error"] == "invalid_grant"


def test_a_code_expires_after_five_minutes(running: Sandbox, client: Client) -> None:
    codes = [_callback(_decide(client))[1]["code"] for _ in range(2)]
    running.advance(295)
    young = _exchange(client, codes[0]).status_code
    running.advance(5)

    assert (young, _exchange(client, codes[1]).json()["error"]) == (200, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": _VERIFIER[::-1]}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:8913/callback/"}, "invalid_request"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"code": "unknown"}, "invalid_grant"),
    ],
    ids=["verifier", "redirect_uri", "client_secret", "code"],
)
def test_a_wrong_exchange_is_refused(client: Client, changes: dict[str, str], error: str) -> None:
    _, query = _callback(_decide(client))
    response = _exchange(client, **{"code": query["code"], **changes})

    assert (response.status_code, response.json()["error"]) == (400, error)


def test_a_desktop_code_needs_its_verifier(client: Client) -> None:
    _, query = _callback(_decide(client))
    response = client.token(grant_type="authorization_code", code=query["code"], redirect_uri=_DESKTOP)

    assert response.json()["error"] == "invalid_grant"


def test_a_web_app_signs_in_without_pkce(client: Client) -> None:
    wish = _wish(redirect_uri=_WEB, code_challenge=None, code_challenge_method=None)
    address, query = _callback(_decide(client, wish=wish))
    response = client.token(grant_type="authorization_code", code=query["code"], redirect_uri=_WEB)

    assert (address, response.status_code) == (_WEB, 200)


def test_require_pkce_refuses_a_web_app_without_a_challenge() -> None:
    wish = _wish(redirect_uri=_WEB, code_challenge=None, code_challenge_method=None)
    with Sandbox(require_pkce=True, videos=0) as sandbox, Client(sandbox) as client:
        response = client.send("GET", AUTHORIZE_PATH, params=wish)

    assert (response.status_code, "code_challenge_method must be" in response.text) == (400, True)


def test_an_earlier_consent_is_reused_silently(client: Client) -> None:
    _decide(client, scopes=())
    again = client.send("GET", AUTHORIZE_PATH, params=_wish())
    asked = client.send("GET", AUTHORIZE_PATH, params=_wish(disable_auto_auth="1"))
    _decide(client, scopes=ALL_SCOPES)
    third = client.send("GET", AUTHORIZE_PATH, params=_wish())

    assert _callback(again)[1]["scopes"] == "user.info.basic"
    assert (asked.status_code, tuple(_Form(asked.text).switches)) == (200, ALL_SCOPES)
    assert _callback(third)[1]["scopes"] == ",".join(ALL_SCOPES)
    assert _exchange(client, _callback(again)[1]["code"]).json()["scope"] == "user.info.basic"


_REFUSED: dict[str, tuple[dict[str, str | None], str, str, bool]] = {
    "no_client_key": ({"client_key": None}, "invalid_request", "client_key", True),
    "client_id": ({"client_id": "x"}, "invalid_request", "client_id", True),
    "wrong_client_key": ({"client_key": "x"}, "invalid_client", "client_key", False),
    "wrong_response_type": ({"response_type": "token"}, "invalid_request", "response_type", True),
    "no_state": ({"state": None}, "invalid_request", "state", True),
    "unknown_scope": ({"scope": "user.info.basic,video.all"}, "invalid_scope", "video.all", True),
    "spaced_scopes": ({"scope": "user.info.basic video.list"}, "invalid_scope", "user.info.basic video.list", True),
    "relative_redirect": ({"redirect_uri": "/callback"}, "invalid_request", "redirect_uri", True),
    "http_redirect": ({"redirect_uri": "http://app.example/"}, "invalid_request", "redirect_uri", True),
    "redirect_with_query": ({"redirect_uri": f"{_WEB}?a=b"}, "invalid_request", "no query", True),
    "redirect_with_fragment": ({"redirect_uri": f"{_WEB}#a"}, "invalid_request", "no fragment", True),
    "redirect_without_port": ({"redirect_uri": "http://localhost/"}, "invalid_request", "port", True),
    "redirect_with_bad_port": ({"redirect_uri": "http://localhost:x/"}, "invalid_request", "not a URL", True),
    "desktop_without_pkce": (
        {"code_challenge": None, "code_challenge_method": None},
        "invalid_request",
        "code_challenge",
        True,
    ),
    "plain_pkce": ({"code_challenge_method": "plain"}, "invalid_request", "S256", True),
    "base64url_challenge": ({"code_challenge": _CHALLENGE[:43]}, "invalid_request", "hexadecimal", True),
}


@pytest.mark.parametrize(("changes", "error", "text", "violation"), _REFUSED.values(), ids=_REFUSED)
def test_the_consent_page_shows_what_is_wrong_with_a_request(
    running: Sandbox, client: Client, changes: dict[str, str | None], error: str, text: str, violation: bool
) -> None:
    response = client.send("GET", AUTHORIZE_PATH, params=_wish(**changes))

    assert (response.status_code, response.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert f"<code>{error}</code>" in response.text
    assert text in response.text
    assert running.requests[0].error_code == error
    assert bool(running.violations) is violation


def test_scope_that_the_app_lacks_fails_the_authorization() -> None:
    with Sandbox(app_scopes=("user.info.basic",), videos=0) as sandbox, Client(sandbox) as client:
        address, query = _callback(client.send("GET", AUTHORIZE_PATH, params=_wish()))
        sandbox.check()

    assert (address, query) == (
        _DESKTOP,
        {
            "error": "invalid_scope",
            "error_description": "The app does not have the scope user.info.profile, user.info.stats, video.list.",
            "error_type": "scope",
            "state": _STATE,
        },
    )


@pytest.mark.parametrize(
    ("changes", "error_type"),
    [
        ({"client_key": "x"}, "client_key"),
        ({"scope": "video.all"}, "scope"),
        ({"redirect_uri": "http://app.example/"}, "redirect_uri"),
        ({"code_challenge": _CHALLENGE[:43]}, "code_challenge"),
        ({"response_type": "token"}, "invalid_request"),
    ],
)
def test_error_page_names_the_type_of_the_error(
    client: Client, changes: dict[str, str | None], error_type: str
) -> None:
    page = client.send("GET", AUTHORIZE_PATH, params=_wish(**changes)).text

    assert f"<code>error_type={error_type}</code>" in page


def test_markup_in_a_parameter_is_escaped(client: Client) -> None:
    page = client.send("GET", AUTHORIZE_PATH, params=_wish(scope="<script>")).text

    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_callback_encodes_special_characters_once(client: Client) -> None:
    location = _decide(client).headers["Location"]

    assert parse_qs(urlsplit(location).query)["state"] == [_STATE]
    assert not {"*", "!"} & set(urlsplit(location).query)
