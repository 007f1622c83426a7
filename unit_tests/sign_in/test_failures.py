"""`tiktok-organic-sign-in`: one message for each failure, and no secret in any of them."""

import html
import io
import os
import re
import socket
from typing import Any

import pytest
import requests

from source_tiktok_organic.sign_in import command as sign_in
from unit_tests.sign_in.person import CODE, DEFAULT_OUTPUT, SECRET, TOKEN_URL, Person, failure
from unit_tests.tiktok import TOKEN_RESPONSE


def test_empty_client_key_says_where_to_find_it(run: Any, terminal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKTOK_CLIENT_KEY")
    terminal("")
    text = "Client key is empty. Copy it from your app's page on TikTok for Developers."
    assert failure(run()) == text


def test_missing_terminal_names_the_variables(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKTOK_CLIENT_SECRET")
    monkeypatch.setattr("sys.stdin", io.StringIO("typed"))
    text = (
        "There is no terminal to answer on (Client secret (not shown)): set TIKTOK_CLIENT_KEY and TIKTOK_CLIENT_SECRET."
    )
    assert failure(run()) == text


def test_config_is_kept_without_a_terminal(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    DEFAULT_OUTPUT.parent.mkdir()
    DEFAULT_OUTPUT.write_text("{}")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    result = run()
    assert result.exit_code == 1
    assert result.err.endswith("name another file with --output, or use --force.\n")
    assert DEFAULT_OUTPUT.read_text() == "{}"


DENIED = "Access was denied. Run the command again and choose Authorize on TikTok's page."
NOT_A_TARGET_USER = (
    "This TikTok account isn't a target user of your app's sandbox. On TikTok for Developers, open Sandbox settings, "
    "add the account under Target users, wait up to an hour, and run the command again."
)
TOO_MANY_SCOPES = (
    "Your app doesn't have all scopes that were requested. Add them to the app on TikTok for Developers, or request "
    "only those it has, for example with --scopes user.info.basic,video.list."
)
UNKNOWN_KEY = (
    "TikTok doesn't know the client key. Copy it from your app's page on TikTok for Developers; sandbox and production "
    "have different ones."
)
OTHER = "TikTok refused the authorization. Check your app on TikTok for Developers, and try again."
ANSWERS: dict[str, tuple[dict[str, str], str]] = {
    "cancelled": (
        {"error": "access_denied", "error_description": "The user denied\x1b the request."},
        f"{DENIED} (TikTok says: error=access_denied; The user denied the request.)",
    ),
    "not a target user": (
        {"error": "access_denied", "error_type": "non_sandbox_target"},
        f"{NOT_A_TARGET_USER} (TikTok says: error=access_denied; error_type=non_sandbox_target)",
    ),
    "scope": (
        {"error": "invalid_scope", "error_type": "scope"},
        f"{TOO_MANY_SCOPES} (TikTok says: error=invalid_scope; error_type=scope)",
    ),
    "scope without its type": ({"error": "invalid_scope"}, f"{TOO_MANY_SCOPES} (TikTok says: error=invalid_scope)"),
    "client key": (
        {"error": "invalid_request", "error_type": "client_key"},
        f"{UNKNOWN_KEY} (TikTok says: error=invalid_request; error_type=client_key)",
    ),
    "unknown type": (
        {"error": "access_denied", "error_type": "moon_phase"},
        f"{DENIED} (TikTok says: error=access_denied; error_type=moon_phase)",
    ),
    "unknown error": ({"error": "<b>new</b>"}, f"{OTHER} (TikTok says: error=<b>new</b>)"),
    "no code": ({"scopes": "video.list"}, "TikTok's response has neither a code nor an error. Run the command again."),
}


@pytest.mark.parametrize(("answer", "sentence"), ANSWERS.values(), ids=ANSWERS)
def test_failed_callback_is_explained_in_the_browser_too(
    answer: Any, sentence: str, run: Any, person: Person, tiktok: Any
) -> None:
    person.answer = answer
    assert failure(run()) == sentence
    ((status, page),) = person.pages
    assert (status, "<h1>The authorization failed</h1>" in page, "<b>" in page) == (400, True, False)
    assert html.unescape(page).count(sentence.partition(" (")[0]) == 1
    assert tiktok.request_history == []


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("invalid_client", "Copy both from your app's page"),
        ("invalid_grant", "TikTok rejects the code"),
        ("invalid_scope", "request only those it has"),
        ("unauthorized_client", "check that Login Kit is enabled"),
        ("access_denied", "choose Authorize"),
        ("server_error", "Try again later"),
        ("temporarily_unavailable", "Try again later"),
        ("invalid_request", "TikTok refused the authorization"),
    ],
)
def test_token_error_says_what_to_do(code: str, advice: str, status: int, run: Any, tiktok: Any) -> None:
    body = {"error": code, "error_description": f"About {SECRET} and {CODE}.", "log_id": "2026ABC"}
    tiktok.post(TOKEN_URL, json=body, status_code=status)
    text = failure(run())
    assert advice in text
    assert text.endswith(f" (TikTok says: error={code}; log_id=2026ABC; About **** and ****.)")


NO_TOKENS: list[Any] = [{}, [], 3, {"access_token": "act.x"}, {"refresh_token": "rft.x"}]
NO_TOKENS += [{**TOKEN_RESPONSE, "access_token": 5}, {**TOKEN_RESPONSE, "refresh_token": ["rft.x"]}]


@pytest.mark.parametrize("body", NO_TOKENS)
def test_both_tokens_must_be_text(body: Any, run: Any, tiktok: Any) -> None:
    tiktok.post(TOKEN_URL, json=body)
    assert failure(run()) == OTHER


@pytest.mark.parametrize("text", ["<html>", "[" * 100_000, "1" * 5000], ids=["HTML", "deep", "long number"])
def test_unreadable_token_response_fails(text: str, run: Any, tiktok: Any) -> None:
    tiktok.post(TOKEN_URL, text=text, status_code=502)
    assert failure(run()) == "TikTok returned no valid response (HTTP 502). Try again later."


@pytest.mark.parametrize("error", [requests.exceptions.ConnectTimeout, requests.exceptions.ConnectionError])
def test_unreachable_tiktok_points_to_the_network(error: Any, run: Any, tiktok: Any) -> None:
    tiktok.post(TOKEN_URL, exc=error(f"code={CODE}"))
    text = f"TikTok can't be reached ({error.__name__}). Check the network, and run the command again."
    assert failure(run()) == text


def test_timeout_points_to_the_reason_on_tiktoks_page(run: Any, person: Person) -> None:
    person.answer = None
    text = (
        "No response within 0.05 s. TikTok may have shown the reason on its own page, as error_type=…: "
        "docs/command-line.md says what each means. Otherwise run the command again, with a longer --timeout if you "
        "need it."
    )
    assert failure(run("--timeout", "0.05")) == text


def test_ctrl_c_exits_with_130(run: Any, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    person.answer = None
    monkeypatch.setattr(sign_in, "_first", interrupt)
    assert failure(run(), exit_code=130) == "Stopped. Run the command again."


def test_chosen_port_must_be_free(run: Any, person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        text = (
            f"Port {port} can't be used (Address already in use). Name another with --port, or leave it out to use a "
            "free one."
        )
        assert failure(run("--port", str(port))) == text
    assert run("--port", str(port)).exit_code == 0
    assert person.consent_query["redirect_uri"] == f"http://127.0.0.1:{port}/callback/"


@pytest.mark.parametrize("line", [b"nonsense\n", b"https://www.tiktok.com/?a=b\n", b"\xff?\n", CODE.encode() + b"\n"])
@pytest.mark.parametrize("argv", [("--no-browser",), ()])
def test_invalid_pasted_line_says_what_to_paste(
    argv: Any, line: bytes, run: Any, paste: Any, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next line is then read."""
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    paste(line + line)
    result = run(*argv, "--timeout", "0.3")
    uri = r"http://127\.0\.0\.1:\d+/callback/"
    asked = rf"^That isn't the address\. It starts with {uri}\?code= ; paste the whole line:$"
    assert "No response within" in failure(result)
    assert len(re.findall(asked, result.out, re.MULTILINE)) == 2


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (f"code={CODE}&state=another", "That address belongs to another attempt."),
        (
            "error=access_denied&error_type=non_sandbox_target",
            f"{NOT_A_TARGET_USER} That address belongs to another attempt.",
        ),
    ],
)
def test_pasted_address_of_another_attempt_is_ignored(query: str, message: str, run: Any, paste: Any) -> None:
    paste(f"http://127.0.0.1:1/callback/?{query}\n".encode())
    result = run("--no-browser", "--timeout", "0.3")
    assert "No response within" in failure(result)
    assert f"\n{message} Open the link above, and paste where it leads:\n" in result.out


def test_last_line_of_stdin_needs_no_line_break(run: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stdin").write_text("nonsense")
    with open(tmp_path / "stdin") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        result = run("--no-browser", "--timeout", "0.3")
    assert ("No response within" in failure(result), result.out.count("That isn't the address.")) == (True, 1)


def test_pasted_error_fails_the_attempt(run: Any, person: Person, paste: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(link: str) -> bool:
        person.link = link
        person.answer = {"error": "access_denied"}
        paste(f"{person.redirect()}\n".encode())
        return False

    monkeypatch.setattr("webbrowser.open", fail)
    assert failure(run()) == f"{DENIED} (TikTok says: error=access_denied)"


def test_empty_stdin_does_not_stop_the_wait(run: Any, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert "No response within" in failure(run("--no-browser", "--timeout", "0.1"))


@pytest.mark.parametrize(
    "url", ["http://open.tiktokapis.com", "ftp://localhost", "open.tiktokapis.com", "https://", "https://["]
)
def test_insecure_base_url_is_rejected(url: str, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_API_BASE_URL", url)
    assert failure(run()) == (
        "The environment variable TIKTOK_API_BASE_URL must be an https address, or http on this machine. Correct "
        "or remove it."
    )


def test_base_url_with_a_password_is_rejected(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_API_BASE_URL", "https://ada:pass@proxy.example")
    assert failure(run()) == (
        "The environment variable TIKTOK_API_BASE_URL must not contain a user name or a password. Correct or remove it."
    )
