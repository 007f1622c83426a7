"""The command `tiktok-organic-sign-in`: asks for consent on TikTok's page, and writes a config file.

TikTok's page redirects the browser to a listener on this machine, with a code that is exchanged for tokens. The CDK is
not imported, as that would take seconds.
"""

import argparse
import getpass
import os
import queue
import re
import sys
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path

from source_tiktok_organic.sign_in import address, doctor, facts, report
from source_tiktok_organic.sign_in.api import user_info
from source_tiktok_organic.sign_in.callback import HOST, PATH, SCHEME, Listener
from source_tiktok_organic.sign_in.config_file import ConfigFile
from source_tiktok_organic.sign_in.login_kit import (
    Attempt,
    Consent,
    ForeignResponseError,
    SignInError,
    account_name,
    credentials,
    exchange,
)
from source_tiktok_organic.sign_in.report import say

KEY_VARIABLE, SECRET_VARIABLE = "TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET"
# A field of each of these tells an account's name.
NAMES_BY_SCOPE = {"user.info.basic": "display_name", "user.info.profile": "username"}
# TikTok may show an error on its own page instead of redirecting.
ON_TIKTOKS_PAGE = (
    "TikTok may have shown the reason on its own page, as error_type=…: docs/command-line.md says what each means. "
    "Otherwise run the command again, with a longer --timeout if you need it."
)

Answers = queue.SimpleQueue[Consent | SignInError]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 1 after a failure that is explained, 130 after Ctrl-C."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.refresh and not options.check:
        parser.error("--refresh belongs to --check")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names may have letters that the terminal does not
            stream.reconfigure(errors="backslashreplace")
    try:
        if options.check:
            return doctor.run(options.output, _api_host(), refresh=options.refresh)
        _sign_in(options)
    except SignInError as error:
        say(str(error), to_stderr=True)
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Run the command again.", to_stderr=True)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tiktok-organic-sign-in",
        description="Authorizes your app on TikTok for Developers to read a TikTok account, and writes a config file "
        "for source-tiktok-organic. Consent is given in the browser, on TikTok's page.",
        epilog=f"The app's client key and client secret are asked for, or taken from the environment variables "
        f"{KEY_VARIABLE} and {SECRET_VARIABLE}. The app needs the product Login Kit, set up for Desktop, with the "
        f"redirect URI {SCHEME}://{HOST}:*{PATH} (the star stands for any port) and the scopes "
        f"{', '.join(facts.scopes())}.",
    )
    add = parser.add_argument
    add("--output", type=Path, default=Path("secrets/config.json"), metavar="FILE", help="default: %(default)s")
    add("--force", action="store_true", help="replace the credentials in FILE without asking")
    add("--scopes", type=_scopes, default=facts.scopes(), help="for an app that lacks some: those it has, with commas")
    add("--port", type=_port, default=0, help="listen on this port of 127.0.0.1; default: a free one")
    add("--no-browser", action="store_true", help="print the link, and take the address that TikTok leads to")
    add("--timeout", type=_seconds, default=300.0, metavar="SECONDS", help="for the consent; default: %(default).0f")
    add("--check", action="store_true", help="instead, check the credentials in FILE; uses up no refresh token")
    add("--refresh", action="store_true", help="with --check: refresh the tokens too, and store the new ones in FILE")
    return parser


def _scopes(text: str) -> list[str]:
    wanted = [scope for scope in re.split(r"[,\s]+", text) if scope]
    if unknown := [scope for scope in wanted if scope not in facts.scopes()]:
        raise argparse.ArgumentTypeError(f"unknown scopes: {', '.join(unknown)}; known: {', '.join(facts.scopes())}")
    if missing := [scope for scope in facts.required_scopes() if scope not in wanted]:
        raise argparse.ArgumentTypeError(f"{missing[0]} is missing, without which {facts.cost(missing[0])}")
    return wanted


def _port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    if not (text.replace(".", "", 1).isdecimal() and 0 < float(text) <= threading.TIMEOUT_MAX):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return float(text)


def _sign_in(options: argparse.Namespace) -> None:
    replacement = _replacement()
    api_host = replacement or facts.api_host()
    file = ConfigFile(options.output)
    if file.exists and not options.force:
        _ask_to_replace(file)
    file.try_to_replace()
    key = _setting(KEY_VARIABLE, "Client key", secret=False)
    secret = _setting(SECRET_VARIABLE, "Client secret (not shown)", secret=True)
    attempt, consent = _consent(key, secret, replacement, options)
    tokens = exchange(attempt, consent, api_host)
    file.write({**file.settings(), "credentials": credentials(attempt, tokens)})
    # The tokens are stored now, so nothing after this may fail.
    granted = re.split(r"[,\s]+", str(tokens.get("scope") or consent.scopes))
    name = _account(api_host, tokens["access_token"], granted)
    report.tell(file.path, tokens, name, requested=attempt.scopes, granted=granted)


def _api_host() -> str:
    return _replacement() or facts.api_host()


def _replacement() -> str | None:
    """The address that replaces TikTok's, for the consent page and the API."""
    try:
        replacement = address.base_url()
    except ValueError as error:
        raise SignInError(f"{error} Correct or remove it.") from None
    if replacement:
        variable = address.BASE_URL_VARIABLE
        say(f"{variable} is set: requests and credentials go to {replacement} instead of TikTok.", to_stderr=True)
    return replacement


