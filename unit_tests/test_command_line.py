"""The command line with invalid input: the message names the property or file, without secrets or tracebacks."""

import json
from copy import deepcopy
from typing import Any

import pytest

from source_tiktok_organic import SourceTiktokOrganic
from source_tiktok_organic.config import check_config, load_manifest, validate_config
from source_tiktok_organic.run import execute
from unit_tests.command_result import catalog
from unit_tests.connector import Connector
from unit_tests.tiktok import ACCESS_TOKEN_CONFIG, OAUTH_CONFIG, TikTok

PREFIX = "The configuration of this source is not valid: "
SECRETS = ("client-secret", "rft.first", "act.given")
MESSAGES = load_manifest()["definitions"]["messages"]


def without(name: str) -> dict[str, Any]:
    return {"credentials": {k: v for k, v in OAUTH_CONFIG["credentials"].items() if k != name}}


def with_(**credentials: Any) -> dict[str, Any]:
    return {"credentials": {**OAUTH_CONFIG["credentials"], **credentials}}


INVALID_CONFIGS = [
    ({}, "`credentials` is missing."),
    ({"credentials": "client-secret"}, "`credentials` must be an object."),
    ({"credentials": None}, "`credentials` is missing."),
    (
        with_(access_token="act.given\nrft.first"),
        "`credentials.access_token` must be one word of visible ASCII characters, without spaces or line breaks.",
    ),
    ({"credentials": {}}, "`credentials.auth_type` is missing."),
    (with_(auth_type="basic"), "`credentials.auth_type` must be one of oauth2.0, access_token."),
    (with_(auth_type=["oauth2.0"]), "`credentials.auth_type` must be one of oauth2.0, access_token."),
    (without("client_key"), "`credentials.client_key` is missing."),
    (without("client_secret"), "`credentials.client_secret` is missing."),
    (without("refresh_token"), "`credentials.refresh_token` is missing."),
    (with_(client_key=7), "`credentials.client_key` must be a string."),
    (with_(refresh_token=""), "`credentials.refresh_token` must not be empty."),
    (
        with_(token_expiry_date="soon"),
        "`credentials.token_expiry_date` must be written as YYYY-MM-DDTHH:mm:ssZ.",
    ),
    ({"credentials": {"auth_type": "access_token"}}, "`credentials.access_token` is missing."),
    (
        with_(refresh_token="act.given"),
        "`credentials.refresh_token` starts with act., so it is the access_token: enter it there.",
    ),
    (
        with_(access_token="rft.first"),
        "`credentials.access_token` starts with rft., so it is the refresh_token: enter it there.",
    ),
    (
        {"credentials": {"auth_type": "access_token", "access_token": "rft.first"}},
        "`credentials.access_token` starts with rft., so it is the refresh_token: enter it there.",
    ),
    ({**OAUTH_CONFIG, "start_date": "yesterday"}, "`start_date` must be written as YYYY-MM-DD."),
    ({**OAUTH_CONFIG, "start_date": "2024-02-30"}, "`start_date` is not a valid date."),
    ({**OAUTH_CONFIG, "start_date": "2024-1-5"}, "`start_date` must be written as YYYY-MM-DD."),
    ({**OAUTH_CONFIG, "start_date": 20240101}, "`start_date` must be a string."),
    ({**OAUTH_CONFIG, "lookback_window_days": -1}, "`lookback_window_days` must be between 0 and 3650."),
    ({**OAUTH_CONFIG, "lookback_window_days": "30"}, "`lookback_window_days` must be a whole number."),
    (
        {**OAUTH_CONFIG, "additional_full_sync": "daily"},
        "`additional_full_sync` must be one of never, weekly, monthly.",
    ),
    ({**OAUTH_CONFIG, "num_workers": 0}, "`num_workers` must be between 2 and 40."),
    ({**OAUTH_CONFIG, "num_workers": 1000}, "`num_workers` must be between 2 and 40."),
    ({**OAUTH_CONFIG, "num_workers": "8"}, "`num_workers` must be a whole number."),
    # One problem at a time, that of the outer object first.
    ({**without("client_key"), "start_date": "never"}, "`start_date` must be written as YYYY-MM-DD."),
    ({**with_(refresh_token=""), "start_date": "never"}, "`start_date` must be written as YYYY-MM-DD."),
]


@pytest.mark.parametrize(("config", "sentence"), INVALID_CONFIGS)
def test_check_names_the_invalid_property(config: Any, sentence: str, connector: Connector) -> None:
    outcome = connector.check(config)
    assert outcome.of("CONNECTION_STATUS") == [{"status": "FAILED", "message": PREFIX + sentence}]
    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert [s for s in SECRETS if s in json.dumps(outcome.messages) + outcome.stderr] == []


@pytest.mark.parametrize("command", ["discover", "read"])
def test_discover_and_read_name_the_invalid_property(command: str, connector: Connector) -> None:
    outcome = getattr(connector, command)(without("client_key"))
    assert outcome.errors == [("config_error", PREFIX + "`credentials.client_key` is missing.")]
    assert outcome.exit_code == 1
    assert [s for s in SECRETS if s in json.dumps(outcome.messages) + outcome.stderr] == []


@pytest.mark.parametrize(
    "config",
    [
        OAUTH_CONFIG,
        ACCESS_TOKEN_CONFIG,
        {**OAUTH_CONFIG, "start_date": "2024-02-29", "num_workers": 40, "unknown": {"kept": True}},
        with_(token_expiry_date="", scope="", open_id=""),
    ],
    ids=["oauth", "access_token", "every_option", "empty_hidden_fields"],
)
def test_valid_config_has_no_problem(config: Any) -> None:
    check_config(config, load_manifest()["spec"]["connection_specification"])


