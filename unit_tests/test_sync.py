"""The parts of `make sync` and of the demo that need neither PyAirbyte nor dbt."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from examples.demo.compare import differences
from examples.demo.story import api_at
from examples.sync import SyncError, UsageError
from examples.sync.__main__ import AlreadyRunningError, cron_line, main, sync, use_token_store
from examples.sync.account import Account, account_of_file, config_files, write_config
from examples.sync.listener import Listener
from examples.sync.read import first_line
from examples.sync.steps import Steps
from examples.sync.warehouse import warehouse_at

APP = {"auth_type": "oauth2.0", "client_key": "key", "client_secret": "secret"}
CONFIG = {"credentials": {**APP, "refresh_token": "rft.OLD"}}
REFRESHED = {"credentials": {**APP, "refresh_token": "rft.NEW"}}


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    path.chmod(0o644)
    return path


def _video(video_id: str, **values: Any) -> dict[str, Any]:
    return {"id": video_id, "view_count": 5, "is_aigc": False, **values}


def _differences(expected: list[dict[str, Any]], landed: list[dict[str, Any]]) -> list[str]:
    return differences("video", "id", expected, landed)


def test_order_of_rows_does_not_matter() -> None:
    """Catches a comparison that depends on the order in which rows landed."""
    assert _differences([_video("1"), _video("2")], [_video("2"), _video("1")]) == []


def test_missing_duplicate_and_foreign_rows_are_named() -> None:
    """Catches a comparison of counts alone: three rows are expected, and three landed."""
    landed = [_video("2"), _video("2"), _video("9")]
    assert _differences([_video("1"), _video("2")], landed) == [
        "1 video is missing: 1.",
        "1 video is duplicated: 2 (2 times).",
        "1 video is not in the account: 9.",
    ]


@pytest.mark.parametrize(
    ("landed", "named"),
    [
        (_video("1", view_count=7), "view_count is 7 instead of 5"),
        (_video("1", view_count=None), "view_count is None instead of 5"),
        (_video("1", is_aigc=0), "is_aigc is 0 instead of False"),
        ({"id": "1", "view_count": 5}, "is_aigc is no column instead of False"),
        (_video("1", extra="x"), "extra is 'x' instead of no column"),
        (_video("1", view_count="5" * 60), f"view_count is '{'5' * 38}… instead of 5"),
    ],
)
def test_different_values_are_named_with_their_column(landed: dict[str, Any], named: str) -> None:
    """Catches a comparison of ids alone, and one that takes 0 for False."""
    assert _differences([_video("1")], [landed]) == [f"1 video is different: 1 ({named})."]


def test_at_most_five_missing_rows_are_named() -> None:
    """Catches a message that fills the screen with ids."""
    expected = [_video(str(number)) for number in range(1_200)]
    assert _differences(expected, []) == ["1,200 videos are missing: 0, 1, 2, 3, 4 and 1,195 more."]


def test_stored_config_is_readable_by_its_owner_only(config_file: Path) -> None:
    """Catches a new refresh token that is lost or readable by others, and temporary files left behind."""
    account_of_file(config_file).save(REFRESHED)
    assert account_of_file(config_file).config == REFRESHED
    assert config_file.stat().st_mode & 0o777 == 0o600
    assert list(config_file.parent.iterdir()) == [config_file]


def test_storing_a_config_follows_links(config_file: Path, tmp_path: Path) -> None:
    """Catches a link that is replaced by a copy while the real file keeps the used token."""
    link = tmp_path / "link.json"
    link.symlink_to(config_file)
    write_config(link, REFRESHED)
    assert link.is_symlink()
    assert json.loads(config_file.read_text()) == REFRESHED


def test_unwritable_config_asks_to_reauthenticate(tmp_path: Path) -> None:
    """Catches a lost token that is noticed only in the next run."""
    with pytest.raises(SyncError, match=r"could not be written .* re-authenticate"):
        write_config(tmp_path / "gone" / "config.json", REFRESHED)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"a": 1,', "config.json is not valid JSON, at line 1, column"),
        (b"\xff\xfe", "config.json is not valid UTF-8"),
        (b'["rft.SECRET"]', "config.json must contain one JSON object"),
        (b'{"credentials": {"auth_type": "oauth2.0", "client_key": "rft.SECRET"}}', "`credentials.client_secret` is"),
    ],
    ids=["json", "bytes", "list", "missing"],
)
def test_invalid_config_is_rejected_without_quoting_it(config_file: Path, content: bytes, problem: str) -> None:
    """Catches a traceback, and secrets in an error."""
    config_file.write_bytes(content)
    with pytest.raises(SyncError, match=re.escape(problem)) as raised:
        account_of_file(config_file)
    assert "SECRET" not in str(raised.value)


def test_config_is_read_as_the_connector_reads_it(config_file: Path) -> None:
    """Catches an editor's byte order mark that is rejected, and a null instead of a lookback of 30 days."""
    text = json.dumps({**CONFIG, "lookback_window_days": None, "start_date": None}, indent=2)
    config_file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    account = account_of_file(config_file)
    assert account.config == CONFIG
    assert account.covers_from("a", STATE) == 1_790_000_000 - 30 * 86_400


