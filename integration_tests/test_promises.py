"""What the connector promises, row by row: the table of AGENTS.md, "Errors", against the sandbox.

Action and failure type are read from the table; what makes the sandbox give the response stands here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from integration_tests.conftest import StartSandbox
from integration_tests.in_process import InProcess, hurried, ids_there_are, video_ids
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH as TOKEN
from sandbox.facts import VIDEO_LIST_PATH as LIST
from unit_tests import markdown

AGENTS = Path(__file__).parents[1] / "AGENTS.md"
HEADER, *TABLE = markdown.rows(markdown.section(AGENTS, "## Errors"))
PROMISES = {row[0].replace("`", ""): row[1:3] for row in TABLE}
# Requests that one action makes for an answer that stays.
TRIES = {
    "fail": 1,
    "one refresh, the request again": 2,
    "wait 2 to 34 s": 7,
    "as above": 7,
    "again after 1, 4, 16 s": 4,
}


@dataclass(frozen=True)
class Response:
    """What the sandbox answers in the place of a right answer.

    Attributes:
        faults: each of them alone makes the response.
        path: where.
        once: faults that come only once, before the others.
        config: method of the sandbox that makes the connector's config.
    """

    faults: Sequence[str] = ()
    path: str = LIST
    once: Sequence[str] = ()
    config: str = "config"
    settings: dict[str, Any] = field(default_factory=dict)


RESPONSES = {
    "error.code is ok": Response(),
    "access_token_invalid": Response(["access_token_invalid"]),
    "access_token_invalid, bare access token": Response(["access_token_invalid"], config="access_token_config"),
    "scope_not_authorized, scope_permission_missed": Response(["scope_not_authorized", "scope_permission_missed"]),
    "rate_limit_exceeded": Response(["rate_limit_exceeded"]),
    "invalid_params": Response(["invalid_params"]),
    "internal_error": Response(["internal_error", "error_in_200"]),
    "no JSON object with an error object (HTML, empty, cut off), any status": Response(
        ["html_200", "html_502", "empty_200", "cut_off_json"]
    ),
    "500, 502, 503, 504 with an unknown code": Response(["unknown_503"]),
    "any other unknown code": Response(["unknown_code"]),
    "no connection, reset, no answer for 60 s, DNS": Response(
        ["reset_before", "reset_middle", "hang"], settings={"hang_seconds": 60}
    ),
    "token endpoint: invalid_grant, invalid_client, unauthorized_client, access_denied, invalid_scope": Response(
        ["invalid_grant", "invalid_client", "unauthorized_client", "access_denied", "invalid_scope"], TOKEN
    ),
    "token endpoint: invalid_request, unsupported_grant_type, unknown": Response(
        ["invalid_request", "unsupported_grant_type", "unknown_code"], TOKEN
    ),
    "token endpoint: server_error, temporarily_unavailable, no valid answer": Response(
        ["server_error", "temporarily_unavailable", "html_502"], TOKEN
    ),
    "token endpoint: answer lost, then invalid_grant": Response(["invalid_grant"], TOKEN, once=["token_lost"]),
    "a video without id": Response(["without_id"]),
}
LASTING = [(text, fault) for text, response in RESPONSES.items() for fault in response.faults]
PASSING = [(text, fault) for text, fault in LASTING if PROMISES[text][0] != "fail"]


def tries(action: str) -> int:
    """The requests that an action promises for a response that stays."""
    (number,) = {n for words, n in TRIES.items() if action.startswith(words)}
    return number


def failure_type(promise: str) -> str:
    """The type that a cell of the table names: "config error that says …" is a config_error."""
    match = re.match(r"(config|system|transient) error", promise)
    assert match
    return match[0].replace(" ", "_")


def refused(sandbox: Sandbox, response: Response) -> int:
    """The requests that met one of the response's faults."""
    return len([r for r in sandbox.requests_to(response.path) if r.fault in (*response.faults, *response.once)])


def test_given_the_table_when_read_then_each_row_is_tested_here() -> None:
    assert HEADER == ["Response", "Action", "Failure type", "Why"]
    assert set(PROMISES) == {*RESPONSES, "a value of another type than its column"}


@pytest.mark.parametrize(("text", "fault"), LASTING)
def test_given_a_response_that_stays_when_read_then_the_tries_and_the_failure_type_of_its_row(
    text: str, fault: str, start_sandbox: StartSandbox
) -> None:
    response, (action, promise) = RESPONSES[text], PROMISES[text]
    sandbox = start_sandbox(videos=5, **response.settings)
    sandbox.fail(response.path, *response.once, *[fault] * 30)

    outcome = InProcess(sandbox.base_url, hurried).read(getattr(sandbox, response.config)(), "videos")

    assert (outcome.exit_code, outcome.records("videos")) == (1, [])
    assert {kind for kind, _ in outcome.errors} == {failure_type(promise)}
    assert refused(sandbox, response) == tries(action) + len(response.once)
    if "says the token may be used up" in promise:
        assert "may have been used up" in str(outcome.errors[0][1])


@pytest.mark.parametrize(("text", "fault"), PASSING)
def test_given_a_response_that_passes_when_read_then_its_action_saves_the_sync(
    text: str, fault: str, start_sandbox: StartSandbox
) -> None:
    response = RESPONSES[text]
    sandbox = start_sandbox(videos=5, **response.settings)
    sandbox.fail(response.path, fault)

    outcome = InProcess(sandbox.base_url, hurried).read(sandbox.config(), "videos")

    assert (outcome.exit_code, outcome.errors, refused(sandbox, response)) == (0, [], 1)
    assert video_ids(outcome) == ids_there_are(sandbox)


def test_given_a_value_of_another_type_when_read_then_emitted_as_it_came_with_one_warning(
    start_sandbox: StartSandbox,
) -> None:
    action, failure = PROMISES["a value of another type than its column"]
    assert (action, failure) == ("emitted as it came, one warning per kind with a count", "")
    sandbox = start_sandbox(videos=0)
    for _ in range(2):
        sandbox.account.post(like_count="12")

    outcome = InProcess(sandbox.base_url).read(sandbox.config(), "videos")

    assert (outcome.exit_code, [video["like_count"] for video in outcome.records("videos")]) == (0, ["12", "12"])
    assert outcome.warnings == ["videos.like_count was not of its column's type but str, 2 times; sent as it came."]