def test_unknown_stream_of_the_catalog_is_named(tiktok: TikTok, connector: Connector) -> None:
    configured = catalog("videos")
    configured["streams"][0]["stream"]["name"] = "comments"
    outcome = connector.run("read", {"config": ACCESS_TOKEN_CONFIG, "catalog": configured})
    message = MESSAGES["unknown_stream"].format(unknown="comments", known="user_info and videos")
    assert (outcome.exit_code, outcome.errors, outcome.of("RECORD")) == (1, [("config_error", message)], [])


@pytest.mark.parametrize("names", [("videos", "videos"), ("user_info", "videos", "user_info")])
def test_duplicate_stream_in_the_catalog_is_named(names: tuple[str, ...], tiktok: TikTok, connector: Connector) -> None:
    """The CDK would read it once, and report success for both."""
    tiktok.with_an_account()
    outcome = connector.run("read", {"config": ACCESS_TOKEN_CONFIG, "catalog": catalog(*names)})
    message = MESSAGES["duplicate_stream"].format(names=names[0])
    assert (outcome.exit_code, outcome.errors) == (1, [("config_error", message)])
    assert (outcome.of("RECORD"), outcome.of("STATE"), tiktok.requests("user")) == ([], [], [])


def test_two_duplicate_streams_are_both_named(tiktok: TikTok, connector: Connector) -> None:
    outcome = connector.run("read", {"config": ACCESS_TOKEN_CONFIG, "catalog": catalog(*["videos", "user_info"] * 2)})
    message = MESSAGES["duplicate_stream"].format(names="user_info, videos")
    assert outcome.errors == [("config_error", message)]


def test_empty_catalog_reads_nothing(tiktok: TikTok, connector: Connector) -> None:
    outcome = connector.run("read", {"config": ACCESS_TOKEN_CONFIG, "catalog": {"streams": []}})
    assert (outcome.exit_code, outcome.errors, outcome.of("RECORD")) == (0, [], [])


@pytest.mark.parametrize(
    "url", ["http://example.com", "ftp://localhost", "example.com", "http://127.0.0.1.example.com"]
)
def test_insecure_base_url_is_a_config_error(url: str, connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_API_BASE_URL", url)
    message = "The environment variable TIKTOK_API_BASE_URL must be an https address, or http on this machine."
    assert connector.discover(OAUTH_CONFIG).errors == [("config_error", message)]


@pytest.mark.parametrize(
    "url", ["https://proxy.example.com/", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:9"]
)
def test_other_base_url_is_used_with_a_warning(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TIKTOK_API_BASE_URL", url)
    source = SourceTiktokOrganic(None, validate_config(deepcopy(OAUTH_CONFIG)))
    requester = source.resolved_manifest["streams"][1]["retriever"]["requester"]
    assert {requester["url_base"], requester["authenticator"]["url_base"]} == {url.rstrip("/")}
    assert [r.levelname for r in caplog.records if "TIKTOK_API_BASE_URL" in r.message] == ["WARNING"]
    assert "open.tiktokapis.com" not in str(requester)


def test_empty_base_url_counts_as_unset(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("TIKTOK_API_BASE_URL", "")
    source = SourceTiktokOrganic(None, validate_config(deepcopy(OAUTH_CONFIG)))
    assert source.resolved_manifest["streams"][1]["retriever"]["requester"]["url_base"] == "https://open.tiktokapis.com"
    assert caplog.records == []


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        execute([])
    assert raised.value.code == 0
    assert "spec" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("config", "name", "meant"),
    [
        ({**OAUTH_CONFIG, "startdate": "2024-01-01"}, "startdate", " Did you mean start_date?"),
        ({**OAUTH_CONFIG, "refresh_token": "rft.x"}, "refresh_token", " Did you mean credentials.refresh_token?"),
        (with_(start_date="2024-01-01"), "credentials.start_date", " Did you mean start_date?"),
        (with_(colour="red"), "credentials.colour", ""),
    ],
    ids=["misspelled", "outside", "inside", "no_suggestion"],
)
def test_unknown_property_is_named_in_a_warning(
    config: Any, name: str, meant: str, tiktok: TikTok, connector: Connector
) -> None:
    tiktok.with_an_account()
    outcome = connector.check(config)
    assert outcome.of("CONNECTION_STATUS") == [{"status": "SUCCEEDED"}]
    assert outcome.warnings == [MESSAGES["unknown_property"].format(name=name) + meant]


def test_misspelled_credentials_cause_a_warning(connector: Connector) -> None:
    outcome = connector.check({"credential": OAUTH_CONFIG["credentials"]})
    assert outcome.of("CONNECTION_STATUS")[0]["message"] == PREFIX + "`credentials` is missing."
    assert [warning.split("?")[0].split()[-1] for warning in outcome.warnings] == ["credentials"]


@pytest.mark.parametrize(
    "config",
    [
        with_(open_id="_000a", refresh_token_expiry_date=""),
        with_(scope="user.info.basic,video.list"),
        with_(scope=""),
        {**OAUTH_CONFIG, "__injected_manifest": {}},
    ],
    ids=["earlier_version", "scope", "empty_scope", "airbyte"],
)
def test_platform_properties_cause_no_warning(config: Any, tiktok: TikTok, connector: Connector) -> None:
    tiktok.with_an_account()
    assert connector.check(config).warnings == []


def test_package_exports_only_the_source() -> None:
    import source_tiktok_organic

    assert source_tiktok_organic.SourceTiktokOrganic is SourceTiktokOrganic
    with pytest.raises(AttributeError, match="SourceTikTok"):
        _ = source_tiktok_organic.SourceTikTok
