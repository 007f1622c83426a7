"""What the package must not contain, and what must never be emitted."""

import ast
import json
import logging
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from source_tiktok_organic.config import load_manifest
from source_tiktok_organic.sign_in import facts
from unit_tests.command_result import catalog
from unit_tests.connector import Connector
from unit_tests.tiktok import OAUTH_CONFIG, TOKEN_RESPONSE, TikTok, error_response, page, video

PACKAGE = Path(__file__).parents[1] / "source_tiktok_organic"
CODE = sorted([*PACKAGE.rglob("*.py"), PACKAGE.parent / "main.py"])
# Modules and functions that run other programs or turn data into code.
DANGEROUS_MODULES = {"subprocess", "pickle", "marshal", "shelve", "dill", "pty", "code", "codeop", "importlib", "yaml"}
BUILT_IN_CALLS = {"eval", "exec", "compile", "__import__"}
DANGEROUS_CALLS = {"system", "popen", "fork", "load", "loads", "unsafe_load", "full_load"}
DANGEROUS_CALLS |= {
    f"{kind}{how}" for kind in ("exec", "spawn") for how in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")
}
JSON = ("authenticators.py", "config.py", "config_file.py", "responses.py", "token_store.py")  # json.loads is allowed
# The sign-in command reads the package's own manifest, without the CDK and its loader.
YAML = "facts.py"
SECRETS = ("client-secret-7f3a", "rft.first-7f3a", "rft.second-7f3a", "act.stored-7f3a", "act.fresh-7f3a")
CONFIG = {
    "credentials": {
        **OAUTH_CONFIG["credentials"],
        "client_secret": SECRETS[0],
        "refresh_token": SECRETS[1],
        "access_token": SECRETS[3],
        "token_expiry_date": "2026-11-02T11:00:00Z",
    }
}
REFRESHED = {**TOKEN_RESPONSE, "refresh_token": SECRETS[2], "access_token": SECRETS[4]}
TLS_VARIABLES = {
    "PYTHONHTTPSVERIFY": "0",
    "REQUESTS_CA_BUNDLE": "",
    "CURL_CA_BUNDLE": "",
    "SSL_CERT_FILE": "",
    "SSL_NO_VERIFY": "1",
    "NODE_TLS_REJECT_UNAUTHORIZED": "0",
}


def nodes(file: Path) -> Iterator[ast.AST]:
    """Every node of a file's syntax tree."""
    return ast.walk(ast.parse(file.read_text(), str(file)))


def imported(file: Path) -> set[str]:
    """The top-level names of the modules that a file imports."""
    names: set[str] = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def dangerous_calls(file: Path) -> set[str]:
    """The dangerous functions that a file calls; the CDK's `InterpolatedString.eval` is not the built-in `eval`."""
    functions = [node.func for node in nodes(file) if isinstance(node, ast.Call)]
    names = {f.id for f in functions if isinstance(f, ast.Name)} & (BUILT_IN_CALLS | DANGEROUS_CALLS)
    return names | {f.attr for f in functions if isinstance(f, ast.Attribute)} & DANGEROUS_CALLS


def keywords(file: Path) -> set[str]:
    """The names of all keyword arguments and attributes in a file."""
    found = {node.arg for node in nodes(file) if isinstance(node, ast.keyword) and node.arg}
    return found | {node.attr for node in nodes(file) if isinstance(node, ast.Attribute)}


def test_shipped_files_are_searched() -> None:
    assert {"components.py", "authenticators.py", "source.py", "run.py", "command.py", "main.py"} <= {
        f.name for f in CODE
    }


@pytest.mark.parametrize("file", CODE, ids=lambda file: file.name)
def test_code_has_no_shell_eval_or_unsafe_load(file: Path) -> None:
    assert imported(file) & DANGEROUS_MODULES == ({"yaml"} if file.name == YAML else set())
    # `load` is also a method of the CDK's serializers, which parse JSON into messages.
    allowed = {"load"} if file.name in ("cli_files.py", YAML) else set()
    assert dangerous_calls(file) - allowed - ({"loads"} if file.name in JSON else set()) == set()


def test_yaml_is_loaded_without_python_objects() -> None:
    loader: Any = facts._LOADER
    with pytest.raises(yaml.constructor.ConstructorError):
        yaml.load("!!python/object/apply:os.getcwd []", Loader=loader)


