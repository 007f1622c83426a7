"""A chart of the growth: daily views of the fastest videos."""

from __future__ import annotations

from pathlib import Path

from examples.sync.report import FASTEST, one_line
from examples.sync.warehouse import Row, Warehouse

CURVE = """
select date_day, view_count from {schema}.tiktok_organic__video_daily
where open_id = :open_id and video_id = :video_id and view_count is not null
order by date_day
"""
WIDTH = 900
HEIGHT = 560
LONGEST_NAME = 90  # characters that fit in one line of the legend


def draw(warehouse: Warehouse, path: Path) -> None:
    """Draw a self-contained SVG."""
    import pygal

    chart = pygal.DateLine(
        title="Views of the fastest videos",
        width=WIDTH,
        height=HEIGHT,
        js=[],
        include_x_axis=True,
        value_formatter=lambda views: f"{views:,.0f}",
        x_label_rotation=30,
        legend_at_bottom=True,
        legend_at_bottom_columns=1,
        truncate_legend=-1,
        no_data_text="No videos yet",
    )
    for video in warehouse.run(FASTEST):
        days = warehouse.run(CURVE, open_id=video["open_id"], video_id=video["video_id"])
        chart.add(_name(video), [(day["date_day"], day["view_count"]) for day in days])
    path.write_bytes(chart.render())


def _name(video: Row) -> str:
    caption = one_line(video["caption"]) or "(no caption)"
    name = f"posted {video['posted']}: {caption}"
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rsplit(' ', 1)[0]}…"
