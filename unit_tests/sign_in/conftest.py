"""Fixtures: a person at a browser, and TikTok's responses."""

import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests_mock

from source_tiktok_organic.sign_in import command as sign_in
from unit_tests.sign_in.person import KEY, SECRET, TOKEN_URL, USER_URL, Person, Result
from unit_tests.tiktok import TOKEN_RESPONSE, ok_response


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Person:
    user = Person()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIKTOK_CLIENT_KEY", KEY)
    monkeypatch.setenv("TIKTOK_CLIENT_SECRET", SECRET)
    monkeypatch.setattr("webbrowser.open", user.open)
    return user


@pytest.fixture
def tiktok() -> Iterator[requests_mock.Mocker]:
    with requests_mock.Mocker() as mocker:
        mocker.post(TOKEN_URL, json=TOKEN_RESPONSE)
        mocker.get(USER_URL, **ok_response({"user": {"display_name": "Some Body", "username": "somebody"}}))
        yield mocker


@pytest.fixture
def run(person: Person, tiktok: Any, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    def run(*argv: str) -> Result:
        exit_code = sign_in.main(["--timeout", "20", *argv])
        assert person.is_idle.wait(10)
        return Result(exit_code, *capsys.readouterr())

    return run


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Answers prompts on a terminal; returns the questions, with prompts for secrets in brackets."""

    def use_terminal(*answers: str) -> list[str]:
        questions: list[str] = []
        given = iter(answers)

        def answer(question: str, form: str) -> str:
            questions.append(form.format(question))
            return next(given)

        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", lambda question: answer(question, "{}"))
        monkeypatch.setattr("getpass.getpass", lambda question: answer(question, "[{}]"))
        return questions

    monkeypatch.setattr("sys.stdin", io.StringIO())
    return use_terminal


@pytest.fixture
def paste(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], int]]:
    """Puts bytes on stdin, which stays open until the test has finished."""
    reader, writer = os.pipe()
    with open(reader) as stdin, open(writer, "wb", buffering=0) as pipe:
        monkeypatch.setattr("sys.stdin", stdin)
        yield pipe.write
        pipe.close()  # unblocks a thread that is still reading
        for thread in (thread for thread in threading.enumerate() if thread.name == "pasted"):
            thread.join(10)
