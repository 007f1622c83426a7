"""Command line: `python -m integration_tests.live`, or `make live`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from examples.sync import SyncError
from examples.sync.account import Account, account_of_file
from integration_tests.live import Json, LiveError, probes
from integration_tests.live.api import BUDGET, TIKTOK, Api
from integration_tests.live.authorization import Authorization
from integration_tests.live.probe import Finding, Live, Probe, ask_all
from integration_tests.live.records import Records
from integration_tests.live.report import ProgressDisplay, Report, print_table
from sandbox import Sandbox
from source_tiktok_organic.sign_in import address

VIDEOS = 300  # on the local TikTok
NEEDED = {"oauth2.0": ("client_key", "client_secret", "refresh_token"), "access_token": ("access_token",)}
REPORT, RECORDED = "report.md", "recorded"

DESCRIPTION = """Probes TikTok, with your own account, for what its documentation does not say, and compares the
connector's videos with the plain list. It changes nothing in the account and makes at most 150 requests (300 with
--limit), including the connector's. It writes the new refresh token to the config file. Without --config, it probes a
local TikTok. Ctrl-C stops it at any time, with a report of the findings so far."""


class Stopped(KeyboardInterrupt):
    """A signal stopped the run; the argument is its number."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code: 0, 1 after an error on stderr, or 128 plus the signal's number."""
    options = _parser().parse_args(argv)
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _account(options.config) as (account, base_url):
            return run(options, account, base_url)
    except (LiveError, SyncError, OSError) as error:
        _print_error(str(error))
        return 1
    except Stopped as stopped:
        return 128 + int(stopped.args[0])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(options: argparse.Namespace, account: Account, base_url: str) -> int:
    """Run all probes, and report the findings even if the run stops early."""
    console, records = Console(file=sys.stdout, highlight=False), Records()
    api = Api(base_url, budget=BUDGET * (1 + options.limit), watch=records.add)
    live = Live(api, Authorization(api, account.config, _config_saver(account)), options.spend_token, options.limit)
    report = Report(account.name)
    (options.out / RECORDED).mkdir(parents=True, exist_ok=True)
    exit_code = _run_probes(live, report, ProgressDisplay(console, api, len(probes.ALL)))
    if not report.findings:
        _print_error(report.end)
        return exit_code
    records.write(options.out / RECORDED, live.authorization.secrets)
    (options.out / REPORT).write_text(live.clean(report.markdown(api.used)), encoding="utf-8")
    print_table(console, report, api.used)
    console.print(f"Written: {options.out / REPORT} and {options.out / RECORDED}", soft_wrap=True)
    return exit_code


def _config_saver(account: Account) -> Callable[[Json], None]:
    """A function that saves a config to the account's file, or raises LiveError."""

    def save(config: Json) -> None:
        try:
            account.save(config)
        except SyncError as error:
            raise LiveError(str(error)) from None

    return save


def _run_probes(live: Live, report: Report, progress: ProgressDisplay) -> int:
    """Run all probes and add their findings to the report; returns the exit code."""

    def found(entry: Probe, finding: Finding) -> None:
        report.add(entry, finding)
        progress.end(entry, finding)

    try:
        with progress.bar:
            probes.begin(live)
            ask_all(live, probes.ALL, progress.start, found)
    except Stopped as stopped:
        report.end = "The run was stopped early."
        return 128 + int(stopped.args[0])
    except LiveError as error:
        report.end = str(error)
        return 1
    return 0


def _print_error(sentence: str) -> None:
    Console(stderr=True).print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _account(path: Path | None) -> Iterator[tuple[Account, str]]:
    """The account of a config file, or of a sandbox, and the URL of its API."""
    if path is None:
        with Sandbox(videos=VIDEOS) as sandbox:
            yield Account("a local TikTok", sandbox.config(), save=lambda changed: None), sandbox.base_url
        return
    account = account_of_file(path)
    if missing := _missing(account.config.get("credentials")):
        raise LiveError(f"{path} has no valid `credentials.{missing}`: run tiktok-organic-sign-in.")
    base_url = _base_url()
    yield replace(account, name="TikTok" if base_url == TIKTOK else f"the TikTok at {base_url}"), base_url


def _missing(credentials: Any) -> str | None:
    """The first required property that the credentials don't have."""
    given = credentials if isinstance(credentials, dict) else {}
    needed = NEEDED.get(str(given.get("auth_type")))
    return next((name for name in needed if not _is_word(given.get(name))), None) if needed else "auth_type"


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and len(value.split()) == 1 and value == value.strip()


def _base_url() -> str:
    try:
        return address.base_url() or TIKTOK
    except ValueError as error:
        raise LiveError(str(error)) from None


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m integration_tests.live", description=DESCRIPTION)
    add = parser.add_argument
    add("--config", type=Path, metavar="FILE", help="the connector's config, such as secrets/config.json")
    add("--out", type=Path, default=Path("live"), metavar="FOLDER", help="default: %(default)s")
    add(
        "--spend-token",
        action="store_true",
        help="also try a used refresh token, which may invalidate the authorization",
    )
    add("--limit", action="store_true", help="also provoke 429: takes minutes, and TikTok may lock the app for a while")
    return parser


if __name__ == "__main__":
    sys.exit(main())
