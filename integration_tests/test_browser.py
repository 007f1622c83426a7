"""Both ways to authorize, in a real Chromium on the sandbox's consent page, and the connector with the new config."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver.common.keys import Keys

from integration_tests.airbyte_platform import TIKTOK, Button
from integration_tests.browser import Browser, start_browser
from integration_tests.conftest import StartSandbox
from sandbox import Sandbox
from sandbox.facts import TOKEN_PATH
from unit_tests.connector import Command

# No such host exists, so the browser stops with this URL in its address bar.
PLATFORM_REDIRECT = "https://airbyte.invalid/auth_flow"
APP = {"client_key": Sandbox.client_key, "client_secret": Sandbox.client_secret}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with start_browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> Sandbox:
    return start_sandbox(videos=30)


@pytest.fixture
def connector(sandbox: Sandbox, command: Callable[[Sandbox], Command]) -> Command:
    return command(sandbox)


@pytest.fixture
def button(connector: Command) -> Button:
    (spec,) = connector.spec().of("SPEC")
    return Button(spec, APP, PLATFORM_REDIRECT)


class SignIn:
    """The command as a process; BROWSER names a program that only records the link it is given."""

    def __init__(self, folder: Path, sandbox: Sandbox, *argv: str) -> None:
        self._folder = folder
        self._link = folder / "link"
        opener = folder / "browser.py"
        opener.write_text(f"import sys; open({str(self._link)!r}, 'w').write(sys.argv[1])")
        env = {
            **os.environ,
            "BROWSER": f"{sys.executable} {opener} %s",
            "TIKTOK_API_BASE_URL": sandbox.base_url,
            "TIKTOK_CLIENT_KEY": sandbox.client_key,
            "TIKTOK_CLIENT_SECRET": sandbox.client_secret,
        }
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        script = [sys.executable, "-m", "source_tiktok_organic.sign_in"]
        self.process = subprocess.Popen([*script, *argv], env=env, cwd=folder, text=True, **pipes)
        self.out = ""

    def link(self) -> str:
        """The link to the consent page, as printed."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.out += line
            if "/v2/auth/authorize/" in line:
                return line.strip()
        raise AssertionError(f"no link: {self.out}{self.process.stderr and self.process.stderr.read()}")

    def link_in_browser(self) -> str:
        """The link to the consent page, as passed to the browser."""
        printed = self.link()
        for _ in range(200):
            if self._link.exists() and self._link.read_text() == printed:
                return printed
            time.sleep(0.05)
        raise AssertionError("no browser was opened")

    def finish(self, stdin: str | None = None) -> tuple[int, str, str]:
        """Exit code and everything on stdout and stderr."""
        out, err = self.process.communicate(stdin, timeout=120)
        return self.process.returncode, self.out + out, err


@pytest.fixture
def sign_in(tmp_path: Path, sandbox: Sandbox) -> Iterator[Callable[..., SignIn]]:
    started: list[SignIn] = []

    def start(*argv: str) -> SignIn:
        started.append(SignIn(tmp_path, sandbox, *argv))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def printed_error(sandbox: Sandbox, err: str) -> str:
    """Stderr without the warning about the sandbox's address."""
    warning = f"TIKTOK_API_BASE_URL is set: requests and credentials go to {sandbox.base_url} instead of TikTok.\n"
    assert err.startswith(warning)
    return err.removeprefix(warning).strip()


def test_consent_by_button_needs_no_refresh(
    browser: Browser, button: Button, sandbox: Sandbox, connector: Command
) -> None:
    browser.open(button.consent_url().replace(TIKTOK, sandbox.base_url))
    assert browser.switches() == dict.fromkeys(
        ["user.info.basic", "user.info.profile", "user.info.stats", "video.list"], True
    )
    browser.picture("consent")
    browser.press_on("Authorize", Keys.ENTER)
    config = button.config(browser.wait_for(PLATFORM_REDIRECT), sandbox.base_url)

    outcome = connector.check(config)

    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED"
    assert len(sandbox.requests_to(TOKEN_PATH)) == 1


