"""A picture of the growth: the views of the fastest videos, day by day."""

from __future__ import annotations

from pathlib import Path

from examples.sync.report import FASTEST, _one_line
from examples.sync.warehouse import Warehouse

CURVE = """
select cast(date_day as varchar) as day, view_count from {schema}.tiktok_organic__video_daily
where open_id = :open_id and video_id = :video_id order by date_day
"""
LONGEST_NAME = 40


def draw(warehouse: Warehouse, path: Path) -> None:
    """Draw an SVG that loads nothing from elsewhere."""
    import pygal

    curves = {}
    for video in warehouse.run(FASTEST):
        days = warehouse.run(CURVE, open_id=video["open_id"], video_id=video["video_id"])
        name = _one_line(video["caption"])[:LONGEST_NAME] or "(no caption)"
        curves[f"{video['posted']} {name}"] = {day["day"]: day["view_count"] for day in days}
    days_shown = sorted({day for curve in curves.values() for day in curve})
    chart = pygal.Line(title="Views of the fastest videos", js=[], x_label_rotation=45, legend_at_bottom=True)
    chart.x_labels = days_shown
    for name, curve in curves.items():
        chart.add(name, [curve.get(day) for day in days_shown])
    path.write_bytes(chart.render())
