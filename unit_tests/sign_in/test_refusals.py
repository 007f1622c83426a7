"""`tiktok-organic-sign-in`: one sentence for everything that can go wrong, and no secret in any of them."""

import io
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import requests

from source_tiktok_organic.sign_in import command as sign_in
from source_tiktok_organic.sign_in.login_kit import SCOPES
from unit_tests.sign_in.person import CODE, DEFAULT_OUTPUT, SECRET, TOKEN_URL, Person, failure


def test_empty_client_key_says_where_to_find_it(run: Any, terminal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKTOK_CLIENT_KEY")
    terminal("")
    text = "Client key is empty: copy it from your app's page on TikTok for Developers."
    assert failure(run()) == text


def test_missing_terminal_names_the_variables(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKTOK_CLIENT_SECRET")
    monkeypatch.setattr("sys.stdin", io.StringIO("typed"))
    text = (
        "There is no terminal to answer on (Client secret (not shown)): set TIKTOK_CLIENT_KEY and TIKTOK_CLIENT_SECRET."
    )
    assert failure(run()) == text


@pytest.mark.parametrize("answer", ["n", "", "x"])
def test_unconfirmed_replacement_keeps_the_config(answer: str, run: Any, terminal: Any, person: Person) -> None:
    DEFAULT_OUTPUT.parent.mkdir()
    DEFAULT_OUTPUT.write_text("{}")
    questions = terminal(answer)
    result = run()
    assert (result.exit_code, result.err) == (
        1,
        "secrets/config.json was left as it is: name another file with --output.\n",
    )
    assert questions == ["secrets/config.json exists. Replace the credentials in it? [y/N] "]
    assert (DEFAULT_OUTPUT.read_text(), person.link) == ("{}", "")


def test_config_is_kept_without_a_terminal(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    DEFAULT_OUTPUT.parent.mkdir()
    DEFAULT_OUTPUT.write_text("{}")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    result = run()
    assert result.exit_code == 1
    assert result.err.endswith("name another file with --output, or use --force.\n")
    assert DEFAULT_OUTPUT.read_text() == "{}"


@pytest.mark.parametrize(("output", "reason"), [("file/config.json", "Not a directory"), ("folder", "Is a directory")])
def test_unwritable_output_is_reported_first(output: str, reason: str, run: Any, person: Person) -> None:
    Path("folder").mkdir()
    Path("file").touch()
    text = f"{output} cannot be written ({reason}): name another file with --output."
    assert failure(run("--output", output)).replace("File exists", reason) == text
    assert person.link == ""


def test_full_disk_leaves_nothing_half_written(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, to: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    text = "secrets/config.json cannot be written (No space left on device): name another file with --output."
    assert failure(run()) == text
    assert list(DEFAULT_OUTPUT.parent.iterdir()) == []


OTHER_STATE = (
    "The response belongs to another sign-in (its state differs), so it was dropped: run the command again and use the "
    "page that it opens."
)
DENIED = "The consent was refused: run the command again and choose Authorize on TikTok's page."
ANSWERS: dict[str, tuple[dict[str, str], str | None, str]] = {
    "wrong state": ({"code": CODE}, "another", OTHER_STATE),
    "no state": ({"code": CODE}, "", OTHER_STATE),
    "state that is no ASCII": ({"code": CODE}, "ä", OTHER_STATE),
    "refused, wrong state": ({"error": "access_denied"}, "another", OTHER_STATE),
    "refused": (
        {"error": "access_denied", "error_description": "The user denied\x1b the request."},
        None,
        f"{DENIED} (TikTok says: access_denied; The user denied the request.)",
    ),
    "refused, no state": ({"error": "access_denied"}, "", f"{DENIED} (TikTok says: access_denied)"),
    "no code": (
        {"scopes": "video.list"},
        None,
        "TikTok's response has neither a code nor an error: run the command again.",
    ),
    "unknown": (
        {"error": "<b>new</b>"},
        None,
        "TikTok refused the sign-in: check your app, and try again. (TikTok says: <b>new</b>)",
    ),
}


@pytest.mark.parametrize(("answer", "state", "sentence"), ANSWERS.values(), ids=ANSWERS)
def test_failed_callback_is_explained_in_the_browser_too(
    answer: Any, state: str | None, sentence: str, run: Any, person: Person, tiktok: Any
) -> None:
    person.answer, person.state = answer, state
    assert failure(run()) == sentence
    ((status, page),) = person.pages
    assert (status, "<h1>The sign-in did not work</h1>" in page, "<b>" in page) == (400, True, False)
    assert tiktok.request_history == []


def test_app_without_a_scope_names_the_scopes_to_add(run: Any, person: Person) -> None:
    person.answer = {"error": "invalid_scope"}
    assert f"add the scopes {', '.join(SCOPES)} to it on TikTok for Developers" in failure(run())


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("invalid_client", "copy both from your app's page"),
        ("invalid_grant", "TikTok does not accept the code"),
        ("invalid_scope", "add the scopes"),
        ("unauthorized_client", "Login Kit is enabled for Desktop"),
        ("access_denied", "choose Authorize"),
        ("server_error", "try again later"),
        ("temporarily_unavailable", "try again later"),
        ("invalid_request", "TikTok refused the sign-in"),
    ],
)
def test_token_error_says_what_to_do(code: str, advice: str, status: int, run: Any, tiktok: Any) -> None:
    body = {"error": code, "error_description": f"About {SECRET} and {CODE}.", "log_id": "2026ABC"}
    tiktok.post(TOKEN_URL, json=body, status_code=status)
    text = failure(run())
    assert advice in text
    assert text.endswith(f" (TikTok says: {code}; About **** and ****.; 2026ABC)")


@pytest.mark.parametrize("body", [{}, [], 3, {"access_token": "act.x"}, {"refresh_token": "rft.x"}])
def test_both_tokens_are_required(body: Any, run: Any, tiktok: Any) -> None:
    tiktok.post(TOKEN_URL, json=body)
    assert failure(run()) == "TikTok refused the sign-in: check your app, and try again."


def test_html_from_the_token_endpoint_is_a_failure(run: Any, tiktok: Any) -> None:
    tiktok.post(TOKEN_URL, text="<html>", status_code=502)
    assert failure(run()) == "TikTok gave no valid response (HTTP 502): try again later."


@pytest.mark.parametrize("error", [requests.exceptions.ConnectTimeout, requests.exceptions.ConnectionError])
def test_unreachable_tiktok_points_to_the_network(error: Any, run: Any, tiktok: Any) -> None:
    tiktok.post(TOKEN_URL, exc=error(f"code={CODE}"))
    text = f"TikTok could not be reached ({error.__name__}): check the network, and run the command again."
    assert failure(run()) == text


def test_timeout_says_how_to_wait_longer(run: Any, person: Person) -> None:
    person.answer = None
    text = "No response came within 0.05 s: run the command again, or give yourself longer with --timeout."
    assert failure(run("--timeout", "0.05")) == text


def test_ctrl_c_ends_with_130(run: Any, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    person.answer = None
    monkeypatch.setattr(sign_in, "_first", interrupt)
    assert failure(run(), exit_code=130) == "Stopped. Run the command again to sign in."


def test_chosen_port_must_be_free(run: Any, person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        text = (
            f"Port {port} cannot be used (Address already in use): name another with --port, or leave --port out to "
            "have a free one chosen."
        )
        assert failure(run("--port", str(port))) == text
    assert run("--port", str(port)).exit_code == 0
    assert person.wish["redirect_uri"] == f"http://127.0.0.1:{port}/callback/"


@pytest.mark.parametrize("line", [b"nonsense\n", b"https://www.tiktok.com/?a=b\n", b"\xff?\n", CODE.encode() + b"\n"])
@pytest.mark.parametrize("argv", [("--no-browser",), ()])
def test_pasted_nonsense_says_what_to_paste(
    argv: Any, line: bytes, run: Any, paste: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    paste(line)
    text = failure(run(*argv))
    assert re.fullmatch(
        r"That is not the address TikTok leads to, which starts with http://127\.0\.0\.1:\d+/callback/\?code= : run "
        "the command again and paste the whole line from the browser.",
        text,
    )


def test_pasted_address_of_another_sign_in_is_dropped(run: Any, paste: Any) -> None:
    paste(f"http://127.0.0.1:1/callback/?code={CODE}&state=another\n".encode())
    assert failure(run("--no-browser")) == OTHER_STATE


def test_empty_stdin_does_not_end_the_wait(run: Any, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert "No response came within" in failure(run("--no-browser", "--timeout", "0.1"))


@pytest.mark.parametrize("url", ["http://open.tiktokapis.com", "ftp://localhost", "open.tiktokapis.com"])
def test_insecure_base_url_is_refused(url: str, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_API_BASE_URL", url)
    assert failure(run()).startswith("The environment variable TIKTOK_API_BASE_URL must be an https address")
