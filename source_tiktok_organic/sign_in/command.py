"""The command `tiktok-organic-sign-in`: a person's consent on TikTok's page becomes a config that `read` takes.

TikTok's page sends the browser to a listener on this machine, and the code that comes with it is exchanged for tokens.
The CDK is not imported, as that would take seconds.
"""

import argparse
import getpass
import json
import os
import queue
import re
import shlex
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from source_tiktok_organic.sign_in.callback import HOST, PATH, SCHEME, Listener
from source_tiktok_organic.sign_in.login_kit import (
    SCOPES,
    Attempt,
    Consent,
    SignInError,
    account,
    credentials,
    exchange,
)

KEY_VARIABLE, SECRET_VARIABLE, BASE_URL_VARIABLE = "TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET", "TIKTOK_API_BASE_URL"
CONSENT_HOST, API_HOST = "https://www.tiktok.com", "https://open.tiktokapis.com"
LOOPBACK = ("localhost", "127.0.0.1", "::1")

Answers = queue.SimpleQueue[Consent | SignInError]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0, 1 after a failure that stderr explains, 130 after Ctrl-C."""
    options = _parser().parse_args(argv)
    try:
        _sign_in(options)
    except SignInError as error:
        _say(str(error), sys.stderr)
        return 1
    except KeyboardInterrupt:
        _say("\nStopped. Run the command again to sign in.", sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tiktok-organic-sign-in",
        description="Signs a TikTok account in to your app on TikTok for Developers, and writes a config file with "
        "which source-tiktok-organic reads it. The consent itself is given in the browser, on TikTok's page.",
        epilog=f"The app's client key and client secret are asked for, or taken from the environment variables "
        f"{KEY_VARIABLE} and {SECRET_VARIABLE}. The app needs the product Login Kit, set up for Desktop, with the "
        f"redirect URI {SCHEME}://{HOST}:*{PATH} (the star stands for any port) and the scopes {', '.join(SCOPES)}.",
    )
    add = parser.add_argument
    add("--output", type=Path, default=Path("secrets/config.json"), metavar="FILE", help="default: %(default)s")
    add("--force", action="store_true", help="replace the credentials in FILE without asking")
    add("--port", type=_port, default=0, help="listen on this port of 127.0.0.1; default: a free one")
    add("--no-browser", action="store_true", help="print the link, and take the address that TikTok leads to")
    add("--timeout", type=_seconds, default=300.0, metavar="SECONDS", help="for the consent; default: %(default).0f")
    return parser


def _port(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    if not (text.replace(".", "", 1).isdecimal() and 0 < float(text) <= threading.TIMEOUT_MAX):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return float(text)


def _sign_in(options: argparse.Namespace) -> None:
    consent_host, api_host = _hosts()
    kept = _prepare(options.output, options.force)
    key = _setting(KEY_VARIABLE, "Client key", secret=False)
    secret = _setting(SECRET_VARIABLE, "Client secret (not shown)", secret=True)
    answers: Answers = queue.SimpleQueue()
    # The port, and with it the redirect URI, is known only once the listener has it.
    listener = Listener(options.port, lambda query: attempt.judge(query), answers.put)
    attempt = Attempt(key, secret, f"{SCHEME}://{HOST}:{listener.port}{PATH}")
    with listener:
        _lead_to_consent(attempt, attempt.consent_url(consent_host), options.no_browser, answers)
        consent = _first(answers, options.timeout)
    tokens = exchange(attempt, consent, api_host)
    scope = str(tokens.get("scope") or consent.scopes)
    _write(options.output, {**kept, "credentials": credentials(attempt, tokens, scope)})
    granted = re.split(r"[,\s]+", scope)
    _report(options.output, granted, account(api_host, tokens["access_token"], granted))


def _hosts() -> tuple[str, str]:
    """The addresses of the consent page and of the API, both of which TIKTOK_API_BASE_URL replaces."""
    base_url = os.environ.get(BASE_URL_VARIABLE)
    if not base_url:
        return CONSENT_HOST, API_HOST
    url = urlsplit(base_url)
    if not (url.scheme == "https" or (url.scheme == "http" and url.hostname in LOOPBACK)):
        raise SignInError(
            f"The environment variable {BASE_URL_VARIABLE} must be an https address, or http on this machine: correct "
            "or remove it."
        )
    _say(f"{BASE_URL_VARIABLE} is set: you sign in at {base_url} instead of TikTok.", sys.stderr)
    return base_url.rstrip("/"), base_url.rstrip("/")


def _prepare(path: Path, force: bool) -> dict[str, Any]:
    """Make sure that `path` can and may be written; returns the other settings in it, such as a start date."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
        content = path.read_bytes() if path.exists() else None
    except OSError as error:
        raise _unwritable(path, error) from None
    if content is None:
        return {}
    if not force:
        _ask_to_replace(path)
    try:
        config = json.loads(content)
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}


