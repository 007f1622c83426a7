"""The config file that the command writes for the connector."""

import errno
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from source_tiktok_organic.sign_in.login_kit import SignInError


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file completely or not at all, readable only by its owner (0600); raises OSError.

    Args:
        path: the file itself: a link would be replaced, too.
        content: of the new file.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    draft = Path(name)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink()
        raise


class ConfigFile:
    """A config file, which may be a link to one or not exist yet.

    Args:
        path: as the person named it.

    Raises:
        SignInError: when there can be no file with this name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # RuntimeError: links in a circle, before Python 3.13.
            self._target = path.resolve()
            # It is replaced as a whole, which would make a file of /dev/null.
            if self._target.exists() and not self._target.is_file():
                number = errno.EISDIR if self._target.is_dir() else errno.EINVAL
                raise OSError(number, os.strerror(number))
        except (OSError, RuntimeError) as error:
            raise self._unwritable(error) from None

    @property
    def exists(self) -> bool:
        """Whether there is something to replace."""
        return self._target.exists()

    def settings(self) -> dict[str, Any]:
        """The config in it, such as a start date; empty if there is none."""
        try:
            config = json.loads(self._target.read_bytes())
            json.dumps(config, indent=2)  # less deeply nested than what can be read
        except (OSError, ValueError, RecursionError):
            return {}
        return config if isinstance(config, dict) else {}

    def try_to_replace(self) -> None:
        """Replace the file with a copy of itself, to use no code for tokens that can't be stored.

        Permissions don't tell: a file that is a mount can be written but not replaced.

        Raises:
            SignInError: when this fails.
        """
        try:
            self._target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._target.exists():
                replace_file(self._target, self._target.read_bytes())
            else:
                replace_file(self._target, b"")
                self._target.unlink()
        except OSError as error:
            raise self._unwritable(error) from None

    def write(self, config: Mapping[str, Any]) -> None:
        """Write the file completely or not at all, readable only by its owner from the start.

        Raises:
            SignInError: when this fails.
        """
        try:
            replace_file(self._target, json.dumps(config, indent=2).encode() + b"\n")
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: Exception) -> SignInError:
        reason = getattr(error, "strerror", None) or "the link leads to itself"
        return SignInError(f"{self.path} can't be written ({reason}). Name another file with --output.")
