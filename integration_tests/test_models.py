"""dbt's models over rows in append mode, against the sandbox's accounts day by day; `make sync-test`."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from integration_tests.history_accounts import START, Days, Landed, change_accounts, comparable, expected, read_daily
from integration_tests.warehouse import ROOT, Row, Warehouse, duckdb
from sandbox import Sandbox
from unit_tests.markdown import code_blocks

pytestmark = pytest.mark.sync_tests
KEYS = {
    "video_daily": ("source_relation", "open_id", "video_id", "date_day"),
    "account_daily": ("source_relation", "open_id", "date_day"),
    "videos": ("source_relation", "open_id", "video_id"),
    "gone_videos": ("source_relation", "open_id", "video_id"),
    "readings": ("source_relation", "open_id", "reading_id"),
    "rollup_report": ("source_relation", "page_id", "post_id"),
    "odd_rows": ("source_relation", "_airbyte_raw_id", "column_name"),
}
OTHER_WAREHOUSES = ROOT / "integration_tests" / "other_warehouses.py"
ROLLUP = ["created_timestamp", "post_id", "post_message", "page_id", "page_name", "post_url"]
ROLLUP += ["source_relation", "platform", "clicks", "impressions", "likes", "shares", "comments"]


def page_sql(containing: str) -> str:
    """The one query of docs/growth.md that contains a text."""
    (sql,) = (block for block in code_blocks(ROOT / "docs" / "growth.md", "sql") if containing in block)
    return sql


def by_key(rows: list[Row], *keys: str) -> dict[Any, Row]:
    found = {tuple(row[key] for key in keys): row for row in rows}
    assert len(found) == len(rows)
    return found


def assert_models(warehouse: Warehouse, *landed: Landed, zone: str = "UTC") -> None:
    """Every column of every row of every model."""
    of_each = [expected(rows, zone) for rows in landed]
    for model, keys in KEYS.items():
        found = comparable(warehouse.rows(f"tiktok_organic__{model}"))
        rows = [row for models in of_each for row in models[model]]
        assert by_key(found, *keys) == by_key(rows, *keys), model


def test_each_column_of_each_day_is_correct(warehouse: Warehouse) -> None:
    """28 days of three accounts with 500 videos each, read in full on every day."""
    with Sandbox(accounts=3, videos=500, years=3, now=START, growing=True) as sandbox:
        days = read_daily(sandbox, 28, random.Random(3), taken=4)
        sandbox.check()
    days.store(warehouse)
    assert_models(warehouse, days.landed)
    assert any(row["is_negative"] for row in warehouse.rows("tiktok_organic__video_daily"))
    models = expected(days.landed)
    assert all(any(row[f"views_after_{age}_days"] for row in models["videos"]) for age in (1, 7))
    assert len(models["gone_videos"]) > 3 * 5
    assert list(warehouse.rows("tiktok_organic__rollup_report")[0]) == ROLLUP
    assert_sql_of_the_page(days, warehouse)


def assert_sql_of_the_page(days: Days, warehouse: Warehouse) -> None:
    """The SQL for users without dbt gives the same growth as the models."""
    sql = page_sql("from videos\n")
    rows = by_key(warehouse.run(f"set search_path = '{warehouse.schema}'", sql), "id", "day")
    curve = by_key(expected(days.landed)["video_daily"], "video_id", "date_day")
    assert {key: row["views_gained"] for key, row in rows.items()} == {
        key: row["views_gained"] for key, row in curve.items()
    }


def test_day_follows_the_time_zone_and_has_its_last_reading(warehouse: Warehouse) -> None:
    """Read at 5:00, 13:00 and 22:30 UTC, which is half past midnight in Berlin."""
    rng = random.Random(7)
    with Sandbox(accounts=1, videos=60, years=1, now=START, growing=True) as sandbox:
        days = Days(sandbox)
        for hours in (8, 9.5, 6.5) * 4:
            days.read(sandbox.accounts[0])
            days.next(int(hours * 3600))
            change_accounts(days, rng, taken=2)
    days.store(warehouse, "--vars", "{tiktok_organic_timezone: Europe/Berlin}")
    assert_models(warehouse, days.landed, zone="Europe/Berlin")
    assert len(warehouse.rows("tiktok_organic__account_daily")) == 5  # of twelve readings; in UTC they are four days


def test_another_project_can_use_the_package(warehouse: Warehouse) -> None:
    """With Airbyte's tables in one schema, the models in another, and its own model on top."""
    with Sandbox(accounts=1, videos=30, years=1, now=START) as sandbox:
        days = Days(sandbox)
        days.read(sandbox.accounts[0])
    warehouse.fill(user_info=days.user_info, videos=days.videos)
    rows = build_as_a_package(warehouse)
    videos = expected(days.landed)["videos"]
    assert by_key(comparable(rows), "open_id", "video_id") == by_key(videos, "open_id", "video_id")


