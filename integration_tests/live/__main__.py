"""`python -m integration_tests.live`: the order of events."""

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
from integration_tests.live.probe import Finding, Live, Probe, ask_all
from integration_tests.live.records import Records
from integration_tests.live.report import Course, Report, shown
from integration_tests.live.sign_in import SignIn
from sandbox import Sandbox
from source_tiktok_organic.sign_in import address

VIDEOS = 300  # of the local TikTok
NEEDED = {"oauth2.0": ("client_key", "client_secret", "refresh_token"), "access_token": ("access_token",)}
REPORT, RECORDED = "report.md", "recorded"

DESCRIPTION = """Asks TikTok, with your own account, what its documentation leaves open, and compares what the connector
reads with the plain list. It changes nothing in the account and makes at most 150 requests, those of the connector
included (with --limit 300). The new refresh token is written to the config file. Without --config it asks a local one.
Ctrl-C stops it at any time, with a report of what is known by then."""


class Stopped(KeyboardInterrupt):
    """A signal asks the run to end; its number."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code: 0, 1 after what stderr explains, 128 and the signal's number after a signal."""
    options = _parser().parse_args(argv)
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _account(options.config) as (account, base_url):
            return run(options, account, base_url)
    except (LiveError, SyncError, OSError) as error:
        _explain(str(error))
        return 1
    except Stopped as stopped:
        return 128 + int(stopped.args[0])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run(options: argparse.Namespace, account: Account, base_url: str) -> int:
    """Ask everything, and report what is known whenever it ends."""
    console, records = Console(file=sys.stdout, highlight=False), Records()
    api = Api(base_url, budget=BUDGET * (1 + options.limit), watch=records.add)
    live = Live(api, SignIn(api, account.config, _keeper(account)), options.spend_token, options.limit)
    report = Report(account.name)
    (options.out / RECORDED).mkdir(parents=True, exist_ok=True)
    exit_code = _asked(live, report, Course(console, api, len(probes.ALL)))
    if not report.findings:
        _explain(report.end)
        return exit_code
    records.write(options.out / RECORDED, live.sign_in.secrets)
    (options.out / REPORT).write_text(live.clean(report.markdown(api.used)), encoding="utf-8")
    shown(console, report, api.used)
    console.print(f"Written: {options.out / REPORT} and {options.out / RECORDED}", soft_wrap=True)
    return exit_code


def _keeper(account: Account) -> Callable[[Json], None]:
    """What keeps a config in the account's file, or raises a LiveError."""

    def keep(config: Json) -> None:
        try:
            account.save(config)
        except SyncError as error:
            raise LiveError(str(error)) from None

    return keep


def _asked(live: Live, report: Report, course: Course) -> int:
    """Ask all probes into the report; returns the exit code."""

    def found(entry: Probe, finding: Finding) -> None:
        report.add(entry, finding)
        course.end(entry, finding)

    try:
        with course.bar:
            probes.begin(live)
            ask_all(live, probes.ALL, course.start, found)
    except Stopped as stopped:
        report.end = "It was stopped before its end."
        return 128 + int(stopped.args[0])
    except LiveError as error:
        report.end = str(error)
        return 1
    return 0


def _explain(sentence: str) -> None:
    Console(stderr=True).print(sentence, style="red", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _account(path: Path | None) -> Iterator[tuple[Account, str]]:
    """The account of a config file, or one of a sandbox, and where its API is."""
    if path is None:
        with Sandbox(videos=VIDEOS) as sandbox:
            yield Account("a local TikTok", sandbox.config(), save=lambda changed: None), sandbox.base_url
        return
    account = account_of_file(path)
    if missing := _missing(account.config.get("credentials")):
        raise LiveError(f"{path} has no `credentials.{missing}`, or no proper one: run tiktok-organic-sign-in.")
    base_url = _base_url()
    yield replace(account, name="TikTok" if base_url == TIKTOK else f"the TikTok at {base_url}"), base_url


def _missing(credentials: Any) -> str | None:
    """The first property of the credentials without which nothing can be asked."""
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
        help="also see whether an old refresh token works: may cost the authorization",
    )
    add("--limit", action="store_true", help="also provoke 429: minutes, and the app may be locked for a while")
    return parser


if __name__ == "__main__":
    sys.exit(main())
