"""The dbt models on 10,000 videos read on 90 days, on DuckDB: `python -m benchmarks.models`, after `make demo`.

The database generates the rows as Airbyte's append mode writes them. Exit code 1: `dbt build` took too long.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from integration_tests.warehouse import TABLES, duckdb

VIDEOS, DAYS, BAR_S = 10_000, 90, 60
FIRST_READING, FIRST_POST = "2026-06-01 05:00:00+00", 1_700_000_000
READ = f"timestamptz '{FIRST_READING}' + to_days(day::int)"
META = f"uuid()::varchar, {READ}, '{{}}'::json from"
FILL = f"""
insert into user_info
select 'account', 'somebody', 'Some Body', 1000 + day, 7, 5000 + day, {VIDEOS}, {META} range({DAYS}) d(day);
insert into videos select
    n::varchar, 'account', {FIRST_POST} + n * 3600, 'https://www.tiktok.com/@somebody/video/' || n,
    'A caption #with #tags', '', 15, n + day, n % 7 + day, n % 5 + day, 100 * n + day * day,
    {META} range({VIDEOS}) v(n), range({DAYS}) d(day)
"""


def main() -> int:
    """Fill a database, build and test the models once, and print the duration."""
    with TemporaryDirectory() as folder:
        warehouse = duckdb(Path(folder))
        warehouse.run(*TABLES.format(schema="main").strip().rstrip(";").split(";"), *FILL.split(";"))
        start = time.monotonic()
        warehouse.build()
        seconds = time.monotonic() - start
        ((built,),) = (row.values() for row in warehouse.run("select count(*) from tiktok_organic__video_daily"))
    print(f"dbt build over {VIDEOS * DAYS:,} rows: {seconds:.1f} s, {int(built):,} rows by day; bar {BAR_S} s")  # noqa: T201
    return int(seconds > BAR_S or int(built) != VIDEOS * DAYS)


if __name__ == "__main__":
    sys.exit(main())
