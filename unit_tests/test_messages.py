"""The manifest's messages in docs/messages.md, the error table of AGENTS.md and the alerts of operations.md.

Customers search the documents for a sentence of their log, and their alerts match its words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from source_tiktok_organic.authenticators import WAITS_S
from source_tiktok_organic.config import load_manifest
from unit_tests import markdown

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "messages.md"
OPERATIONS = ROOT / "docs" / "operations.md"
AGENTS = ROOT / "AGENTS.md"
DEFINITIONS = load_manifest()["definitions"]
MESSAGES = DEFINITIONS["messages"]
# The connector's own messages that fail a sync; all others are warnings.
OWN = {
    "access_token_expired": "config_error",
    "token_store_unusable": "config_error",
    "token_store_locked": "transient_error",
    "key_scope_missing": "config_error",
    "invalid_cursor": "system_error",
    "video_without_id": "system_error",
    "unknown_stream": "config_error",
    "duplicate_stream": "config_error",
}
# The connector's own codes for responses.
OWN_CODES = {"unreadable", "incomplete", "no_valid_response", "unknown"}


@dataclass(frozen=True)
class Error:
    """An error that can fail a sync: TikTok's codes or the connector's own, and its text in the documents.

    Attributes:
        gave_up: what follows the message in the log.
    """

    codes: tuple[str, ...]
    failure_type: str
    message: str
    attempts: int = 1
    gave_up: str = ""

    @property
    def type_cell(self) -> str:
        """How the cell with the failure type starts."""
        return self.failure_type + (f" after {self.attempts} attempts" if self.attempts > 1 else "")

    @property
    def sentence(self) -> str:
        """The message as it is in the documents."""
        return as_documented(self.message)


def as_documented(message: str) -> str:
    """A message with "…" in place of names."""
    return re.sub(r"\{\w+\}", "…", message)


def errors() -> Iterator[Error]:
    """Each error that can fail a sync."""
    for code, error in DEFINITIONS["authenticator"]["token_errors"].items():
        attempts = len(WAITS_S) + 1 if error["failure_type"] == "transient_error" else 1
        yield Error((code,), error["failure_type"], error["message"], attempts)
    attempts = DEFINITIONS["error_handler"]["max_retries"] + 1
    for name, message in DEFINITIONS["no_response"].items():
        yield Error((name,), "transient_error", message, attempts)
    for response_filter in DEFINITIONS["error_handler"]["response_filters"]:
        if message := response_filter.get("error_message"):
            codes = tuple(re.findall(r"'(\w+)'", response_filter.get("predicate", "")))
            failure_type = response_filter.get("failure_type", "transient_error")
            is_retried = response_filter["action"] in ("RETRY", "REFRESH_TOKEN_THEN_RETRY")
            gave_up = MESSAGES["gave_up"] if response_filter["action"] == "RETRY" else ""
            yield Error(codes, failure_type, message, attempts if is_retried else 1, gave_up)
    for name, failure_type in OWN.items():
        yield Error((name,), failure_type, MESSAGES[name])


ERRORS = list(errors())
WARNINGS = [as_documented(text) for name, text in MESSAGES.items() if name not in (*OWN, "gave_up")]
in_the_manifest = "This sentence is in source_tiktok_organic/manifest.yaml, and in {}: {}".format


def rows_with_a_type(path: Path) -> list[list[str]]:
    rows = markdown.rows(markdown.section(path, "## Errors"))
    return [row for row in rows if re.match("(config|system|transient)_error", row[-1])]


# --- documents ---


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: "-".join(error.codes) or "other")
def test_page_has_each_error_with_its_type(error: Error) -> None:
    types = {row[-2]: row[-1] for row in rows_with_a_type(PAGE)}
    assert error.sentence in types, in_the_manifest("docs/messages.md", error.sentence)
    assert types[error.sentence].startswith(error.type_cell)


def test_page_has_no_removed_error() -> None:
    sentences = {error.sentence for error in ERRORS}
    assert [row for row in rows_with_a_type(PAGE) if row[-2] not in sentences] == []


def test_page_says_how_a_retried_error_ends() -> None:
    page = " ".join(PAGE.read_text().split())
    assert f'ends with "{as_documented(MESSAGES["gave_up"])}"' in page
    assert f'ends with "{DEFINITIONS["in_check"]["messages"]["gave_up"].partition(". ")[2]}"' in page


def test_page_has_exactly_the_warnings() -> None:
    listed = re.findall("^- (.*)$", markdown.section(PAGE, "## Warnings and other log lines"), re.MULTILINE)
    assert sorted(listed) == sorted(WARNINGS), in_the_manifest("docs/messages.md", "see the difference")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: "-".join(error.codes) or "other")
def test_developers_table_has_each_code_once(error: Error) -> None:
    rows = rows_with_a_type(AGENTS)
    for code in {*error.codes} - OWN_CODES - {"Exception"}:
        (row,) = [row for row in rows if f"`{code}`" in row[0]]
        assert row[-1].startswith(error.type_cell)


# --- alerts ---

_, LOKI = (yaml.safe_load(block) for block in markdown.code_blocks(OPERATIONS, "yaml"))
ALERTS: dict[str, str] = {rule["alert"]: rule["expr"] for rule in LOKI["groups"][0]["rules"]}
OF_A_PERSON = {
    "TikTokRefreshTokenRejected",
    "TikTokAppRejected",
    "TikTokAccessRemoved",
    "TikTokPermissionMissing",
    "TikTokSourceMisconfigured",
}
BY_TYPE = {"config_error": OF_A_PERSON, "system_error": {"TikTokBug"}, "transient_error": {"TikTokUnavailable"}}
FAILED = "During the sync, the following streams did not sync successfully: videos: {}"


def alerts(line: str) -> set[str]:
    """The alerts whose line filters, `|=` and `|~` of LogQL, all let a log line pass."""
    found = set()
    for name, expression in ALERTS.items():
        filters = re.findall(r'\|([=~]) "([^"]+)"', expression)
        assert filters
        if all(text in line if kind == "=" else re.search(text, line) for kind, text in filters):
            found.add(name)
    return found


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: "-".join(error.codes) or "other")
def test_each_error_has_one_alert_for_its_type(error: Error) -> None:
    (alert,) = alerts(FAILED.format(f"{error.message} {error.gave_up}"))
    assert alert in BY_TYPE[error.failure_type]


def test_expiring_tokens_have_their_own_alert() -> None:
    message = MESSAGES["refresh_token_expires"].format(day="2026-12-05")
    assert alerts(message) == {"TikTokRefreshTokenExpires"}