def _ask_to_replace(path: Path) -> None:
    question = f"{path} exists. Replace the credentials in it? [y/N] "
    if _ask(question, "name another file with --output, or use --force").lower() not in ("y", "yes"):
        raise SignInError(f"{path} was left as it is: name another file with --output.")


def _unwritable(path: Path, error: OSError) -> SignInError:
    reason = error.strerror or type(error).__name__
    return SignInError(f"{path} cannot be written ({reason}): name another file with --output.")


def _setting(variable: str, title: str, secret: bool) -> str:
    value = os.environ.get(variable) or _ask(f"{title}: ", f"set {KEY_VARIABLE} and {SECRET_VARIABLE}", secret)
    if not value.strip():
        raise SignInError(f"{title.split(' (')[0]} is empty: copy it from your app's page on TikTok for Developers.")
    return value.strip()


def _ask(question: str, otherwise: str, secret: bool = False) -> str:
    try:
        if sys.stdin is None or not sys.stdin.isatty():
            raise EOFError
        return getpass.getpass(question) if secret else input(question)
    except EOFError:
        raise SignInError(f"There is no terminal to answer on ({question.strip(' :')}): {otherwise}.") from None


def _lead_to_consent(attempt: Attempt, url: str, no_browser: bool, answers: Answers) -> None:
    """Send the person to TikTok's page; a pasted address goes to `answers`, like what the listener receives."""
    any_port = f"{SCHEME}://{HOST}:*{PATH}"
    _say(
        f"Your app on TikTok for Developers needs this redirect URI (Login Kit, Desktop):\n  {attempt.redirect_uri}\n"
        f"or, once for every port:\n  {any_port}\n"
    )
    if no_browser:
        _take_pasted(attempt, url, answers)
        return
    _say(f"Your browser opens TikTok's page. If it does not, open this link:\n  {url}\n")

    def open_browser() -> None:
        if not webbrowser.open(url):
            _take_pasted(attempt, url, answers)

    # Some browsers return only when they are closed.
    threading.Thread(target=open_browser, daemon=True).start()


def _take_pasted(attempt: Attempt, url: str, answers: Answers) -> None:
    _say(
        f"Open this link in a browser, on any machine:\n  {url}\n\n"
        f"TikTok then leads to an address that starts with {attempt.redirect_uri}\n"
        "If no page appears there, copy the whole address and paste it here:"
    )

    def read() -> None:
        line = _pasted_line()
        if not line:
            return  # no terminal: the listener is all there is
        try:
            answers.put(attempt.judge_pasted(line))
        except SignInError as error:
            answers.put(error)

    threading.Thread(target=read, daemon=True).start()


def _pasted_line() -> str:
    """The first line of stdin that is not blank; empty at the end of stdin.

    Read without Python's buffer, whose lock would keep the process from ending while a thread waits on it.
    """
    text = b""
    while chunk := os.read(sys.stdin.fileno(), 4096):
        text = (text + chunk).lstrip()
        if b"\n" in text:
            break
    return text.partition(b"\n")[0].decode(errors="replace")


def _first(answers: Answers, timeout: float) -> Consent:
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise SignInError(
            f"No response came within {timeout:g} s: run the command again, or give yourself longer with --timeout."
        ) from None
    if isinstance(answer, SignInError):
        raise answer
    return answer


def _write(path: Path, config: Mapping[str, Any]) -> None:
    """Write the file as a whole or not at all, readable by its owner only from its first moment."""
    try:
        target = path.resolve()
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with open(handle, "w") as file:
                file.write(json.dumps(config, indent=2) + "\n")
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink()
            raise
    except OSError as error:
        raise _unwritable(path, error) from None


def _report(path: Path, granted: Sequence[str], account: str) -> None:
    refused = [scope for scope in SCOPES if scope not in granted]
    _say(f"\nSigned in{f' as {account}' if account else ''}.")
    _say(f"Granted: {', '.join(scope for scope in SCOPES if scope in granted) or 'nothing'}")
    for scope in refused:
        _say(f"Refused: {scope}, so {SCOPES[scope]}")
    if refused:
        _say("To grant it after all, run this command again.")
    _say(f"\n{path} holds the credentials: keep it to yourself. Next:")
    _say(f"  source-tiktok-organic check --config {shlex.quote(str(path))}")


def _say(text: str, stream: Any = None) -> None:
    print(text, file=stream or sys.stdout, flush=True)
