"""dbt's models over invalid rows, and over several schemas, prefixes and deselected columns."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from integration_tests.history_accounts import START, Days, Landed, change_accounts, expected
from integration_tests.test_models import assert_models
from integration_tests.warehouse import Row, Warehouse
from sandbox import Sandbox

pytestmark = pytest.mark.sync_tests


@pytest.fixture
def days() -> Iterator[Days]:
    """Six days of two accounts, read in full on each."""
    rng = random.Random(11)
    with Sandbox(accounts=2, videos=30, years=1, now=START, growing=True) as sandbox:
        history = Days(sandbox)
        for _ in range(6):
            for account in sandbox.accounts:
                history.read(account)
            history.next()
            change_accounts(history, rng, taken=2)
        yield history


def readings_of(days: Days, video_id: str) -> list[Row]:
    return [row for row in days.videos if row["id"] == video_id]


def oldest_of_each_account(days: Days) -> list[str]:
    return [account.videos[-1]["id"] for account in days.sandbox.accounts]


# --- a count that is missing in one reading ---


def test_missing_count_repeats_the_previous_one(days: Days, warehouse: Warehouse) -> None:
    """Readings of 100, null and 110 are 100 views and then 10, not the lifetime total twice."""
    first, second = oldest_of_each_account(days)
    readings_of(days, first)[2]["view_count"] = None
    for column in ("view_count", "like_count", "comment_count", "share_count"):
        readings_of(days, second)[-1][column] = None
    readings_of(days, days.sandbox.accounts[0].videos[5]["id"])[0]["view_count"] = None
    days.user_info[4]["follower_count"] = None
    days.store(warehouse)

    assert_models(warehouse, days.landed)
    models = expected(days.landed)
    assert [row["is_carried"] for row in models["video_daily"] if row["video_id"] == first] == [
        False,
        False,
        True,
        False,
        False,
        False,
    ]
    (last,) = (row for row in models["videos"] if row["video_id"] == second)
    assert last["view_count"] == readings_of(days, second)[-2]["view_count"] > 0


def test_missing_count_repeats_one_of_the_same_day(warehouse: Warehouse) -> None:
    """Read at 5:00 and at 13:00, the second time without a view count."""
    with Sandbox(videos=5, years=1, now=START) as sandbox:
        days = Days(sandbox)
        days.read(sandbox.account)
        days.next(8 * 3600)
        days.read(sandbox.account)
    for row in days.videos[5:]:
        row["view_count"] = None
    days.store(warehouse)
    assert_models(warehouse, days.landed)
    views = sum(row["view_count"] for row in days.videos[:5])
    assert [row["views_total"] for row in warehouse.rows("tiktok_organic__account_daily")] == [views]


# --- odd rows ---


def corrupt(days: Days) -> None:
    """Invalid rows from TikTok, an older connector or other programs."""
    first, second = oldest_of_each_account(days)
    in_ms, negative = days.sandbox.accounts[0].videos[2:4]
    for row in readings_of(days, first):
        row["create_time"] = None
    readings_of(days, second)[1]["create_time"] = None
    for row in readings_of(days, in_ms["id"]):
        row["create_time"] *= 1000
    for row in readings_of(days, negative["id"]):
        row["create_time"] = -1
        row["duration"] = -7
    readings_of(days, second)[3]["like_count"] = -2_147_483_648
    days.user_info[2]["likes_count"] = -5
    days.user_info[5]["video_count"] = -1
    copies = [{**days.videos[7], "_airbyte_raw_id": f"odd-{number}"} for number in range(4)]
    copies[0]["id"] = None
    copies[1]["id"] = ""
    copies[2]["open_id"] = None
    copies[3]["_airbyte_extracted_at"] = None
    days.videos += copies
    days.user_info.append({**days.user_info[0], "open_id": None, "_airbyte_raw_id": "odd-profile"})


def test_odd_rows_are_listed_and_the_rest_is_correct(days: Days, warehouse: Warehouse) -> None:
    """Catches one invalid row that fails the models of every account for good, as it stays in the table."""
    corrupt(days)
    warehouse.fill(user_info=days.user_info, videos=days.videos)
    printed = warehouse.build(may_warn=True)
    assert "WARN=1 ERROR=0 SKIP=0" in printed
    assert_models(warehouse, days.landed)
    odd = warehouse.rows("tiktok_organic__odd_rows")
    assert {row["column_name"] for row in odd} == {
        "id",
        "open_id",
        "_airbyte_extracted_at",
        "create_time",
        "duration",
        "like_count",
        "likes_count",
        "video_count",
    }
    assert {row["treatment"] for row in odd} == {
        "the row is not used",
        "the value is not used",
        "taken as milliseconds",
    }


# --- schemas, prefixes, columns ---


def test_several_schemas_are_combined(days: Days, warehouse: Warehouse) -> None:
    """As examples/terraform/example.tfvars has them: one more schema, with a prefix and without profiles."""
    founder = replace(warehouse, schema="founder")
    own = days.sandbox.accounts[1].open_id
    rest = Landed(
        [row for row in days.user_info if row["open_id"] != own],
        [row for row in days.videos if row["open_id"] != own],
        source_relation=warehouse.schema,
    )
    of_founder = Landed([], [row for row in days.videos if row["open_id"] == own], source_relation="founder")
    warehouse.fill(user_info=rest.user_info, videos=rest.videos)
    founder.fill(videos=of_founder.videos)
    warehouse.run("drop table founder.user_info", "alter table founder.videos rename to tiktok_videos")

    several = f"[{warehouse.schema}, {{schema: founder, prefix: tiktok_}}]"
    warehouse.build("--vars", f"{{tiktok_organic_schemas: {several}}}")
    assert_models(warehouse, rest, of_founder)
    assert {row["source_relation"] for row in warehouse.rows("tiktok_organic__rollup_report")} == {
        warehouse.schema,
        "founder",
    }


def test_prefix_and_deselected_columns_are_allowed(days: Days, warehouse: Warehouse) -> None:
    """Catches models that fail because shares, links or names are deselected."""
    for row in days.videos:
        for name in ("share_count", "share_url", "title", "duration"):
            row[name] = None
    for row in days.user_info:
        for name in ("username", "follower_count"):
            row[name] = None
    warehouse.fill(user_info=days.user_info, videos=days.videos)
    dropped = {"videos": ("share_count", "share_url", "title", "duration"), "user_info": ("username", "follower_count")}
    for table, columns in dropped.items():
        full = f"{warehouse.schema}.{table}"
        warehouse.run(
            *(f"alter table {full} drop column {name}" for name in columns), f"alter table {full} rename to my_{table}"
        )
    warehouse.build("--vars", "{tiktok_organic_prefix: my_}")
    assert_models(warehouse, days.landed)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("alter table {schema}.videos drop column open_id", "needs the columns id, open_id, _airbyte_extracted_at"),
        ("drop table {schema}.videos; drop table {schema}.user_info", "has no table videos or user_info"),
    ],
    ids=["column", "tables"],
)
def test_missing_column_or_table_is_named(warehouse: Warehouse, statement: str, message: str) -> None:
    warehouse.fill()
    warehouse.run(*statement.format(schema=warehouse.schema).split("; "))
    process = warehouse.dbt("build")
    assert process.returncode == 1
    assert message in process.stdout