def build_as_a_package(warehouse: Warehouse) -> list[Row]:
    """Build a project that names this one in its packages.yml; the rows of a model that selects from `videos`."""
    project = warehouse.folder / "project"
    (project / "models").mkdir(parents=True)
    profile = (ROOT / "examples/dbt/profiles.yml").read_text().replace("tiktok_organic:", "mine:", 1)
    for schema in ("main", "tiktok"):
        profile = profile.replace(f"schema: {schema}\n", "schema: analytics\n")
    settings = f"name: mine\nversion: 1.0.0\nprofile: mine\nvars: {{tiktok_organic_schema: {warehouse.schema}}}\n"
    files = {
        "profiles.yml": profile,
        "packages.yml": f"packages: [{{local: {ROOT / 'examples/dbt'}}}]",
        "dbt_project.yml": settings,
        "models/mine.sql": "select * from {{ ref('tiktok_organic__videos') }}",
    }
    for name, text in files.items():
        (project / name).write_text(text)
    for command in (["deps"], ["--warn-error", "build"]):
        process = warehouse.dbt(*command, project=project)
        assert process.returncode == 0, process.stdout + process.stderr
    return warehouse.run("select * from analytics.mine")


# --- incomplete readings ---


def gone(warehouse: Warehouse) -> set[str]:
    return {row["video_id"] for row in warehouse.rows("tiktok_organic__gone_videos")}


def actually_gone(days: Days) -> set[str]:
    public = {video["id"] for account in days.sandbox.accounts for video in account.videos}
    return {row["id"] for row in days.videos} - public


@pytest.fixture
def two_accounts() -> Iterator[Days]:
    with Sandbox(accounts=2, videos=150, years=1, now=START, growing=True) as sandbox:
        yield Days(sandbox, lookback=90)


def test_killed_sync_reports_no_video_as_gone(two_accounts: Days, warehouse: Warehouse) -> None:
    """28 days; each day a sync is killed at a random point and, except every third day, resumed from its state."""
    days, rng = two_accounts, random.Random(5)
    for account in days.sandbox.accounts:
        days.sync(account)
    for _ in range(28):
        days.next()
        change_accounts(days, rng, taken=3)
        for account in days.sandbox.accounts:
            number = days.sync(account, share=rng.random())
            if days.day % 3:
                days.sync(account, retry_of=number)
        if days.day % 4 == 0:
            days.store(warehouse)
            assert gone(warehouse) <= actually_gone(days)
    days.next()
    for account in days.sandbox.accounts:
        days.sync(account, full=True)
    days.store(warehouse)
    assert gone(warehouse) == actually_gone(days) != set()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The models of twelve days of two accounts, on DuckDB, with missing counts and a row in milliseconds."""
    warehouse = duckdb(tmp_path_factory.mktemp("built"))
    with Sandbox(accounts=2, videos=60, years=1, now=START, growing=True) as sandbox:
        days = read_daily(sandbox, 12, random.Random(5), taken=3)
    for row in days.videos[200:260]:
        row["view_count"] = None
    days.videos[300]["create_time"] *= 1000
    days.videos[301]["like_count"] = -1
    warehouse.fill(user_info=days.user_info, videos=days.videos)
    warehouse.build(may_warn=True)
    assert len(warehouse.rows("tiktok_organic__odd_rows")) == 2
    return warehouse


@pytest.mark.parametrize("dialect", ["bigquery", "snowflake"])
def test_sql_for_other_warehouses_gives_the_same_rows(dialect: str, built: Warehouse) -> None:
    """As translated by sqlglot: neither warehouse is available here."""
    command = [ROOT / ".venv-demo" / "bin" / "python", OTHER_WAREHOUSES, dialect, built.url]
    process = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=built.folder)
    assert process.returncode == 0, process.stderr[-3000:]
    result = json.loads(process.stdout.splitlines()[-1])
    assert {f"tiktok_organic__{model}" for model in KEYS} <= {*result["models"]}
    assert result["differing"] == []