def test_search_finds_a_shell(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import os, yaml.loader\nfrom pickle import loads\nos.system('ls')\neval('1')\nget(verify=False)\n")
    assert imported(bad) & DANGEROUS_MODULES == {"yaml", "pickle"}
    assert dangerous_calls(bad) == {"system", "eval"}
    assert "verify" in keywords(bad)


@pytest.mark.parametrize("file", CODE, ids=lambda file: file.name)
def test_code_never_disables_certificate_checks(file: Path) -> None:
    assert (
        keywords(file) & {"verify", "check_hostname", "verify_mode", "_create_unverified_context", "disable_warnings"}
        == set()
    )


def test_manifest_never_disables_certificate_checks() -> None:
    text = (PACKAGE / "manifest.yaml").read_text().lower()
    keys = re.findall(r"^ *(?:- )?([^\s:#]+):(?: |$)", text, re.MULTILINE)
    assert "sslerror" in keys
    assert [k for k in keys if re.search("verify|insecure|ssl", k)] == ["sslerror"]


def test_certificates_are_verified_in_any_environment(
    tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE may name another bundle, which still verifies; nothing may switch verification off."""
    for name, value in TLS_VARIABLES.items():
        monkeypatch.setenv(name, value)
    config = {**CONFIG, "verify": False, "verify_ssl": False, "credentials": {**CONFIG["credentials"], "verify": False}}
    tiktok.with_an_account()

    outcome = connector.read(config)

    assert outcome.errors == []
    made = tiktok.requests("token") + tiktok.requests("user") + tiktok.requests("videos")
    assert {request.verify for request in made} == {True}
    assert len(made) == 4
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


def test_redirect_does_not_get_the_client_secret(tiktok: TikTok, connector: Connector) -> None:
    """On status 307, `requests` would post the form, client secret and all, to the new address."""
    elsewhere = {"status_code": 307, "headers": {"Location": "https://elsewhere.example.com/take"}, "text": ""}
    tiktok.with_an_account().responds("token", elsewhere)
    outcome = connector.read(CONFIG, "user_info")
    message = load_manifest()["definitions"]["authenticator"]["token_errors"]["no_valid_response"]["message"]
    assert outcome.errors[:-1] == [("transient_error", message)]
    assert len(tiktok.requests("token")) == 4


@pytest.mark.thorough
@pytest.mark.parametrize("level", ["--debug", "LOG_LEVEL"])
@pytest.mark.parametrize("case", ["success", "failed_refresh", "echoed", "rejected", "unauthorized", "gateway"])
@pytest.mark.parametrize("command", ["check", "read"])
def test_secret_never_reaches_the_log(
    command: str, case: str, level: str, tiktok: TikTok, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At debug level the CDK logs request headers, bodies and responses."""
    echo = {"error": "invalid_grant", "error_description": f"{SECRETS[0]} and {SECRETS[1]}", "log_id": "1"}
    responses: dict[str, Any] = {
        "success": {},
        "failed_refresh": {"token": error_response("access_token_invalid", 401)},
        "echoed": {"token": {"json": echo, "status_code": 400}},
        "rejected": {"user": error_response("invalid_params", 400)},
        "unauthorized": {"user": error_response("access_token_invalid", 401)},
        "gateway": {"user": {"text": f"<html>{SECRETS[4]}", "status_code": 502}},
    }
    tiktok.with_an_account(page([video(1_700_000_000)], False)).responds("token", {"json": REFRESHED})
    for endpoint, response in responses[case].items():
        tiktok.responds(endpoint, response)
    files = {"config": CONFIG, **({"catalog": catalog()} if command == "read" else {})}
    monkeypatch.setenv("LOG_LEVEL", "debug" if level == "LOG_LEVEL" else "info")
    monkeypatch.setattr(logging.getLogger("airbyte"), "level", logging.INFO)

    outcome = connector.run(command, files, debug=level == "--debug")

    messages = [m for m in outcome.messages if m.get("type") != "CONTROL"]
    assert ("Making outbound API request" in str(messages)) is (case not in ("failed_refresh", "echoed"))
    assert found_in(json.dumps(messages) + outcome.stderr) == []
    assert found_in("".join(r.url for endpoint in TikTok.PATHS for r in tiktok.requests(endpoint))) == []


def test_rotated_token_is_in_the_control_message_only(tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account().responds("token", {"json": REFRESHED})
    outcome = connector.check(CONFIG)
    assert [m["type"] for m in outcome.messages if found_in(json.dumps(m))] == ["CONTROL"]
    (stored,) = outcome.configs
    assert (stored["credentials"]["refresh_token"], stored["credentials"]["access_token"]) == (SECRETS[2], SECRETS[4])


def test_every_secret_of_the_spec_is_marked() -> None:
    options = load_manifest()["spec"]["connection_specification"]["properties"]["credentials"]["oneOf"]
    marked = {name for option in options for name, p in option["properties"].items() if p.get("airbyte_secret")}
    assert marked == {"client_secret", "refresh_token", "access_token"}


def test_requests_verifies_certificates() -> None:
    assert requests.Session().verify is True


def found_in(text: str) -> list[str]:
    """The secrets that a text contains."""
    return [secret for secret in SECRETS if secret in text]
