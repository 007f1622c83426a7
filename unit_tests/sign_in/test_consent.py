"""`tiktok-organic-sign-in`: what it requests from TikTok, what it shows and what it writes."""

import hashlib
import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from source_tiktok_organic.config import load_manifest
from source_tiktok_organic.sign_in import command as sign_in
from source_tiktok_organic.sign_in.login_kit import SCOPES
from unit_tests.sign_in.person import (
    CODE,
    CREDENTIALS,
    DEFAULT_OUTPUT,
    KEY,
    SECRET,
    TOKEN_URL,
    USER_URL,
    Person,
)
from unit_tests.tiktok import TOKEN_RESPONSE, good, refused


def test_consent_writes_a_config_ready_for_read(run: Any) -> None:
    result = run()
    assert (result.exit_code, result.err) == (0, "")
    assert result.config == {"credentials": CREDENTIALS}


def test_consent_link_has_every_desktop_parameter(run: Any, person: Person, tiktok: Any) -> None:
    run()
    form = dict(parse_qsl(tiktok.request_history[0].text))
    wish = person.wish
    assert person.link.startswith("https://www.tiktok.com/v2/auth/authorize/?")
    assert wish == {
        "client_key": KEY,
        "response_type": "code",
        "scope": "user.info.basic,user.info.profile,user.info.stats,video.list",
        "redirect_uri": wish["redirect_uri"],
        "state": wish["state"],
        "code_challenge": hashlib.sha256(form["code_verifier"].encode()).hexdigest(),
        "code_challenge_method": "S256",
        "disable_auto_auth": "1",
    }
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback/", wish["redirect_uri"])
    assert re.fullmatch(r"[A-Za-z0-9\-._~]{43,128}", form["code_verifier"])
    assert len(wish["state"]) >= 32


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
        "redirect_uri": person.wish["redirect_uri"],
    }


def test_state_and_challenge_are_new_each_time(run: Any, person: Person) -> None:
    run()
    first = person.wish
    run("--force")
    assert [n for n in ("state", "code_challenge") if person.wish[n] == first[n]] == []


def test_success_shows_account_scopes_and_next_command(run: Any) -> None:
    out = run("--output", "my config.json").out
    assert "Signed in as Some Body @somebody." in out
    assert "Granted: user.info.basic, user.info.profile, user.info.stats, video.list" in out
    assert "Refused" not in out
    assert out.endswith("source-tiktok-organic check --config 'my config.json'\n")


def test_redirect_uri_is_shown_before_the_link(run: Any, person: Person) -> None:
    out = run().out
    uri = person.wish["redirect_uri"]
    assert 0 < out.index(f"  {uri}\n") < out.index("http://127.0.0.1:*/callback/") < out.index(person.link)


@pytest.mark.parametrize(
    ("granted", "fields", "name"),
    [
        (("user.info.basic", "video.list"), "display_name", "Some Body"),
        (("user.info.profile", "user.info.stats"), "username", "@somebody"),
        (("user.info.stats",), None, None),
    ],
)
def test_refused_scope_is_named_with_its_cost(granted: Any, fields: Any, name: Any, run: Any, tiktok: Any) -> None:
    """None of its fields is requested either: TikTok would refuse the whole request."""
    user = {n: v for n, v in (("display_name", "Some Body"), ("username", "somebody")) if fields == n}
    tiktok.post(TOKEN_URL, json={**TOKEN_RESPONSE, "scope": ",".join(granted)})
    tiktok.get(USER_URL, **good({"user": user}))

    result = run()

    told = re.findall(r"^Refused: (\S+), so (.*)$", result.out, re.MULTILINE)
    assert told == [(scope, cost) for scope, cost in SCOPES.items() if scope not in granted]
    assert (f"Signed in as {name}." if name else "Signed in.") in result.out
    assert [r.qs["fields"] for r in tiktok.request_history[1:]] == ([[fields]] if fields else [])
    assert result.config["credentials"]["scope"] == ",".join(granted)


def test_costs_of_scopes_match_the_manifest() -> None:
    streams = load_manifest()["definitions"]["streams"]
    fields = streams["user_info"]["retriever"]["requester"]["fields_by_scope"]
    named = {scope: re.findall(r"[a-z]+_[a-z]+(?:_[a-z]+)*|username", cost) for scope, cost in SCOPES.items()}
    assert named["user.info.profile"] == ["user_info", *fields["user.info.profile"]]
    assert named["user.info.stats"] == ["user_info", *fields["user.info.stats"]]
    assert list(SCOPES) == [*fields, *streams["videos"]["retriever"]["requester"]["fields_by_scope"]]


@pytest.mark.parametrize("answer", [refused("internal_error", 500), {"text": "<html>"}, {"json": []}])
def test_sign_in_works_without_user_info(answer: Any, run: Any, tiktok: Any) -> None:
    tiktok.get(USER_URL, **answer)
    result = run()
    assert (result.exit_code, result.config) == (0, {"credentials": CREDENTIALS})
    assert "\nSigned in.\n" in result.out


def test_token_response_may_lack_lifetimes_and_scope(run: Any, tiktok: Any) -> None:
    """No dates are stored, and the scopes are those of the callback."""
    kept = {name: TOKEN_RESPONSE[name] for name in ("access_token", "refresh_token", "open_id")}
    tiktok.post(TOKEN_URL, json=kept)
    expected = {name: value for name, value in CREDENTIALS.items() if not name.endswith("_date")}
    assert run().config == {"credentials": expected}


