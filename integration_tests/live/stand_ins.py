"""Replaces an account's own values in a response with stand-ins of the same form; keeps only known harmless values.

Nobody must be able to find the account by comparing a recording with public pages. So each time moves by a different
amount, and lengths are rounded.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlsplit

from integration_tests.live import Json

# Fields with TikTok's own words or lifetimes, or with values that thousands of videos share.
HARMLESS = {
    "code",
    "token_type",
    "scope",
    "expires_in",
    "refresh_expires_in",
    "has_more",
    "height",
    "width",
}
WORDS = {"message", "error", "error_description"}  # TikTok's sentences, unless they quote the account's values
IDENTIFIERS = {"open_id", "union_id", "log_id"}
TIMES = {"create_time": 1, "cursor": 1_000}  # units per second
ROUNDED = {"duration": 10}  # rounded up to a multiple (s); 0 stays 0
PATH_WORDS = {"video", "photo", "obj", "player", "v1", "tag", "music", "embed"}
HTML = '<>="/ '
DAY_S = 86_400
NEWEST = 1_700_000_000  # the newest stand-in for a time, in epoch s
LAGS_S = range(3, 60)  # recorded lags between an id's time and create_time
TEXT_STEP = 20  # characters


class StandIns:
    """Replaces values. The times of a body keep only their order; equal ones stay equal.

    Args:
        private: texts that must not occur anywhere.
    """

    def __init__(self, private: Collection[str] = ()) -> None:
        self._private = private
        self._times: dict[int, int] = {}
        self._next = NEWEST - DAY_S * secrets.randbelow(600)
        self._numbers: dict[int, int] = {}

    def of(self, body: Json) -> Json:
        """The body with stand-ins; names, nesting and types stay."""
        for second in sorted(set(_seconds(body)) - set(self._times), reverse=True):
            self._next -= 3_600 + secrets.randbelow(30 * DAY_S)
            self._times[second] = self._next
        return self._object(body)

    def _object(self, body: Json) -> Json:
        return {name: self._value(name, value, body) for name, value in body.items()}

    def _value(self, name: str, value: Any, around: Json) -> Any:
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            return [self._value(name, item, around) for item in value]
        if value is None or isinstance(value, bool) or name in HARMLESS:
            return value
        if name == "id":
            return type(value)(self._id(value, around.get("create_time")))
        if name in TIMES and isinstance(value, int):
            return value and self._time(value, TIMES[name])
        if name in ROUNDED and isinstance(value, int):
            return _rounded(value, ROUNDED[name])
        return self._text(name, value) if isinstance(value, str) else type(value)(bool(value))

    def _time(self, value: int, unit: int) -> int:
        second, rest = divmod(value, unit)
        return self._times[second] * unit + (secrets.randbelow(unit) if rest else 0)

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
        if text.startswith("<"):
            return re.sub("x( x)+", "x x", re.sub("x+", "x", masked(text, HTML)))
        return "x" * _rounded(len(text), TEXT_STEP)

    def _id(self, value: Any, create_time: Any) -> int | str:
        if not str(value).isdecimal():
            return masked(str(value))
        number = int(value)
        if number not in self._numbers:
            self._numbers[number] = self._id_second(number, create_time) << 32 | len(self._numbers)
        return self._numbers[number]

    def _id_second(self, number: int, create_time: Any) -> int:
        """The upper 32 bits: the video's time, or one with a lag like the recorded ones."""
        if not isinstance(create_time, int):
            return NEWEST
        lag = create_time - (number >> 32)
        if lag in LAGS_S:
            lag = secrets.choice(LAGS_S)
        elif lag:
            lag = _rounded(lag, 60)
        return self._times[create_time] - lag


def _seconds(value: Any) -> Iterator[int]:
    """Each time in a body (s)."""
    if isinstance(value, list):
        for item in value:
            yield from _seconds(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in TIMES and isinstance(item, int) and not isinstance(item, bool):
                yield item // TIMES[name]
            else:
                yield from _seconds(item)


def _rounded(number: int, step: int) -> int:
    """Round up to the next multiple."""
    return -(-number // step) * step


def masked(text: str, kept: str = "", mask: str = "x") -> str:
    """A text of the same length with all characters masked except `kept`."""
    return "".join(character if character in kept else mask for character in text)


def link(address: str) -> str:
    """A link with the same TikTok host, the same known words in its path and the same names in its query."""
    url = urlsplit(address)
    host = url.netloc if url.netloc.rpartition(".")[0].rpartition(".")[2].startswith("tiktok") else "example.com"
    path = "/".join(part if part in PATH_WORDS else masked(part, "@") for part in url.path.split("/"))
    pairs = (pair.partition("=") for pair in url.query.split("&"))
    query = "&".join(f"{name}{equals}{masked(value)}" for name, equals, value in pairs)
    return f"{url.scheme}://{host}{path}" + (f"?{query}" if query else "")
