"""`tiktok-organic-sign-in`: how it writes its file, and that it checks beforehand that it can."""

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unit_tests.sign_in.person import CREDENTIALS, DEFAULT_OUTPUT, Person, failure


def test_config_is_readable_by_its_owner_only(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the umask, and even before the file has its final name."""
    modes = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, to: (modes.append(path.stat().st_mode), replace(path, to))[1])
    before = os.umask(0)
    try:
        run()
    finally:
        os.umask(before)
    assert [stat.S_IMODE(mode) for mode in modes] == [0o600, 0o600]
    assert stat.S_IMODE(DEFAULT_OUTPUT.stat().st_mode) == 0o600
    assert stat.S_IMODE(DEFAULT_OUTPUT.parent.stat().st_mode) == 0o700
    assert list(DEFAULT_OUTPUT.parent.iterdir()) == [DEFAULT_OUTPUT]


@pytest.mark.parametrize(("argv", "answers"), [((), ("y",)), (("--force",), ())])
def test_replacement_changes_the_credentials_only(argv: Any, answers: Any, run: Any, terminal: Any) -> None:
    """All of them: earlier versions of the command also wrote `scope`."""
    before = {"credentials": {"auth_type": "access_token", "scope": "video.list"}, "start_date": "2024-01-01"}
    DEFAULT_OUTPUT.parent.mkdir()
    DEFAULT_OUTPUT.write_text(json.dumps(before))
    DEFAULT_OUTPUT.chmod(0o644)
    terminal(*answers)
    assert run(*argv).config == {"credentials": CREDENTIALS, "start_date": "2024-01-01"}
    assert stat.S_IMODE(DEFAULT_OUTPUT.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b"\xff", b"[" * 100_000])
def test_force_replaces_a_broken_config(content: bytes, run: Any) -> None:
    DEFAULT_OUTPUT.parent.mkdir()
    DEFAULT_OUTPUT.write_bytes(content)
    assert run("--force").config == {"credentials": CREDENTIALS}


@pytest.mark.parametrize("depth", [100, 500, 900])
def test_deeply_nested_settings_lose_no_tokens(depth: int, run: Any) -> None:
    """Python can read JSON that is nested too deeply for it to write."""
    DEFAULT_OUTPUT.parent.mkdir()
    DEFAULT_OUTPUT.write_text('{"a":' * depth + "1" + "}" * depth)
    assert run("--force").config["credentials"] == CREDENTIALS


def test_dangling_link_is_written_through(run: Any) -> None:
    DEFAULT_OUTPUT.parent.mkdir()
    DEFAULT_OUTPUT.symlink_to("../elsewhere/mine.json")
    assert run().exit_code == 0
    assert DEFAULT_OUTPUT.is_symlink()
    assert json.loads(Path("elsewhere/mine.json").read_text()) == {"credentials": CREDENTIALS}


def test_settings_changed_during_the_consent_are_kept(
    run: Any, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    DEFAULT_OUTPUT.parent.mkdir()
    DEFAULT_OUTPUT.write_text("{}")

    def edit(link: str) -> bool:
        DEFAULT_OUTPUT.write_text('{"start_date": "2024-01-01"}')
        return person.open(link)

    monkeypatch.setattr("webbrowser.open", edit)
    assert run("--force").config == {"credentials": CREDENTIALS, "start_date": "2024-01-01"}


def link_to_itself() -> str:
    Path("circle").symlink_to("circle")
    return "circle"


def link_into_a_read_only_folder() -> str:
    Path("link").symlink_to("/proc/config.json")  # where nobody, not even root, can create a file
    return "link"


def below_a_file() -> str:
    Path("file").touch()
    return "file/config.json"


def folder() -> str:
    Path("folder").mkdir()
    return "folder"


def device() -> str:
    return "/dev/null"


UNWRITABLE: dict[Callable[[], str], str] = {
    below_a_file: "Not a directory",
    folder: "Is a directory",
    device: "Invalid argument",
    link_to_itself: "the link leads to itself",
    link_into_a_read_only_folder: "No such file or directory",
}


@pytest.mark.parametrize("make", UNWRITABLE, ids=lambda make: make.__name__)
def test_unwritable_output_fails_before_the_consent(make: Any, run: Any, person: Person) -> None:
    output = make()
    text = f"{output} can't be written ({UNWRITABLE[make]}). Name another file with --output."
    message = failure(run("--output", output)).replace("File exists", "Not a directory")
    assert message.replace("Too many levels of symbolic links", "the link leads to itself") == text
    assert person.link == ""


def test_unreplaceable_file_fails_before_the_consent(run: Any, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a file that is a mount point, as containers have for a single secret."""

    def busy(path: Path, to: Path) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    DEFAULT_OUTPUT.parent.mkdir()
    DEFAULT_OUTPUT.write_text('{"start_date": "2024-01-01"}')
    monkeypatch.setattr(Path, "replace", busy)
    result = run("--force")
    text = "secrets/config.json can't be written (Device or resource busy). Name another file with --output.\n"
    assert (result.exit_code, result.err, person.link) == (1, text, "")
    assert result.config == {"start_date": "2024-01-01"}
    assert list(DEFAULT_OUTPUT.parent.iterdir()) == [DEFAULT_OUTPUT]


def test_disk_that_fills_up_leaves_no_partial_file(run: Any, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def fill_up(path: Path, to: Path) -> Path:
        if person.link:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace(path, to)

    monkeypatch.setattr(Path, "replace", fill_up)
    text = "secrets/config.json can't be written (No space left on device). Name another file with --output."
    assert failure(run()) == text
    assert list(DEFAULT_OUTPUT.parent.iterdir()) == []


@pytest.mark.parametrize("answer", ["n", "", "x"])
def test_unconfirmed_replacement_keeps_the_config(answer: str, run: Any, terminal: Any, person: Person) -> None:
    DEFAULT_OUTPUT.parent.mkdir()
    DEFAULT_OUTPUT.write_text("{}")
    DEFAULT_OUTPUT.chmod(0o644)
    questions = terminal(answer)
    result = run()
    text = "secrets/config.json was left as it is. Name another file with --output.\n"
    assert (result.exit_code, result.err) == (1, text)
    assert questions == ["secrets/config.json exists. Replace the credentials in it? [y/N] "]
    assert (DEFAULT_OUTPUT.read_text(), person.link) == ("{}", "")
    assert stat.S_IMODE(DEFAULT_OUTPUT.stat().st_mode) == 0o644
