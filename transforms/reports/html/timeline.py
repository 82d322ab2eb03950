"""How peers moved over time: percentile bands of each temporal node."""

from __future__ import annotations

import calendar
from itertools import groupby
from typing import Any

import polars as pl

from contracts.run_data import RunData
from transforms.reports.html.drawing import WIDTH, figure, left_axis, line, picture, text
from transforms.reports.html.markup import Markup, element
from transforms.reports.html.scale import Scale, number
from transforms.reports.wording import plural

_NODES_SHOWN = 60
_TOP, _BOTTOM, _LEFT, _RIGHT = 10.0, 190.0, 56.0, WIDTH - 60.0
_PERCENTILES = ("p10", "p25", "p50", "p75", "p90")
_BANDS = (("p10", "p90", "band-outer"), ("p25", "p75", "band-inner"))
_LABELS = 8
"""Period labels that fit below the picture."""

_Row = dict[str, Any]


def timeline_section(data: RunData) -> Markup | None:
    """A picture for each node with percentile trends; None where there are none."""
    trends = data.frames["raw_percentile_trends"]
    if trends.is_empty():
        return None
    nodes = data.frames["raw_node_results"].select("canonical_node_id", "metric_id", "display_name")
    about = {node: (metric, scope) for node, metric, scope in nodes.iter_rows()}
    names = dict(data.frames["raw_metric_definitions"].select("metric_id", "display_name").iter_rows())
    # The methods of a node look at the same values: their bands are the same.
    first = trends.filter(
        pl.col("statistical_method") == pl.col("statistical_method").min().over("canonical_node_id")
    ).sort("canonical_node_id", "period_index")
    figures: list[Markup] = []
    for (node,), rows in first.group_by("canonical_node_id", maintain_order=True):
        if len(figures) == _NODES_SHOWN:
            break
        points = list(rows.iter_rows(named=True))
        drawn = _draw(str(node), points)
        if drawn is not None:
            metric, scope = about.get(str(node), (str(node), None))
            detail = f"{plural(len(points), 'period')}, {_month(points[0])} to {_month(points[-1])}"
            title = f"{names.get(metric) or metric} by {scope or node}"
            figures.append(figure(drawn, title, detail))
    left_out = first["canonical_node_id"].n_unique() - len(figures)
    note = "Inner band: 25th to 75th percentile of the peers; outer band: 10th to 90th; line: median."
    more = element("p", f"{left_out:,} more nodes are not drawn.", class_="muted") if left_out > 0 else ""
    section = [element("h2", "Peers over time"), element("p", note, class_="muted"), *figures, more]
    return element("section", *section, id="timelines")


def _draw(node: str, points: list[_Row]) -> Markup | None:
    found = [point[name] for point in points for name in _PERCENTILES if point[name] is not None]
    scale = Scale.around(found, _BOTTOM, _TOP)
    if scale is None:
        return None
    step = (_RIGHT - _LEFT) / max(len(points) - 1, 1)
    places = [round(_LEFT + step * index, 1) for index in range(len(points))]
    shapes = left_axis(scale, _LEFT, _RIGHT)
    for low, high, class_ in _BANDS:
        shapes += _band(scale, points, places, low, high, class_)
    shapes += _median(scale, points, places)
    shapes += _periods(points, places, step)
    shapes += _end_labels(scale, points[-1])
    return picture(f"Percentile bands of {node}", _BOTTOM + 26, *shapes)


def _stretches(points: list[_Row], *names: str) -> list[list[int]]:
    """Runs of neighbouring periods in which all of ``names`` have values: bands break at gaps."""
    there = [all(point[name] is not None for name in names) for point in points]
    grouped = groupby(range(len(points)), key=lambda index: there[index])
    return [list(indexes) for present, indexes in grouped if present]


def _band(
    scale: Scale, points: list[_Row], places: list[float], low: str, high: str, class_: str
) -> list[Markup]:
    shapes = []
    for stretch in _stretches(points, low, high):
        upper = [f"{places[index]},{scale(points[index][high])}" for index in stretch]
        lower = [f"{places[index]},{scale(points[index][low])}" for index in reversed(stretch)]
        shapes.append(element("polygon", points=" ".join(upper + lower), class_=class_))
    return shapes


def _median(scale: Scale, points: list[_Row], places: list[float]) -> list[Markup]:
    shapes = []
    for stretch in _stretches(points, "p50"):
        path = " ".join(f"{places[index]},{scale(points[index]['p50'])}" for index in stretch)
        shapes.append(element("polyline", points=path, class_="median-line"))
    return shapes


def _periods(points: list[_Row], places: list[float], step: float) -> list[Markup]:
    """A tooltip over each period, and names of some below."""
    every = -(-len(points) // _LABELS)
    shapes = []
    for index, (point, place) in enumerate(zip(points, places, strict=True)):
        values = ", ".join(
            f"{name} {number(point[name])}" for name in _PERCENTILES if point[name] is not None
        )
        tooltip = f"{_month(point)}: {values or 'suppressed'}; {plural(point['sample_size'] or 0, 'peer')}"
        shapes.append(
            element(
                "g",
                element("title", tooltip),
                element(
                    "rect", x=place - step / 2, y=_TOP, width=step, height=_BOTTOM - _TOP, class_="hover"
                ),
                line(place, _TOP, place, _BOTTOM, "cursor"),
                class_="period",
            )
        )
        if index % every == 0:
            shapes.append(text(place, _BOTTOM + 18, _month(point), "tick", "middle"))
    return shapes


def _end_labels(scale: Scale, last: _Row) -> list[Markup]:
    """Names of the percentiles at the right end, where they do not cover each other."""
    shapes: list[Markup] = []
    above = float("inf")
    for name in _PERCENTILES:
        if last[name] is None:
            continue
        y = scale(last[name]) + 4
        if above - y >= 11:
            shapes.append(text(_RIGHT + 6, y, name, "label"))
            above = y
    return shapes


def _month(point: _Row) -> str:
    period = str(point["period"])
    if len(period) == 6 and period.isascii() and period.isdigit() and 1 <= int(period[4:]) <= 12:
        return f"{calendar.month_abbr[int(period[4:])]} {period[:4]}"
    return period