def _ask_to_replace(file: ConfigFile) -> None:
    question = f"{file.path} exists. Replace the credentials in it? [y/N] "
    if _ask(question, "name another file with --output, or use --force").lower() not in ("y", "yes"):
        raise SignInError(f"{file.path} was left as it is. Name another file with --output.")


def _setting(variable: str, title: str, secret: bool) -> str:
    value = os.environ.get(variable) or _ask(f"{title}: ", f"set {KEY_VARIABLE} and {SECRET_VARIABLE}", secret)
    if not value.strip():
        raise SignInError(f"{title.split(' (')[0]} is empty. Copy it from your app's page on TikTok for Developers.")
    return value.strip()


def _ask(question: str, otherwise: str, secret: bool = False) -> str:
    try:
        if sys.stdin is None or not sys.stdin.isatty():
            raise EOFError
        return getpass.getpass(question) if secret else input(question)
    except EOFError:
        raise SignInError(f"There is no terminal to answer on ({question.strip(' :')}): {otherwise}.") from None


def _consent(key: str, secret: str, replacement: str | None, options: argparse.Namespace) -> tuple[Attempt, Consent]:
    """Lead the person to TikTok's page, and wait for the response to this attempt."""
    answers: Answers = queue.SimpleQueue()
    # The port, and with it the redirect URI, is known only once the listener has it.
    listener = Listener(options.port, lambda query: attempt.judge(query), answers.put, _Hints())
    attempt = Attempt(key, secret, f"{SCHEME}://{HOST}:{listener.port}{PATH}", options.scopes)
    with listener:
        _lead_to_consent(attempt, attempt.consent_url(replacement), options.no_browser, answers)
        return attempt, _first(answers, options.timeout)


class _Hints:
    """Prints each hint once: any page can make the browser repeat one."""

    def __init__(self) -> None:
        self._printed: set[str] = set()

    def __call__(self, hint: str) -> None:
        if hint in self._printed:
            return
        self._printed.add(hint)
        say(f"A response without this attempt's state came, and was ignored. If TikTok's page led to it: {hint}")


def _lead_to_consent(attempt: Attempt, url: str, no_browser: bool, answers: Answers) -> None:
    """Send the person to TikTok's page; a pasted address goes to `answers`, like what the listener receives."""
    any_port = f"{SCHEME}://{HOST}:*{PATH}"
    say(
        f"Your app on TikTok for Developers needs this redirect URI (Login Kit, Desktop):\n  {attempt.redirect_uri}\n"
        f"or, once for every port:\n  {any_port}\n"
    )
    if no_browser:
        say(f"Open this link in a browser, on any machine:\n  {url}\n")
        _take_pasted(attempt, answers)
        return
    say(f"Your browser opens TikTok's page. If it doesn't, open this link:\n  {url}\n")

    def open_browser() -> None:
        if not webbrowser.open(url):
            _take_pasted(attempt, answers)

    # Some browsers return only when they are closed.
    threading.Thread(target=open_browser, daemon=True).start()


def _take_pasted(attempt: Attempt, answers: Answers) -> None:
    say(
        f"TikTok then leads to an address that starts with {attempt.redirect_uri}\n"
        "If no page appears there, copy the whole address and paste it here:"
    )

    def read() -> None:
        for line in _pasted_lines():
            if answer := _judged(attempt, line):
                answers.put(answer)
                return

    threading.Thread(target=read, name="pasted", daemon=True).start()


def _judged(attempt: Attempt, line: str) -> Consent | SignInError | None:
    """What a pasted line brings; if nothing, say what to paste."""
    try:
        consent = attempt.judge_pasted(line)
    except ForeignResponseError as error:
        text = f"{error.hint} That address belongs to another attempt. Open the link above, and paste where it leads:"
        say(text.strip())
        return None
    except SignInError as error:
        return error
    if not consent:
        say(f"That isn't the address. It starts with {attempt.redirect_uri}?code= ; paste the whole line:")
    return consent


def _pasted_lines() -> Iterator[str]:
    """The lines of stdin that are not blank.

    Read without Python's buffer, whose lock would keep the process from exiting while a thread waits on it.
    """
    text = b""
    while chunk := os.read(sys.stdin.fileno(), 4096):
        *lines, text = (text + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line.decode(errors="replace")
    if text.strip():
        yield text.decode(errors="replace")


def _first(answers: Answers, timeout: float) -> Consent:
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise SignInError(f"No response within {timeout:g} s. {ON_TIKTOKS_PAGE}") from None
    if isinstance(answer, SignInError):
        raise answer
    return answer


def _account(host: str, token: str, granted: Sequence[str]) -> str:
    """The account's name, as far as the scopes allow; empty if TikTok does not send it."""
    fields = [name for scope, name in NAMES_BY_SCOPE.items() if scope in granted]
    if not fields:
        return ""
    try:
        return account_name(user_info(host, token, fields).data.get("user"))
    except KeyboardInterrupt:  # while TikTok does not respond
        return ""
