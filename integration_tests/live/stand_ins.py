"""Stand-ins of the same form for all that is the account's own in a response: what is not known to be harmless goes."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from integration_tests.live import Json

# Values that are TikTok's words or lifetimes, or the same for thousands of videos.
HARMLESS = {
    "code",
    "token_type",
    "scope",
    "expires_in",
    "refresh_expires_in",
    "has_more",
    "duration",
    "height",
    "width",
}
WORDS = {"message", "error", "error_description"}  # TikTok's sentences, unless they quote the account
IDENTIFIERS = {"open_id", "union_id", "log_id"}
TIMES = {"create_time": 1, "cursor": 1_000}  # in units a second
PATH_WORDS = {"video", "photo", "obj", "player", "v1", "tag", "music", "embed"}
HTML = '<>="/ '
DAY_S = 86_400


class StandIns:
    """Replaces values; times move by the same days, and an id keeps its distance to its time.

    Args:
        private: texts that may occur nowhere.
    """

    def __init__(self, private: Collection[str] = ()) -> None:
        self._private = private
        self._shift = DAY_S * (200 + secrets.randbelow(400))  # into the past
        self._numbers: dict[int, int] = {}

    def of(self, body: Json) -> Json:
        """The body with stand-ins; names, nesting and types stay."""
        return {name: self._value(name, value, body) for name, value in body.items()}

    def _value(self, name: str, value: Any, around: Json) -> Any:
        if isinstance(value, dict):
            return self.of(value)
        if isinstance(value, list):
            return [self._value(name, item, around) for item in value]
        if value is None or isinstance(value, bool) or name in HARMLESS:
            return value
        if name == "id":
            return type(value)(self._id(value, around.get("create_time")))
        if name in TIMES and isinstance(value, int):
            return value and value - self._shift * TIMES[name]
        return self._text(name, value) if isinstance(value, str) else type(value)(bool(value))

    def _text(self, name: str, text: str) -> str:
        if name in WORDS and not any(value in text for value in self._private):
            return text
        if name in IDENTIFIERS:
            return masked(text, "-_", "0")
        if text.startswith("https://"):
            return link(text)
        kind, dot, rest = text.partition(".")
        if kind in ("act", "rft"):
            return kind + dot + masked(rest, "!.")
        return masked(text, HTML if text.startswith("<") else "")

    def _id(self, value: Any, create_time: Any) -> int | str:
        if not str(value).isdecimal():
            return masked(str(value))
        number = int(value)
        if number not in self._numbers:
            lag = create_time - (number >> 32) if isinstance(create_time, int) else 0
            moved = create_time - self._shift - lag if isinstance(create_time, int) else 1_600_000_000
            self._numbers[number] = moved << 32 | len(self._numbers)
        return self._numbers[number]


def masked(text: str, kept: str = "", mask: str = "x") -> str:
    """A text of the same length, of which only some characters are kept."""
    return "".join(character if character in kept else mask for character in text)


def link(address: str) -> str:
    """A link to the same host, with the same words in its path and the same names in its query."""
    url = urlsplit(address)
    host = url.netloc if url.netloc.rpartition(".")[0].rpartition(".")[2].startswith("tiktok") else "example.com"
    path = "/".join(part if part in PATH_WORDS else masked(part, "@") for part in url.path.split("/"))
    pairs = (pair.partition("=") for pair in url.query.split("&"))
    query = "&".join(f"{name}{equals}{masked(value)}" for name, equals, value in pairs)
    return f"{url.scheme}://{host}{path}" + (f"?{query}" if query else "")
