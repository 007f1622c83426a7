"""`tiktok-organic-sign-in`: what it requests from TikTok, prints and writes."""

import hashlib
import io
import re
import socket
import subprocess
import sys
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from source_tiktok_organic.sign_in import command as sign_in
from source_tiktok_organic.sign_in import facts
from unit_tests.sign_in.person import (
    CODE,
    CREDENTIALS,
    KEY,
    SECRET,
    TOKEN_URL,
    USER_URL,
    Person,
)
from unit_tests.tiktok import TOKEN_RESPONSE, error_response, ok_response


def test_consent_writes_a_config_ready_for_read(run: Any) -> None:
    result = run()
    assert (result.exit_code, result.err) == (0, "")
    assert result.config == {"credentials": CREDENTIALS}


def test_consent_link_has_every_desktop_parameter(run: Any, person: Person, tiktok: Any) -> None:
    run()
    form = dict(parse_qsl(tiktok.request_history[0].text))
    query = person.consent_query
    assert person.link.startswith("https://www.tiktok.com/v2/auth/authorize/?")
    assert query == {
        "client_key": KEY,
        "response_type": "code",
        "scope": "user.info.basic,user.info.profile,user.info.stats,video.list",
        "redirect_uri": query["redirect_uri"],
        "state": query["state"],
        "code_challenge": hashlib.sha256(form["code_verifier"].encode()).hexdigest(),
        "code_challenge_method": "S256",
        "disable_auto_auth": "1",
    }
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback/", query["redirect_uri"])
    assert re.fullmatch(r"[A-Za-z0-9\-._~]{43,128}", form["code_verifier"])
    assert len(query["state"]) >= 32


def test_code_is_decoded_once_and_encoded_once(run: Any, person: Person, tiktok: Any) -> None:
    run()
    request = tiktok.request_history[0]
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.timeout == (10, 30)
    assert "code=c0de%2A0%211234.va%252A&" in request.text
    form = dict(parse_qsl(request.text))
    assert {k: v for k, v in form.items() if k != "code_verifier"} == {
        "client_key": KEY,
        "client_secret": SECRET,
        "code": CODE,
        "grant_type": "authorization_code",
        "redirect_uri": person.consent_query["redirect_uri"],
    }


def test_state_and_challenge_are_new_each_time(run: Any, person: Person) -> None:
    run()
    first = person.consent_query
    run("--force")
    assert [n for n in ("state", "code_challenge") if person.consent_query[n] == first[n]] == []


SUCCESS = """
Authorized as Some Body @somebody.
Granted: user.info.basic, user.info.profile, user.info.stats, video.list
The authorization expires on 2027-05-01. Run this command again before that day.

my config.json holds the credentials. Keep it secret.

For Airbyte: click "Set up manually", and paste from the file before 2026-11-02 14:00 UTC:
  Client Key     client_key
  Client Secret  client_secret
  Refresh Token  refresh_token
  Access Token   access_token
Then delete the file: its refresh token works once, in Airbyte alone.

For a shell:
  export TIKTOK_TOKEN_STORE=tokens
  source-tiktok-organic check --config 'my config.json'
"""


def test_success_prints_next_steps_for_airbyte_and_shell(run: Any) -> None:
    assert run("--output", "my config.json").out.endswith(SUCCESS)


def test_shell_command_keeps_tokens_beside_the_config(run: Any) -> None:
    assert "\n  export TIKTOK_TOKEN_STORE=secrets/tokens\n" in run().out


def test_redirect_uri_is_shown_before_the_link(run: Any, person: Person) -> None:
    out = run().out
    uri = person.consent_query["redirect_uri"]
    assert 0 < out.index(f"  {uri}\n") < out.index("http://127.0.0.1:*/callback/") < out.index(person.link)
    assert out.count(person.link) == 1