@pytest.mark.parametrize("lifetime", ["soon", 10**13, [7200], -1, {}, ""])
def test_odd_lifetime_costs_the_date_alone(lifetime: Any, run: Any, tiktok: Any) -> None:
    tiktok.post(TOKEN_URL, json={**TOKEN_RESPONSE, "expires_in": lifetime})
    expected = {name: value for name, value in CREDENTIALS.items() if not name.endswith("_date")}
    assert run().config == {"credentials": expected}


@pytest.mark.parametrize("between", [",", " ", ", "], ids=["comma", "space", "both"])
def test_scopes_may_have_commas_or_spaces_between_them(between: str, run: Any, tiktok: Any) -> None:
    tiktok.post(TOKEN_URL, json={**TOKEN_RESPONSE, "scope": between.join(SCOPES)})
    result = run()
    assert (result.exit_code, re.findall("^Refused", result.out, re.MULTILINE)) == (0, [])
    assert result.config["credentials"]["scope"] == between.join(SCOPES)


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
    assert [stat.S_IMODE(mode) for mode in modes] == [0o600]
    assert stat.S_IMODE(DEFAULT_OUTPUT.stat().st_mode) == 0o600
    assert stat.S_IMODE(DEFAULT_OUTPUT.parent.stat().st_mode) == 0o700
    assert list(DEFAULT_OUTPUT.parent.iterdir()) == [DEFAULT_OUTPUT]


def test_missing_key_and_secret_are_asked_for(run: Any, terminal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKTOK_CLIENT_KEY")
    monkeypatch.delenv("TIKTOK_CLIENT_SECRET")
    questions = terminal(f" {KEY} ", SECRET)
    assert run().config == {"credentials": CREDENTIALS}
    assert questions == ["Client key: ", "[Client secret (not shown): ]"]


@pytest.mark.parametrize(("argv", "answers"), [((), ("y",)), (("--force",), ())])
def test_replacement_changes_the_credentials_only(argv: Any, answers: Any, run: Any, terminal: Any) -> None:
    DEFAULT_OUTPUT.parent.mkdir()
    DEFAULT_OUTPUT.write_text('{"credentials": {"auth_type": "access_token"}, "start_date": "2024-01-01"}')
    DEFAULT_OUTPUT.chmod(0o644)
    terminal(*answers)
    assert run(*argv).config == {"credentials": CREDENTIALS, "start_date": "2024-01-01"}
    assert stat.S_IMODE(DEFAULT_OUTPUT.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b"\xff"])
def test_force_replaces_a_broken_config(content: bytes, run: Any) -> None:
    DEFAULT_OUTPUT.parent.mkdir()
    DEFAULT_OUTPUT.write_bytes(content)
    assert run("--force").config == {"credentials": CREDENTIALS}


@pytest.mark.parametrize("argv", [("--port", "0"), ("--port", "x"), ("--timeout", "0"), ("--timeout", "nan"), ("x",)])
def test_wrong_options_show_the_usage(argv: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        sign_in.main(argv)
    assert end.value.code == 2
    assert "usage: tiktok-organic-sign-in" in capsys.readouterr().err


def test_other_requests_do_not_end_the_wait(run: Any, person: Person) -> None:
    person.before = ["/favicon.ico", "/", "/callback", "/callback/x", f"/other/?code={CODE}"]
    result = run()
    assert [status for status, _ in person.pages] == [404, 404, 404, 404, 404, 200]
    assert (result.exit_code, "Go back to the terminal" in person.pages[-1][1]) == (0, True)


def test_only_127_0_0_1_is_listened_on(run: Any, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = []

    def look_around(link: str) -> bool:
        person.link = link
        with socket.socket() as other:
            refusals.append(other.connect_ex(("127.0.0.2", urlsplit(person.wish["redirect_uri"]).port)))
        return person.open(link)

    monkeypatch.setattr("webbrowser.open", look_around)
    assert run().exit_code == 0
    assert refusals != [0]


def test_pasted_address_counts_as_the_callback(
    run: Any, person: Person, paste: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_and_paste(text: str) -> None:
        if "and paste it here" in text:
            person.link = re.findall(r"https://\S+", text)[0]
            paste(f"\n{' ' * 5000}{person.redirect()}#_ \n".encode())  # more than one read returns

    say = sign_in._say
    monkeypatch.setattr(sign_in, "_say", lambda text, *stream: (say(text, *stream), read_and_paste(text)))
    result = run("--no-browser")
    assert (result.exit_code, result.config, person.pages) == (0, {"credentials": CREDENTIALS}, [])


def test_base_url_applies_to_page_and_api(
    run: Any, person: Person, tiktok: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOK_API_BASE_URL", "http://localhost:1/")
    tiktok.post("http://localhost:1/v2/oauth/token/", json=TOKEN_RESPONSE)
    tiktok.get("http://localhost:1/v2/user/info/", **good({"user": {}}))
    result = run()
    assert result.err == "TIKTOK_API_BASE_URL is set: you sign in at http://localhost:1/ instead of TikTok.\n"
    assert person.link.startswith("http://localhost:1/v2/auth/authorize/?")
    assert {urlsplit(r.url).netloc for r in tiktok.request_history} == {"localhost:1"}


def test_help_names_options_variables_and_redirect_uri(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        sign_in.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0
    wanted = ["--output", "--force", "--port", "--no-browser", "--timeout", "TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET"]
    assert [w for w in [*wanted, "http://127.0.0.1:*/callback/", "secrets/config.json"] if w not in text] == []


def test_command_does_not_load_the_cdk() -> None:
    code = "import sys, source_tiktok_organic.sign_in.command as s; sys.exit('airbyte_cdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
