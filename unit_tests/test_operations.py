"""docs/operations.md against the manifest: each error has one alert, and names agree with Makefile and Terraform."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from source_tiktok_organic.config import load_manifest
from unit_tests import markdown

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "operations.md"
HELM, LOKI = (yaml.safe_load(block) for block in markdown.code_blocks(PAGE, "yaml"))
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
# The manifest's own messages that end a sync; `gave_up` follows whatever was retried in vain.
OWN = {
    "access_token_expired": "config_error",
    "token_store_unusable": "config_error",
    "key_scope_missing": "config_error",
    "unknown_stream": "config_error",
    "duplicate_stream": "config_error",
    "invalid_cursor": "system_error",
    "video_without_id": "system_error",
}


def alerts(line: str) -> set[str]:
    """The alerts whose line filters, `|=` and `|~` of LogQL, all let a log line pass."""
    found = set()
    for name, expression in ALERTS.items():
        filters = re.findall(r'\|([=~]) "([^"]+)"', expression)
        assert filters
        if all(text in line if kind == "=" else re.search(text, line) for kind, text in filters):
            found.add(name)
    return found


def errors() -> Iterator[tuple[str, str]]:
    """Failure type and message of each error that can end a sync."""
    definitions = load_manifest()["definitions"]
    for error in definitions["authenticator"]["token_errors"].values():
        yield error["failure_type"], error["message"]
    for sentence in definitions["no_response"].values():
        yield "transient_error", sentence
    gave_up = definitions["messages"]["gave_up"]
    for response_filter in definitions["error_handler"]["response_filters"]:
        if message := response_filter.get("error_message"):
            failure_type = response_filter.get("failure_type", "transient_error")
            is_retried = response_filter["action"] == "RETRY"
            yield failure_type, f"{message} {gave_up}" if is_retried else message
    for name, failure_type in OWN.items():
        yield failure_type, definitions["messages"][name]


@pytest.mark.parametrize(("failure_type", "message"), list(errors()))
def test_each_error_has_one_alert_for_its_type(failure_type: str, message: str) -> None:
    (alert,) = alerts(FAILED.format(message))
    assert alert in BY_TYPE[failure_type]


def test_expiring_tokens_have_an_alert_of_their_own() -> None:
    message = load_manifest()["definitions"]["messages"]["refresh_token_expires"]
    assert alerts(message.format(day="2026-12-05")) == {"TikTokRefreshTokenExpires"}


def test_each_alert_has_a_row_that_says_what_to_do() -> None:
    rows = markdown.rows(markdown.section(PAGE, "## Alerts"))
    assert {row[0].partition(",")[0] for row in rows if row[0].startswith("TikTok")} == set(ALERTS)


def test_memory_bound_leaves_room_for_the_peak() -> None:
    container = HELM["global"]["workloads"]["resources"]["mainContainer"]
    (peak,) = re.findall(r"and (\d+) MB for 100,000", PAGE.read_text())
    assert peak in (ROOT / "docs" / "reading.md").read_text()
    assert 2 * int(peak) < int(container["memory"]["request"].removesuffix("Mi"))


def dry_run(*variables: str) -> str:
    """What `make image` would run."""
    command = ["make", "--dry-run", "image", "ENGINE=docker", *variables]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_image_has_one_name_in_make_terraform_and_docs() -> None:
    commands = markdown.shell_commands(PAGE, "docker push")
    build, push = commands.splitlines()
    pushed = push.removeprefix("docker push ")
    assert f" -t {pushed} ." in dry_run(*build.removeprefix("make image ").split())

    variables = (ROOT / "examples" / "terraform" / "variables.tf").read_text()
    defaults: dict[str, Any] = dict(re.findall(r'variable "(\w+)" \{[^}]*?default += "([^"]*)"', variables))
    assert f" -t {defaults['image_repository']}:{defaults['connector_version']} ." in dry_run()