def test_link_is_printed_once_without_a_browser(
    run: Any, person: Person, paste: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(link: str) -> bool:
        person.link = link
        paste(f"{person.redirect()}\n".encode())
        return False

    monkeypatch.setattr("webbrowser.open", fail)
    result = run()
    assert (result.exit_code, result.out.count(person.link), "paste it here:" in result.out) == (0, 1, True)


COSTS = {
    "user.info.basic": "user_info and videos can't be read",
    "user.info.profile": "bio_description, profile_deep_link, username, is_verified of user_info will be null",
    "user.info.stats": "follower_count, following_count, likes_count, video_count of user_info will be null",
    "video.list": "videos can't be read",
}


@pytest.mark.parametrize(
    ("granted", "fields", "name"),
    [
        (("user.info.basic", "video.list"), "display_name", "Some Body"),
        (("user.info.profile", "user.info.stats"), "username", "@somebody"),
        (("user.info.stats",), None, None),
    ],
)
def test_denied_scope_is_listed_with_its_lost_columns(
    granted: Any, fields: Any, name: Any, run: Any, tiktok: Any
) -> None:
    """None of its fields is requested either: TikTok would reject the whole request."""
    user = {n: v for n, v in (("display_name", "Some Body"), ("username", "somebody")) if fields == n}
    tiktok.post(TOKEN_URL, json={**TOKEN_RESPONSE, "scope": ",".join(granted)})
    tiktok.get(USER_URL, **ok_response({"user": user}))

    result = run()

    printed = re.findall(r"^Refused: (\S+); (.*)\.$", result.out, re.MULTILINE)
    assert printed == [(scope, cost) for scope, cost in COSTS.items() if scope not in granted]
    assert "\nTo grant what was refused, run this command again.\n" in result.out
    assert (f"Authorized as {name}." if name else "Authorized.") in result.out
    assert [r.qs["fields"] for r in tiktok.request_history[1:]] == ([[fields]] if fields else [])
    assert result.config == {"credentials": CREDENTIALS}


def test_app_with_two_scopes_requests_only_those(run: Any, person: Person, tiktok: Any) -> None:
    scopes = "user.info.basic,video.list"
    person.answer = {"code": CODE, "scopes": scopes}
    tiktok.post(TOKEN_URL, json={**TOKEN_RESPONSE, "scope": scopes})

    result = run("--scopes", "user.info.basic, video.list")

    assert (result.exit_code, person.consent_query["scope"]) == (0, scopes)
    printed = re.findall(r"^Not requested: (\S+); (.*)\.$", result.out, re.MULTILINE)
    assert printed == [(scope, COSTS[scope]) for scope in ("user.info.profile", "user.info.stats")]
    assert "To grant what was refused" not in result.out
    assert result.config == {"credentials": CREDENTIALS}


UNUSUAL_ACCOUNT_RESPONSES = {
    "error": error_response("internal_error", 500),
    "HTML": {"text": "<html>"},
    "list": {"json": []},
    "error that is text": {"json": {"error": "ok"}},
    "no user": ok_response({}),
    "user that is text": ok_response({"user": "Some Body"}),
    "names that are no text": ok_response({"user": {"display_name": 5, "username": ["somebody"]}}),
    "deep JSON": {"text": "[" * 100_000},
    "endless number": {"text": "1" * 5000},
    "no response": {"exc": requests.exceptions.ConnectTimeout},
    "Ctrl-C": {"exc": KeyboardInterrupt},
}


@pytest.mark.parametrize("answer", UNUSUAL_ACCOUNT_RESPONSES.values(), ids=UNUSUAL_ACCOUNT_RESPONSES)
def test_nothing_fails_after_tokens_are_stored(answer: Any, run: Any, tiktok: Any) -> None:
    tiktok.get(USER_URL, **answer)
    result = run()
    assert (result.exit_code, result.config) == (0, {"credentials": CREDENTIALS})
    assert "\nAuthorized.\n" in result.out


def test_token_invalid_in_a_header_is_stored(run: Any, tiktok: Any) -> None:
    tiktok.post(TOKEN_URL, json={**TOKEN_RESPONSE, "access_token": "act.\u2028\n"})
    result = run()
    assert (result.exit_code, result.config["credentials"]["access_token"]) == (0, "act.\u2028\n")


def test_name_is_escaped_for_an_ascii_terminal(person: Person, tiktok: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr("sys.stdout", terminal)
    tiktok.get(USER_URL, **ok_response({"user": {"display_name": "Søren\x1b[2J"}}))
    assert sign_in.main(["--timeout", "20"]) == 0
    assert b"Authorized as S\\xf8ren[2J." in terminal.buffer.getvalue()  # type: ignore[attr-defined]


def test_output_may_be_redirected(person: Person, tiktok: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    assert sign_in.main(["--timeout", "20"]) == 0
    assert "Authorized as Some Body @somebody." in out.getvalue()


def test_broken_stdout_does_not_fail_the_command(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        result = run()
        with suppress(OSError):
            full.close()
    assert (result.exit_code, result.config) == (0, {"credentials": CREDENTIALS})


def test_token_response_may_lack_lifetimes_and_scope(run: Any, person: Person, tiktok: Any) -> None:
    """The file has no expiry dates then, and the scopes shown are those of the callback."""
    person.answer = {"code": CODE, "scopes": "user.info.basic,video.list"}
    tiktok.post(TOKEN_URL, json={name: TOKEN_RESPONSE[name] for name in ("access_token", "refresh_token", "open_id")})
    expected = {name: value for name, value in CREDENTIALS.items() if not name.endswith("_date")}

    result = run()

    assert result.config == {"credentials": expected}
    assert "\nGranted: user.info.basic, video.list\n" in result.out
    assert "paste from the file within two hours:" in result.out
    assert "The authorization expires" not in result.out


@pytest.mark.parametrize("lifetime", ["soon", 10**13, 10**400, [7200], -1, {}, "", float("nan")])
def test_invalid_lifetimes_only_drop_their_dates(lifetime: Any, run: Any, tiktok: Any) -> None:
    tiktok.post(TOKEN_URL, json={**TOKEN_RESPONSE, "expires_in": lifetime, "refresh_expires_in": lifetime})
    expected = {name: value for name, value in CREDENTIALS.items() if not name.endswith("_date")}
    assert run().config == {"credentials": expected}


@pytest.mark.parametrize("between", [",", " ", ", "], ids=["comma", "space", "both"])
def test_scopes_may_be_separated_by_commas_or_spaces(between: str, run: Any, tiktok: Any) -> None:
    tiktok.post(TOKEN_URL, json={**TOKEN_RESPONSE, "scope": between.join(facts.scopes())})
    result = run()
    assert (result.exit_code, re.findall("^Refused", result.out, re.MULTILINE)) == (0, [])
    assert f"\nGranted: {', '.join(facts.scopes())}\n" in result.out


def test_missing_key_and_secret_are_prompted_for(run: Any, terminal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKTOK_CLIENT_KEY")
    monkeypatch.delenv("TIKTOK_CLIENT_SECRET")
    questions = terminal(f" {KEY} ", SECRET)
    assert run().config == {"credentials": CREDENTIALS}
    assert questions == ["Client key: ", "[Client secret (not shown): ]"]


INVALID_OPTIONS = {
    ("--port", "0"): "0 is not a number from 1 to 65535",
    ("--port", "x"): "x is not a number from 1 to 65535",
    ("--timeout", "0"): "0 is not a number of seconds",
    ("--timeout", "nan"): "nan is not a number of seconds",
    ("--scopes", "video.list,video.all"): "unknown scopes: video.all; known: user.info.basic, user.info.profile,",
    ("--scopes", "video.list"): "user.info.basic is missing, without which user_info and videos can't be read",
    ("--refresh",): "--refresh belongs to --check",
    ("x",): "unrecognized arguments: x",
}


@pytest.mark.parametrize(("argv", "reason"), INVALID_OPTIONS.items(), ids=map(" ".join, INVALID_OPTIONS))
def test_invalid_options_print_the_usage(argv: Any, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        sign_in.main(argv)
    printed = capsys.readouterr().err
    assert (end.value.code, "usage: tiktok-organic-sign-in" in printed, reason in printed) == (2, True, True)


def test_listener_binds_to_127_0_0_1_only(run: Any, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    connect_results = []

    def connect_from_elsewhere(link: str) -> bool:
        person.link = link
        with socket.socket() as other:
            connect_results.append(other.connect_ex(("127.0.0.2", urlsplit(person.consent_query["redirect_uri"]).port)))
        return person.open(link)

    monkeypatch.setattr("webbrowser.open", connect_from_elsewhere)
    assert run().exit_code == 0
    assert connect_results != [0]


def test_pasted_address_counts_as_the_callback(
    run: Any, person: Person, paste: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_and_paste(text: str) -> None:
        person.link = "".join(re.findall(r"https://\S+", text)) or person.link
        if "and paste it here" in text:
            paste(f"\n{' ' * 5000}{person.redirect()}#_ \n".encode())  # more than one read returns

    say = sign_in.say
    monkeypatch.setattr(sign_in, "say", lambda text, **stream: (say(text, **stream), read_and_paste(text)))
    result = run("--no-browser")
    assert (result.exit_code, result.config, person.pages) == (0, {"credentials": CREDENTIALS}, [])


def test_base_url_applies_to_page_and_api(
    run: Any, person: Person, tiktok: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOK_API_BASE_URL", "http://localhost:1/")
    tiktok.post("http://localhost:1/v2/oauth/token/", json=TOKEN_RESPONSE)
    tiktok.get("http://localhost:1/v2/user/info/", **ok_response({"user": {}}))
    result = run()
    assert result.err == (
        "TIKTOK_API_BASE_URL is set: requests and credentials go to http://localhost:1 instead of TikTok.\n"
    )
    assert person.link.startswith("http://localhost:1/v2/auth/authorize/?")
    assert {urlsplit(r.url).netloc for r in tiktok.request_history} == {"localhost:1"}


def test_help_names_options_variables_and_redirect_uri(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        sign_in.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0
    wanted = ["--output", "--force", "--scopes", "--port", "--no-browser", "--timeout", "--check", "--refresh"]
    wanted += ["TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET", *facts.scopes()]
    assert [w for w in [*wanted, "http://127.0.0.1:*/callback/", "secrets/config.json"] if w not in text] == []


def test_command_does_not_load_the_cdk() -> None:
    """Nor does the address check that the connector shares with it."""
    code = "import sys, source_tiktok_organic.sign_in.command as s; sys.exit('airbyte_cdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
