"""HTML of the consent page: no script, works by keyboard, supports light and dark mode."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from sandbox.facts import BASIC_SCOPE, ERROR_TYPES

SCOPE_TEXTS = {
    BASIC_SCOPE: ("Your profile", "Display name, avatar and an identifier for this app"),
    "user.info.profile": ("More of your profile", "User name, bio, profile link and verification"),
    "user.info.stats": ("Your statistics", "Numbers of followers, accounts you follow, likes and videos"),
    "video.list": ("Your public videos", "Captions, covers, links and counts of your public posts"),
}

_STYLE = """
:root { color-scheme: light dark; --ink: #161823; --soft: #5b5d66; --paper: #fff; --ground: #f1f1f2; --line: #d0d0d4;
  --accent: #d6123f; --on-accent: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #f5f5f6; --soft: #b4b5bb; --paper: #1d1e26; --ground: #101117;
  --line: #45464f; --accent: #ff6b85; --on-accent: #1a0409; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 27rem; padding: 2rem; background: var(--paper); border-radius: 1rem; }
h1 { margin: 0 0 .5rem; font-size: 1.4rem; line-height: 1.25; }
p, small { color: var(--soft); }
p { margin: 0 0 1.25rem; overflow-wrap: anywhere; }
small { display: block; }
fieldset { margin: 0 0 1.5rem; padding: 0; border: 0; }
legend, .title { font-weight: 600; }
label.scope { display: flex; gap: 1rem; align-items: center; justify-content: space-between; padding: .75rem 0;
  border-bottom: 1px solid var(--line); cursor: pointer; }
input[type=checkbox] { flex: none; width: 1.4rem; height: 1.4rem; accent-color: var(--accent); }
select, button { width: 100%; min-height: 2.75rem; font: inherit; color: inherit; border: 1px solid var(--soft);
  border-radius: .5rem; background: var(--paper); }
select { margin: .25rem 0 1.25rem; padding: 0 .5rem; }
button { margin-top: .5rem; font-weight: 600; cursor: pointer; }
button.main { color: var(--on-accent); background: var(--accent); border-color: var(--accent); }
:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px; }
code { font: .875rem/1.4 ui-monospace, monospace; color: var(--ink); }
"""


def consent_page(scopes: Sequence[str], accounts: Sequence[tuple[str, str]]) -> str:
    """The page on which a person chooses what an app may read.

    Args:
        scopes: the requested scopes; each gets a switch, on by default.
        accounts: pairs of open_id and display name; with more than one, the page shows a choice.
    """
    return _page(
        "Let the app read your account?",
        "<p>This is the sandbox: the account and everything in it are made up. "
        "Switch off what the app must not read.</p>"
        f'<form method="post">{_account_choice(accounts)}<fieldset><legend>The app asks for</legend>'
        f"{''.join(_switch(scope) for scope in scopes)}</fieldset>"
        '<button class="main" name="decision" value="authorize">Authorize</button>'
        '<button name="decision" value="cancel">Cancel</button>'
        '<button name="decision" value="other_account">Use an account that is not a target user</button></form>',
    )


def error_page(code: str, message: str, log_id: str) -> str:
    """The page that a person sees if the app's authorization request is invalid."""
    error_type = next((name for name in ERROR_TYPES if name in message), code)
    return _page(
        "We could not sign you in",
        f"<p>{escape(message)}</p><p><code>{escape(code)}</code></p><p><code>error_type={escape(error_type)}</code></p>"
        f"<small>Log id {escape(log_id)}</small>",
    )


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )


def _account_choice(accounts: Sequence[tuple[str, str]]) -> str:
    if len(accounts) == 1:
        open_id, name = accounts[0]
        return (
            f'<input type="hidden" name="account" value="{escape(open_id)}">'
            f'<p>Signed in as <span class="title">{escape(name)}</span></p>'
        )
    options = "".join(f'<option value="{escape(open_id)}">{escape(name)}</option>' for open_id, name in accounts)
    return f'<label for="account" class="title">Account</label><select id="account" name="account">{options}</select>'


def _switch(scope: str) -> str:
    title, detail = SCOPE_TEXTS[scope]
    # Browsers don't submit a disabled box, so a hidden field has the required scope.
    required = scope == BASIC_SCOPE
    hidden = f'<input type="hidden" name="scope" value="{scope}">' if required else ""
    state = "checked disabled" if required else "checked"
    note = " (required)" if required else ""
    return (
        f'{hidden}<label class="scope" for="{scope}"><span><span class="title">{title}{note}</span>'
        f"<small>{detail}</small><small><code>{scope}</code></small></span>"
        f'<input type="checkbox" role="switch" id="{scope}" name="scope" value="{scope}" {state}></label>'
    )
