"""Authorization: the consent page and the token endpoint."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from sandbox import pages
from sandbox.checks import problem_with_names
from sandbox.errors import bad_page_request, bad_token_request, page_error, token_error
from sandbox.facts import ALL_SCOPES, BASIC_SCOPE, CLIENT_KEY, CLIENT_SECRET
from sandbox.messages import FORM_TYPE, Request, Response, html_response, json_response, redirect
from sandbox.state import World

_LOCAL_HOSTS = ("localhost", "127.0.0.1")
_AUTHORIZE_PARAMETERS = (
    "client_key",
    "response_type",
    "scope",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "disable_auto_auth",
)
_GRANT_PARAMETERS = {
    "authorization_code": ("client_key", "client_secret", "grant_type", "code", "redirect_uri", "code_verifier"),
    "refresh_token": ("client_key", "client_secret", "grant_type", "refresh_token"),
}
_OPTIONAL = ("code_verifier",)
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_HEX_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class AuthorizationRequest:
    """A validated request for the consent page."""

    scopes: tuple[str, ...]
    redirect_uri: str
    state: str
    challenge: str


def authorize(world: World, request: Request, log_id: str) -> Response:
    """`GET` shows the consent page, `POST` submits the person's decision."""
    authorization = _read_authorization_request(request)
    if missing := [scope for scope in authorization.scopes if scope not in world.settings.app_scopes]:
        return _error_redirect(
            authorization, "invalid_scope", f"The app does not have the scope {', '.join(missing)}.", "scope"
        )
    if request.method == "POST":
        return _decide(world, request, authorization)
    if request.method != "GET":
        raise bad_page_request(f"the method must be GET, not {request.method}")
    choices = [(account.open_id, account.user["display_name"]) for account in world.accounts]
    return html_response(pages.consent_page(authorization.scopes, choices))


def token(world: World, request: Request, log_id: str) -> Response:
    """`POST /v2/oauth/token/`: exchange a code or a refresh token for new tokens."""
    form = _read_form(request)
    grant_type = form.get("grant_type")
    if grant_type not in _GRANT_PARAMETERS:
        text = f"grant_type must be one of {', '.join(_GRANT_PARAMETERS)}, not {grant_type!r}"
        raise token_error("unsupported_grant_type", text, violation=text)
    _check_form(request, _GRANT_PARAMETERS[grant_type])
    _check_client(form)
    if grant_type == "refresh_token":
        grant = world.tokens.refresh(form["refresh_token"])
    else:
        grant = world.tokens.exchange(form["code"], form["redirect_uri"], form.get("code_verifier", ""))
    return json_response(world.tokens.response(grant))


def _read_authorization_request(request: Request) -> AuthorizationRequest:
    problem = problem_with_names("query parameter", (name for name, _ in request.query_pairs), _AUTHORIZE_PARAMETERS)
    query = request.query
    missing = [name for name in _AUTHORIZE_PARAMETERS[:5] if not query.get(name)]
    if problem or missing:
        raise bad_page_request(problem or f"query parameter '{missing[0]}' is missing")
    if query["client_key"] != CLIENT_KEY:
        raise page_error("invalid_client", "client_key is unknown")
    if query["response_type"] != "code":
        raise bad_page_request("response_type must be 'code'")
    local = _check_redirect(query["redirect_uri"])
    challenge = _read_challenge(query, required=local)
    scopes = _read_scopes(query["scope"])
    return AuthorizationRequest(scopes, query["redirect_uri"], query["state"], challenge)


def _check_redirect(uri: str) -> bool:
    """Reject a redirect_uri that could not be registered; True for a desktop app's."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise bad_page_request("redirect_uri is not a URL") from None
    local = parts.hostname in _LOCAL_HOSTS
    if "?" in uri or "#" in uri:
        raise bad_page_request("redirect_uri must have no query and no fragment")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise bad_page_request("redirect_uri must be absolute and https, or http on localhost or 127.0.0.1")
    if local and port is None:
        raise bad_page_request("redirect_uri on localhost or 127.0.0.1 must have a port")
    return local


def _read_challenge(query: dict[str, str], *, required: bool) -> str:
    challenge, method = query.get("code_challenge", ""), query.get("code_challenge_method", "")
    if not (challenge or method or required):
        return ""
    if method != "S256":
        raise bad_page_request("code_challenge_method must be 'S256'")
    if not _HEX_SHA256.fullmatch(challenge):
        raise bad_page_request("code_challenge must be the SHA-256 of the verifier as 64 hexadecimal digits")
    return challenge


def _read_scopes(text: str) -> tuple[str, ...]:
    scopes = tuple(text.split(","))
    problem = problem_with_names("scope", scopes, ALL_SCOPES)
    if problem:
        raise page_error("invalid_scope", problem, violation=problem)
    return scopes


def _decide(world: World, request: Request, authorization: AuthorizationRequest) -> Response:
    """Handle the consent page's form: `decision`, `account` and one `scope` for each switch that is on."""
    form = dict(request.form_pairs)
    if form.get("decision") not in ("authorize", "cancel", "other_account"):
        raise bad_page_request("the form has no decision")
    if form["decision"] == "other_account":
        return _error_redirect(authorization, "access_denied", "The user is not in the sandbox.", "non_sandbox_target")
    on = {value for name, value in request.form_pairs if name == "scope"} | {BASIC_SCOPE}
    granted = tuple(scope for scope in authorization.scopes if scope in on)
    account = world.account_by_open_id(form.get("account", world.accounts[0].open_id))
    if account is None:
        raise bad_page_request("the form names an unknown account")
    if form["decision"] == "cancel" or not granted:
        return _error_redirect(authorization, "access_denied", "The user denied the request.")
    code = world.tokens.issue_code(account, granted, authorization.redirect_uri, authorization.challenge)
    query = urlencode({"code": code, "scopes": ",".join(granted), "state": authorization.state})
    return redirect(f"{authorization.redirect_uri}?{query}")


def _error_redirect(
    authorization: AuthorizationRequest, error: str, description: str, error_type: str = ""
) -> Response:
    """Redirect to the app without a code; if the person denied the request, there is no `error_type`."""
    query = {"error": error, "error_description": description, "error_type": error_type, "state": authorization.state}
    given = {name: value for name, value in query.items() if value}
    return redirect(f"{authorization.redirect_uri}?{urlencode(given)}", error_code=error)


def _read_form(request: Request) -> dict[str, str]:
    if request.method != "POST":
        raise bad_token_request(f"the method must be POST, not {request.method}")
    if request.query_pairs:
        raise bad_token_request("parameters belong in the body, not in the query")
    if request.content_type != FORM_TYPE:
        raise bad_token_request(f"Content-Type must be {FORM_TYPE}, not '{request.content_type}'")
    return dict(request.form_pairs)


def _check_form(request: Request, known: Collection[str]) -> None:
    problem = problem_with_names("form field", (name for name, _ in request.form_pairs), known)
    form = dict(request.form_pairs)
    missing = [name for name in known if name not in _OPTIONAL and not form.get(name)]
    if problem or missing:
        raise bad_token_request(problem or f"form field '{missing[0]}' is missing")
    if "code_verifier" in form and not _VERIFIER.fullmatch(form["code_verifier"]):
        raise bad_token_request("code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~")


def _check_client(form: dict[str, str]) -> None:
    if (form["client_key"], form["client_secret"]) != (CLIENT_KEY, CLIENT_SECRET):
        raise token_error("invalid_client")