def test_scope_denied_by_button_nulls_its_columns(
    browser: Browser, button: Button, sandbox: Sandbox, connector: Command
) -> None:
    browser.open(button.consent_url().replace(TIKTOK, sandbox.base_url))
    browser.deny("user.info.stats")
    browser.press_on("Authorize", Keys.ENTER)
    config = button.config(browser.wait_for(PLATFORM_REDIRECT), sandbox.base_url)

    check, read = connector.check(config), connector.read(config)

    assert check.of("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED"
    assert (read.exit_code, len(read.records("videos"))) == (0, 30)
    assert [r.get("follower_count") for r in read.records("user_info")] == [None]
    assert "user.info.stats" in check.of("CONNECTION_STATUS")[0]["message"]


def test_consent_by_command_passes_check(
    browser: Browser, sign_in: Callable[..., SignIn], sandbox: Sandbox, connector: Command, tmp_path: Path
) -> None:
    run = sign_in("--output", "secrets/mine.json")
    browser.open(run.link_in_browser())
    browser.press_on("Authorize", Keys.ENTER)
    browser.wait_for("/callback/")
    browser.picture("callback")

    exit_code, out, err = run.finish()

    assert (exit_code, printed_error(sandbox, err)) == (0, "")
    assert browser.heading == "TikTok's response has arrived"
    user = sandbox.account.user
    assert f"Authorized as {user['display_name']} @{user['username']}." in out
    outcome = connector.check(json.loads((tmp_path / "secrets/mine.json").read_text()))
    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED"
    assert len(sandbox.requests_to(TOKEN_PATH)) == 1


def test_command_lists_denied_scopes_and_lost_columns(
    browser: Browser, sign_in: Callable[..., SignIn], sandbox: Sandbox, connector: Command, tmp_path: Path
) -> None:
    run = sign_in("--no-browser")
    browser.open(run.link())
    browser.deny("user.info.profile")
    browser.deny("video.list")
    browser.press_on("Authorize", Keys.ENTER)

    exit_code, out, err = run.finish()

    assert (exit_code, printed_error(sandbox, err)) == (0, "")
    assert re.findall(r"^Refused: (\S+);", out, re.MULTILINE) == ["user.info.profile", "video.list"]
    assert f"Authorized as {sandbox.account.user['display_name']}." in out
    outcome = connector.check(json.loads((tmp_path / "secrets/config.json").read_text()))
    (status,) = outcome.of("CONNECTION_STATUS")
    assert (status["status"], "user.info.profile" in status["message"], "video.list" in status["message"]) == (
        "SUCCEEDED",
        True,
        True,
    )


def test_cancel_is_reported_as_denied_access(
    browser: Browser, sign_in: Callable[..., SignIn], sandbox: Sandbox, tmp_path: Path
) -> None:
    run = sign_in()
    browser.open(run.link_in_browser())
    browser.press_on("Cancel", Keys.ENTER)
    browser.wait_for("/callback/")
    browser.picture("denied")

    exit_code, _, err = run.finish()

    assert browser.heading == "The authorization failed"
    assert (exit_code, printed_error(sandbox, err)) == (
        1,
        "Access was denied. Run the command again and choose Authorize on TikTok's page. "
        "(TikTok says: error=access_denied; The user denied the request.)",
    )
    assert list((tmp_path / "secrets").iterdir()) == []


def test_non_target_user_gets_its_own_error(browser: Browser, sign_in: Callable[..., SignIn], sandbox: Sandbox) -> None:
    run = sign_in()
    browser.open(run.link_in_browser())
    browser.press_on("not a target user", Keys.ENTER)
    browser.wait_for("/callback/")

    exit_code, _, err = run.finish()

    assert exit_code == 1
    assert printed_error(sandbox, err).startswith("This TikTok account isn't a target user of your app's sandbox.")
    assert "error_type=non_sandbox_target" in err


def test_app_with_two_scopes_authorizes_with_those(
    browser: Browser, start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    scopes = ("user.info.basic", "video.list")
    sandbox = start_sandbox(videos=5, app_scopes=scopes)
    rejected = SignIn(tmp_path, sandbox)
    browser.open(rejected.link_in_browser())
    browser.wait_for("/callback/")
    exit_code, _, err = rejected.finish()
    assert (exit_code, "--scopes user.info.basic,video.list" in printed_error(sandbox, err)) == (1, True)

    granted = SignIn(tmp_path, sandbox, "--no-browser", "--scopes", ",".join(scopes))
    browser.open(granted.link())
    browser.press_on("Authorize", Keys.ENTER)
    exit_code, out, err = granted.finish()
    assert (exit_code, printed_error(sandbox, err)) == (0, "")
    assert re.findall(r"^Not requested: (\S+);", out, re.MULTILINE) == ["user.info.profile", "user.info.stats"]


def test_callbacks_from_other_pages_are_ignored(
    browser: Browser, sign_in: Callable[..., SignIn], sandbox: Sandbox
) -> None:
    """Embedded requests are rejected by their Sec-Fetch-Dest header, which Chromium sends."""
    run = sign_in("--no-browser")
    link = run.link()
    (callback,) = parse_qs(urlsplit(link).query)["redirect_uri"]
    error = f"{callback}?error=access_denied"
    browser.open(f"data:text/html,<img src='{error}'><iframe src='{error}'></iframe>")
    browser.open(f"{callback}?code=theirs&state=guessed")
    heading = browser.heading
    browser.open(link)
    browser.press_on("Authorize", Keys.ENTER)

    exit_code, out, err = run.finish()

    assert heading == "This response belongs to another attempt"
    assert (exit_code, printed_error(sandbox, err), "was ignored" in out) == (0, "", False)


def test_address_pasted_from_another_machine_is_accepted(
    browser: Browser, sign_in: Callable[..., SignIn], sandbox: Sandbox, connector: Command, tmp_path: Path
) -> None:
    run = sign_in("--no-browser")
    browser.open(run.link())
    with browser.cut_off_from("*/callback/*"):
        browser.press_on("Authorize", Keys.ENTER)
        address = browser.wait_for("/callback/")

    exit_code, _, err = run.finish(stdin=f"{address}\n")

    assert (exit_code, printed_error(sandbox, err)) == (0, "")
    outcome = connector.check(json.loads((tmp_path / "secrets/config.json").read_text()))
    assert outcome.of("CONNECTION_STATUS")[0]["status"] == "SUCCEEDED"


def test_ctrl_c_exits_with_130(sign_in: Callable[..., SignIn], sandbox: Sandbox) -> None:
    # Shells start background jobs with SIGINT ignored, and child processes inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run = sign_in("--no-browser")
    run.link()
    run.process.send_signal(signal.SIGINT)
    exit_code, _, err = run.finish()
    assert (exit_code, printed_error(sandbox, err)) == (130, "Stopped. Run the command again.")
