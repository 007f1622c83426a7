"""Prints the result, to a terminal that may lack some letters, or to a pipe that may be closed."""

import io
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from source_tiktok_organic.sign_in import facts
from source_tiktok_organic.sign_in.login_kit import expiry_date

# Titles in Airbyte's form.
FORM_FIELDS = {
    "Client Key": "client_key",
    "Client Secret": "client_secret",
    "Refresh Token": "refresh_token",
    "Access Token": "access_token",
}


def say(text: str, *, to_stderr: bool = False) -> None:
    """Print a line at once; where nobody reads any more, nothing is printed from then on."""
    try:
        print(text, file=sys.stderr if to_stderr else sys.stdout, flush=True)
    except OSError:
        setattr(sys, "stderr" if to_stderr else "stdout", io.StringIO())


def tell(path: Path, tokens: Mapping[str, Any], name: str, *, requested: Sequence[str], granted: Sequence[str]) -> None:
    """Say whose account it is, what was granted, and how to go on in Airbyte and in a shell."""
    say(f"\nAuthorized{f' as {name}' if name else ''}.")
    say(f"Granted: {', '.join(scope for scope in facts.scopes() if scope in granted) or 'nothing'}")
    missing = [scope for scope in facts.scopes() if scope not in granted]
    for scope in missing:
        say(f"{'Refused' if scope in requested else 'Not requested'}: {scope}; {facts.cost(scope)}.")
    if any(scope in requested for scope in missing):
        say("To grant what was refused, run this command again.")
    if end := expiry_date(tokens.get("refresh_expires_in")):
        say(f"The authorization expires on {end[:10]}. Run this command again before that day.")
    say(f"\n{path} holds the credentials. Keep it secret.")
    _lead_on_in_airbyte(tokens)
    _lead_on_in_a_shell(path)


def _lead_on_in_airbyte(tokens: Mapping[str, Any]) -> None:
    end = expiry_date(tokens.get("expires_in"))
    deadline = f"before {end[:16].replace('T', ' ')} UTC" if end else "within two hours"
    say(f'\nFor Airbyte: click "Set up manually", and paste from the file {deadline}:')
    for title, name in FORM_FIELDS.items():
        say(f"  {title:<14} {name}")
    say("Then delete the file: its refresh token works once, in Airbyte alone.")


def _lead_on_in_a_shell(path: Path) -> None:
    store = shlex.quote(str(path.parent / "tokens"))
    say("\nFor a shell:")
    say(f"  export TIKTOK_TOKEN_STORE={store}")
    say(f"  source-tiktok-organic check --config {shlex.quote(str(path))}")
