"""All errors of the sandbox: one class, serialized in one place."""

from __future__ import annotations

from typing import Literal

from sandbox import pages
from sandbox.messages import Json, Response, html_response, json_response
from sandbox.settings import Settings

Form = Literal["data", "token", "page"]

# Code of the data endpoints -> its HTTP status and message.
DATA_ERRORS = {
    "access_token_invalid": (401, "The access token is invalid or not found in the request."),
    "scope_not_authorized": (401, "The user did not authorize the scope required for completing this request."),
    "scope_permission_missed": (400, "The request asks for fields that need a further scope."),
    "invalid_params": (400, "One or more parameters of the request are invalid."),
    "rate_limit_exceeded": (429, "The API rate limit was exceeded. Please try again later."),
    "internal_error": (500, "Something went wrong. Please try again later."),
}

# Value of `error` at the token endpoint -> its description.
TOKEN_ERRORS = {
    "invalid_grant": "Refresh token is invalid or expired.",
    "invalid_client": "Client key or secret is incorrect.",
    "invalid_request": "The request parameters are malformed.",
    "invalid_scope": "The requested scope is invalid or unknown.",
    "unauthorized_client": "The client is not authorized to use this grant type.",
    "unsupported_grant_type": "The grant type is not supported.",
    "access_denied": "The user denied the request.",
    "server_error": "The server encountered an error. Please try again later.",
    "temporarily_unavailable": "The server is temporarily unavailable. Please try again later.",
}

# Recorded: this one error comes without a `data` key.
_WITHOUT_DATA = ("scope_not_authorized",)


class SandboxError(Exception):
    """A rejected request: code, HTTP status and message.

    Attributes:
        status: HTTP status; None for the default of the code and the settings.
        form: which of TikTok's three error formats is used.
        violation: what the client did wrong; None if it isn't the client's fault.
    """

    def __init__(
        self, code: str, message: str, form: Form, status: int | None = None, violation: str | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.form = form
        self.status = status
        self.violation = violation

    def response(self, settings: Settings, log_id: str) -> Response:
        """Serialize the error in TikTok's format."""
        logged = {"error_code": self.code, "violation": self.violation}
        status = self.status or self._usual_status(settings)
        if self.form == "page":
            return html_response(pages.error_page(self.code, self.message, log_id), status, **logged)
        return json_response(self._payload(log_id), status, **logged)

    def _usual_status(self, settings: Settings) -> int:
        if self.form == "data":
            return settings.data_error_status or DATA_ERRORS[self.code][0]
        return settings.token_error_status if self.form == "token" else 400

    def _payload(self, log_id: str) -> Json:
        if self.form == "token":
            return {"error": self.code, "error_description": self.message, "log_id": log_id}
        error = {"error": {"code": self.code, "message": self.message, "log_id": log_id}}
        return error if self.code in _WITHOUT_DATA else {"data": {}, **error}


def data_error(
    code: str, message: str = "", *, status: int | None = None, violation: str | None = None
) -> SandboxError:
    """An error of a data endpoint, by default with the code's usual message."""
    return SandboxError(code, message or DATA_ERRORS[code][1], "data", status, violation)


def token_error(
    code: str, message: str = "", *, status: int | None = None, violation: str | None = None
) -> SandboxError:
    """An error of the token endpoint, by default with the usual description."""
    return SandboxError(code, message or TOKEN_ERRORS[code], "token", status, violation)


def page_error(code: str, message: str, *, violation: str | None = None) -> SandboxError:
    """An error that the consent page shows to the person."""
    return SandboxError(code, message, "page", violation=violation)


def bad_params(message: str, status: int | None = None) -> SandboxError:
    """An undocumented request to a data endpoint."""
    return data_error("invalid_params", message, status=status, violation=message)


def bad_token_request(message: str) -> SandboxError:
    """An undocumented request to the token endpoint."""
    return token_error("invalid_request", message, violation=message)


def bad_page_request(message: str) -> SandboxError:
    """An undocumented request for the consent page."""
    return page_error("invalid_request", message, violation=message)
