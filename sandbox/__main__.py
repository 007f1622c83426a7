"""Command line: `python -m sandbox`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_args, get_origin, get_type_hints

from sandbox.sandbox import Sandbox
from sandbox.settings import Settings

_DESCRIPTION = """A local TikTok for browsers, connectors and tests.
The first line on stdout is JSON with base_url and config, a valid config for the connector.
Ctrl-C or SIGTERM stops it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        sandbox = Sandbox(**options)
    except ValueError as error:
        parser.error(str(error))
    sandbox.start()
    sys.stdout.write(json.dumps({"base_url": sandbox.base_url, "config": sandbox.config()}) + "\n")
    sys.stdout.flush()
    stop.wait()
    sandbox.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    hints = get_type_hints(Settings, include_extras=True)
    for field in fields(Settings):
        kind, help_text = get_args(hints[field.name])
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(flag, default=field.default, **_argument_options(kind, help_text, field.default))
    return parser


def _argument_options(kind: Any, help_text: str, default: Any) -> dict[str, Any]:
    """Arguments of `add_argument` for a field of type `kind`."""
    help_text = help_text.replace("%", "%%")
    if kind is bool:
        return {
            "action": argparse.BooleanOptionalAction,
            "help": f"{help_text} (default: {'on' if default else 'off'})",
        }
    if get_origin(kind) is tuple:
        text = ",".join(default) or "none"
        return {"type": _comma_separated, "metavar": "A,B", "help": f"{help_text} (default: {text})"}
    # `int | None`: the flag takes a number.
    number = next((part for part in get_args(kind) if part is not type(None)), kind)
    shown = "" if default is None else f" (default: {default})"
    return {"type": number, "metavar": number.__name__.upper(), "help": help_text + shown}


def _comma_separated(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


if __name__ == "__main__":
    main()
