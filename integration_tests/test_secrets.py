"""No secret is emitted except in the message that exists to store it: over HTTP, at debug level."""

import json
from typing import Any

import pytest

from integration_tests.conftest import StartSandbox
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import USER_INFO_PATH as USER
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests.command_result import Outcome
from unit_tests.connector import InProcess

CREDENTIALS = ("client_secret", "refresh_token", "access_token")


def secrets_of(sandbox: Sandbox, config: Any, outcome: Outcome) -> set[str]:
    """Every secret of a run: configured, stored, posted or issued, used or not."""
    given = [config["credentials"], *(stored["credentials"] for stored in outcome.configs)]
    posted = [request.body for request in sandbox.requests_to(TOKEN)]
    return {source[name] for source in [*given, *posted] for name in CREDENTIALS if name in source}


def leaks(secrets: set[str], text: str) -> list[str]:
    """The secrets that a text contains, verbatim or as encoded in a URL or in JSON."""
    return [secret for secret in secrets if secret in text or secret.replace("!", "%21") in text]


@pytest.mark.parametrize("command", ["check", "read"])
@pytest.mark.parametrize(
    "faults",
    [
        {},
        {TOKEN: ["invalid_grant"]},
        {TOKEN: ["token_500", "http_503", "cut_off_json"]},
        {TOKEN: ["token_lost"]},
        {USER: ["invalid_params"]},
        {USER: ["token_expired"], LIST: ["token_expired", "html_502", "reset_middle"]},
        {USER: ["token_expired"] * 9},
        {LIST: ["scope_not_authorized"]},
    ],
    ids=["success", "rejected_token", "token_faults", "lost_token", "failed", "refreshed", "removed_app", "no_scope"],
)
def test_only_control_messages_hold_secrets(
    faults: dict[str, list[str]], command: str, start_sandbox: StartSandbox
) -> None:
    sandbox = start_sandbox(videos=30)
    config = sandbox.config()
    for path, names in faults.items():
        sandbox.fail(path, *names)
    connector = InProcess(sandbox.base_url)

    outcome = connector.check(config, debug=True) if command == "check" else connector.read(config, debug=True)

    secrets = secrets_of(sandbox, config, outcome)
    assert len(secrets) >= 2
    assert [m for m in outcome.messages if m["type"] == "DEBUG"] != []
    assert leaks(secrets, json.dumps([m for m in outcome.messages if m["type"] != "CONTROL"])) == []
    assert leaks(secrets, json.dumps([request.query for request in sandbox.requests])) == []
    assert {request.path for request in sandbox.requests} <= {TOKEN, USER, LIST}