def test_reading_a_config_prints_nothing(config_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The connector warns about it, and would then warn twice."""
    config_file.write_text(json.dumps({**CONFIG, "lookback_days": 3}))
    account_of_file(config_file)
    assert capfd.readouterr() == ("", "")


def test_environment_is_restored_after_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a proxy between connector and sandbox, and a sandbox address that outlives its sandbox."""
    monkeypatch.delenv("TIKTOK_API_BASE_URL", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet")
    with api_at("http://127.0.0.1:9"):
        assert os.environ["TIKTOK_API_BASE_URL"] == "http://127.0.0.1:9"
        assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "intranet,127.0.0.1"
    assert "TIKTOK_API_BASE_URL" not in os.environ
    assert "no_proxy" not in os.environ
    assert os.environ["NO_PROXY"] == "intranet"


def _record(stream: str, **data: Any) -> str:
    return json.dumps({"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1}})


def _error(message: str) -> str:
    return json.dumps({"type": "TRACE", "trace": {"type": "ERROR", "emitted_at": 1, "error": {"message": message}}})


def _status(status: str, message: str | None = None) -> str:
    return json.dumps({"type": "CONNECTION_STATUS", "connectionStatus": {"status": status, "message": message}})


def _control(config: dict[str, Any]) -> str:
    control = {"type": "CONNECTOR_CONFIG", "emitted_at": 1, "connectorConfig": {"config": config}}
    return json.dumps({"type": "CONTROL", "control": control})


def test_every_line_is_passed_on_and_counted() -> None:
    """Catches a listener that swallows lines, and one that chokes on lines that are not messages."""
    status = json.dumps({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": {}}})
    lines = [
        "Traceback (most recent call last):",
        "42",
        status,
        _record("user_info", open_id="a", video_count=2),
        _control(REFRESHED),
        _record("videos", id="1"),
        _record("videos", id="2"),
        _status("SUCCEEDED"),
    ]
    configs: list[dict[str, Any]] = []
    ticks: list[None] = []
    listener = Listener(on_config=configs.append, on_record=lambda: ticks.append(None))
    assert list(listener.wrap(lambda args: iter(lines))(["read"])) == lines
    assert listener.counts == {"user_info": 1, "videos": 2}
    assert (listener.expected_videos, configs, len(ticks), listener.problem) == (2, [REFRESHED], 3, None)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([_error("TikTok rejected it."), _error("Streams did not sync: videos.")], "TikTok rejected it."),
        ([_status("FAILED", "'Re-authenticate.'")], "Re-authenticate."),
        ([_status("FAILED")], None),
    ],
)
def test_first_error_of_a_failure_is_reported(lines: list[str], problem: str | None) -> None:
    """Catches a demo that does not say why the connector failed."""
    listener = Listener(on_config=lambda config: None)
    for line in lines:
        listener.handle(line)
    assert listener.problem == problem


def test_sync_fails_if_a_token_cannot_be_stored() -> None:
    """Catches a sync that continues although the next one cannot work."""

    def fail(config: dict[str, Any]) -> None:
        raise SyncError("disk full")

    listener = Listener(on_config=fail)
    with pytest.raises(SyncError, match="disk full"):
        list(listener.wrap(lambda: iter([_control(REFRESHED)]))())


def test_records_are_dated_back_by_the_lag() -> None:
    """Catches 28 days of the sandbox that are all written as one."""
    listener = Listener(on_config=lambda config: None, lag=60.0)
    record = {"stream": "videos", "data": {}, "emitted_at": 90_000}
    dated = json.loads(listener.handle(json.dumps({"type": "RECORD", "record": record})))
    assert dated["record"]["emitted_at"] == 30_000


def test_listener_knows_which_streams_are_complete() -> None:
    """Catches a stopped sync that counts as complete."""
    listener = Listener(on_config=lambda config: None)
    for stream, status in (("user_info", "COMPLETE"), ("videos", "RUNNING"), ("videos", "INCOMPLETE")):
        found = {"stream_descriptor": {"name": stream}, "status": status}
        trace = {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": found}
        listener.handle(json.dumps({"type": "TRACE", "trace": trace}))
    assert listener.complete == {"user_info"}


# --- what a sync covers ---

SLICES = [{"start": "1388534400", "end": "1780000000"}, {"start": "1790000000", "end": "1791000000"}]
STOPPED = {"states": [{"partition": {"open_id": "a"}, "cursor": {"state_type": "date-range", "slices": SLICES}}]}
STATE = {"states": [{"partition": {"open_id": "a"}, "cursor": {"create_time": str(1_790_000_000)}}]}


@pytest.mark.parametrize(
    ("config", "open_id", "state", "covers_from"),
    [
        ({}, "a", {}, 1_388_534_400),
        ({}, "a", STATE, 1_790_000_000 - 30 * 86_400),
        ({"lookback_window_days": 0}, "a", STATE, 1_790_000_000),
        ({"start_date": "2026-09-15"}, "a", STATE, 1_789_430_400),
        ({}, "of another account", STATE, 1_388_534_400),
        ({}, "a", STOPPED, 1_791_000_001),
    ],
)
def test_covered_period_follows_state_and_lookback(
    config: dict[str, Any], open_id: str, state: Any, covers_from: int
) -> None:
    """Catches videos that are reported as gone because they are older than the lookback."""
    account = Account("brand", {**CONFIG, **config}, save=lambda changed: None)
    assert account.covers_from(open_id, state) == covers_from


@pytest.mark.parametrize(
    ("setting", "day", "due"),
    [("never", 1, False), ("weekly", 1, False), ("weekly", 6, True), ("monthly", 1, True), ("monthly", 6, False)],
)
def test_full_read_is_due_on_its_day(setting: str, day: int, due: bool) -> None:
    """Catches a full read on another day than the connector's: 6 September 2026 is a Sunday."""
    account = Account("brand", {"additional_full_sync": setting}, save=lambda changed: None)
    assert account.full_read_is_due(datetime(2026, 9, day, tzinfo=timezone.utc)) is due


def test_folder_of_configs_is_read_in_order(config_file: Path) -> None:
    """Catches a folder that is treated as a file, and other files treated as configs."""
    (config_file.parent / "another.json").write_text(json.dumps(CONFIG))
    (config_file.parent / "notes.txt").write_text("x")
    (config_file.parent / "tokens").mkdir()
    (config_file.parent / "tokens" / "newest.json").write_text("{}")
    assert [path.name for path in config_files(config_file.parent)] == ["another.json", "config.json"]


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("secrets/config.json", "tiktok-organic-sign-in"),
        ("ada.json", "tiktok-organic-sign-in --output ada.json"),
        ("accounts", "tiktok-organic-sign-in --output accounts/<name>.json"),
        ("nowhere", "tiktok-organic-sign-in --output nowhere/<name>.json"),
    ],
)
def test_missing_config_says_how_to_sign_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, command: str
) -> None:
    """Catches a message that only names the missing file, and a command that is not on the PATH."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.executable", str(tmp_path / ".venv-demo" / "bin" / "python"))
    (tmp_path / "accounts").mkdir()
    with pytest.raises(SyncError) as raised:
        config_files(Path(place))
    assert str(raised.value).endswith(f" yet. Authorize the app first: .venv-demo/bin/{command}")


# --- where it goes ---


def test_postgres_address_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a password with special characters that breaks the address, and PGPASSWORD that is not used."""
    monkeypatch.setenv("PGPASSWORD", "from the environment")
    given = warehouse_at("postgres://ada:p%40ss@db.example:5433/marketing")
    assert given.url == "postgresql+psycopg2://ada:p%40ss@db.example:5433/marketing"
    assert given.dbt["PGPASSWORD"] == "p@ss"
    assert warehouse_at("postgresql://ada@db.example/marketing").dbt["PGPASSWORD"] == "from the environment"


def test_connection_options_reach_dbt_and_libpq() -> None:
    """Catches a connection without TLS although TLS was requested."""
    given = warehouse_at("postgres://ada@db.example/marketing?sslmode=verify-full&sslrootcert=/etc/ca%20file.pem")
    options = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/etc/ca file.pem"}
    assert given.libpq == options
    assert given.dbt.items() >= options.items()
    assert warehouse_at("postgres://ada@db.example/marketing").libpq == {}


def test_certificate_is_found_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a path that leads dbt, which runs in its own folder, to another file; `system` is not a path."""
    monkeypatch.chdir(tmp_path)
    names = {"sslrootcert": "ca.pem", "sslcert": "ada.crt", "sslkey": "/etc/ada.key", "sslcrl": ""}
    given = warehouse_at("postgres://a/m?" + "&".join(f"{name}={value}" for name, value in names.items()))
    assert list(given.libpq.values()) == [f"{tmp_path}/ca.pem", f"{tmp_path}/ada.crt", "/etc/ada.key", ""]
    assert warehouse_at("postgres://a/m?sslrootcert=system").libpq == {"PGSSLROOTCERT": "system"}


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("mysql://db.example/marketing", "--to takes"),
        ("postgres://db.example", "--to takes"),
        ("postgres:///marketing", "--to takes"),
        ("postgres://db.example/marketing?ssl=true", "--to has the unknown option ssl."),
        ("postgres://db.example:x/marketing", "--to has an invalid port: "),
    ],
)
def test_invalid_addresses_are_rejected(place: str, problem: str) -> None:
    """Catches a DuckDB file named postgres:, and an option that has no effect."""
    with pytest.raises(UsageError, match=re.escape(problem)):
        warehouse_at(place)


def test_each_warehouse_has_its_own_picture() -> None:
    """Catches a picture that another warehouse's run replaces."""
    places = ["tiktok.duckdb", "data/other.duckdb"]
    places += ["postgres://a/marketing", "postgres://b/marketing", "postgres://b:5433/marketing"]
    assert [str(warehouse_at(place).picture) for place in places] == [
        "tiktok.duckdb.svg",
        "data/other.duckdb.svg",
        "marketing.a.postgres.svg",
        "marketing.b.postgres.svg",
        "marketing.b.5433.postgres.svg",
    ]


# --- the line for cron, exit codes, messages ---


@pytest.mark.parametrize(
    ("to", "printed"),
    [
        ("postgres://ada:p%40ss@db.example:5433/marketing", "postgres://ada@db.example:5433/marketing"),
        ("postgres://ada:p@p%40ss:@db.example/marketing", "postgres://ada@db.example/marketing"),
        ("postgres://ada@db.example/marketing", "postgres://ada@db.example/marketing"),
        ("postgres://ada:p%40ss@db/m?sslmode=require&options=x", "'postgres://ada@db/m?sslmode=require&options=x'"),
        ("100%.duckdb", r"100\%.duckdb"),
    ],
    ids=["password", "at", "none", "options", "percent"],
)
def test_cron_line_has_no_password(monkeypatch: pytest.MonkeyPatch, to: str, printed: str) -> None:
    """Catches a password on the screen and in crontab, and a % that cron treats as a line break."""
    monkeypatch.delenv("TIKTOK_TOKEN_STORE", raising=False)
    line = cron_line(Path("accounts"), to)
    assert line.endswith(f" -m examples.sync --quiet --accounts accounts --to {printed}")
    assert re.findall(r"p%40ss|(?<!\\)%|TIKTOK", line) == []


def test_token_store_is_used_and_in_the_cron_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a used refresh token although the newest one is in the token store."""
    monkeypatch.setenv("TIKTOK_TOKEN_STORE", "")
    monkeypatch.delenv("TIKTOK_TOKEN_STORE")
    use_token_store(tmp_path)
    assert "TIKTOK_TOKEN_STORE" not in os.environ
    (tmp_path / "tokens").mkdir()
    use_token_store(tmp_path)
    assert os.environ["TIKTOK_TOKEN_STORE"] == str(tmp_path / "tokens")
    assert f" && TIKTOK_TOKEN_STORE={tmp_path}/tokens " in cron_line(Path("accounts"), "tiktok.duckdb")


def test_token_store_variable_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_TOKEN_STORE", "my own")
    (tmp_path / "tokens").mkdir()
    use_token_store(tmp_path)
    assert os.environ["TIKTOK_TOKEN_STORE"] == "my own"
    assert " && TIKTOK_TOKEN_STORE='my own' " in cron_line(Path("accounts"), "tiktok.duckdb")


def raised_by(error: BaseException) -> Any:
    def fail(*arguments: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError("wrong"), 2, "wrong\n"),
        (AlreadyRunningError("running"), 3, "running\n"),
        (SyncError("failed"), 1, "failed\n"),
        (OSError(28, "No space left on device", "tiktok.duckdb"), 1, "tiktok.duckdb: No space left on device\n"),
        (
            KeyboardInterrupt(),
            130,
            "Stopped. Existing rows are unchanged; the next run reads what is missing.\n",
        ),
    ],
    ids=["usage", "running", "failed", "disk", "ctrl-c"],
)
def test_exit_codes_match_the_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, message: str
) -> None:
    monkeypatch.setattr("examples.sync.__main__._run", raised_by(error))
    assert main([]) == code
    assert capsys.readouterr() == ("", message)


def test_unexpected_error_prints_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a traceback in cron's mail; it is written to a log instead."""
    monkeypatch.setattr("examples.sync.__main__._run", raised_by(ZeroDivisionError("division by zero\nmore")))
    assert main(["--accounts", str(tmp_path)]) == 1
    log = tmp_path / ".sync" / "errors.log"
    message = f"Unexpected error: ZeroDivisionError: division by zero. Its traceback is in {log}.\n"
    assert capsys.readouterr() == ("", message)
    assert "Traceback (most recent call last)" in log.read_text()


def test_any_exception_of_one_account_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a folder of accounts that is not read after the first failure; warnings name their account."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.json").write_text(json.dumps(CONFIG))
    (tmp_path / "c.json").write_text("{")
    read: list[str] = []

    def read_one(account: Account, warehouse: Any, work: Path, show: Any, warn: Any) -> Counter[str]:
        read.append(account.name)
        warn("The refresh token expires in 5 days.")
        if account.name == "a":
            raise RuntimeError("unusual")
        return Counter(videos=1)

    monkeypatch.setattr("examples.sync.__main__.load_pyairbyte", lambda steps, work: None)
    monkeypatch.setattr("examples.sync.__main__.read", read_one)
    monkeypatch.setattr("examples.sync.__main__.build", lambda steps, warehouse, work: ["The test x found 3 rows."])
    steps = Steps(Console(quiet=True))
    problems = sync(steps, config_files(tmp_path), warehouse_at("x.duckdb"), tmp_path / ".sync")

    assert read == ["a", "b"]
    first, second = problems
    assert first.startswith("a: Unexpected error: RuntimeError: unusual. ")
    assert second.startswith("c: The config file ")
    assert capsys.readouterr().err.splitlines() == [
        "a: The refresh token expires in 5 days.",
        "b: The refresh token expires in 5 days.",
        "models: The test x found 3 rows.",
    ]


def test_each_warning_is_printed_once() -> None:
    """Catches warnings that are only in a log, which the next run deletes."""
    listener = Listener(on_config=lambda config: None)
    for level, message in (("WARN", "b"), ("INFO", "x"), ("WARN", "a"), ("WARN", "b")):
        listener.handle(json.dumps({"type": "LOG", "log": {"level": level, "message": message}}))
    assert list(listener.warnings) == ["b", "a"]


def test_reasons_are_short_and_one_line() -> None:
    """Catches SQL with captions in a message."""
    assert first_line(ValueError("bad value.\nDETAIL: caption")) == "bad value"
    assert first_line(ValueError("x" * 300)) == "x" * 199 + "…"
    assert first_line(ValueError()) == ""
