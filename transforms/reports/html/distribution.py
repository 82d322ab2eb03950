"""How each metric's values are distributed: a histogram, or a box a facet, with the outliers."""

from __future__ import annotations

from typing import Any

import polars as pl

from contracts.run_data import RunData
from transforms.reports.html.drawing import WIDTH, bottom_axis, dot, figure, line, picture, shorten, text
from transforms.reports.html.markup import Markup, element
from transforms.reports.html.scale import Scale, number
from transforms.reports.wording import plural

_NODES_SHOWN = 60
_FACETS_SHOWN = 30
_OUTLIERS_SHOWN = 20
"""Outliers drawn of one facet, the farthest first."""
_FENCE = 1.5
"""Tukey's fences: an outlier lies more than 1.5 interquartile ranges outside the quartiles."""
_BOX_FROM = 5
"""Entities from which on a facet is drawn as a box; fewer are drawn one by one."""
_BINS = 36
_ROW, _LABELS, _TOP = 20, 270, 8

_Row = dict[str, Any]


def distribution_section(data: RunData) -> Markup | None:
    """A picture for each aggregate node; None where the run holds no values."""
    values = data.frames["raw_entity_results"].filter(pl.col("metric_value").is_finite())
    if values.is_empty():
        return None
    facets = _facets(values)
    points = _points(values, facets)
    nodes = sorted(facets["canonical_node_id"].unique())
    names = {
        row["metric_id"]: row["display_name"] or row["metric_id"]
        for row in data.frames["raw_metric_definitions"].iter_rows(named=True)
    }
    metrics = dict(values.select("canonical_node_id", "metric_id").unique().iter_rows())
    scopes = dict(data.frames["raw_node_results"].select("canonical_node_id", "display_name").iter_rows())
    figures = []
    for node in nodes[:_NODES_SHOWN]:
        rows = facets.filter(pl.col("canonical_node_id") == node)
        drawn = _draw(node, rows, points, values)
        if drawn is None:
            continue
        title = f"{names.get(metrics[node], metrics[node])} by {scopes.get(node) or node}"
        figures.append(figure(drawn, title, _detail(rows)))
    if len(nodes) > _NODES_SHOWN:
        figures.append(
            element("p", f"{len(nodes) - _NODES_SHOWN:,} more nodes are not drawn.", class_="muted")
        )
    explained = (
        "Boxes reach from the 25th to the 75th percentile of a facet, with the median as a line; whiskers "
        "end at the last value within 1.5 box lengths, and dots are the values beyond."
    )
    note = element("p", explained, class_="muted")
    return element("section", element("h2", "Values by metric"), note, *figures, id="distributions")


def _facets(values: pl.DataFrame) -> pl.DataFrame:
    """Quartiles, fences and whiskers of each facet of each node."""
    facet = ["canonical_node_id", "group_value"]
    value = pl.col("metric_value")
    quartiles = values.group_by(facet).agg(
        value.quantile(0.25, "linear").alias("q1"),
        value.median().alias("q2"),
        value.quantile(0.75, "linear").alias("q3"),
        pl.len().alias("entities"),
    )
    reach = _FENCE * (pl.col("q3") - pl.col("q1"))
    fenced = quartiles.with_columns((pl.col("q1") - reach).alias("low"), (pl.col("q3") + reach).alias("high"))
    inside = (
        values.join(fenced, on=facet, nulls_equal=True)
        .filter(value.is_between(pl.col("low"), pl.col("high")))
        .group_by(facet)
        .agg(value.min().alias("whisker_low"), value.max().alias("whisker_high"))
    )
    return fenced.join(inside, on=facet, how="left", nulls_equal=True)


def _points(values: pl.DataFrame, facets: pl.DataFrame) -> pl.DataFrame:
    """Entities that are drawn one by one: outliers, and all of facets too small for a box."""
    facet = ["canonical_node_id", "group_value"]
    joined = values.select(*facet, "facility_id", "facility_name", "metric_value").join(
        facets, on=facet, nulls_equal=True
    )
    outside = ~pl.col("metric_value").is_between(pl.col("low"), pl.col("high"))
    return (
        joined.filter(outside | (pl.col("entities") < _BOX_FROM))
        .sort((pl.col("metric_value") - pl.col("q2")).abs(), descending=True)
        .with_columns(outside.alias("outside"))
    )


def _detail(rows: pl.DataFrame) -> str:
    parts = [plural(int(rows["entities"].sum()), "value")]
    if rows.height > 1:
        shown = f"the largest {_FACETS_SHOWN} of " if rows.height > _FACETS_SHOWN else ""
        parts.append(f"{shown}{plural(rows.height, 'facet')}")
    return ", ".join(parts)


def _draw(node: str, rows: pl.DataFrame, points: pl.DataFrame, values: pl.DataFrame) -> Markup | None:
    shown = rows.sort(["entities", "group_value"], descending=[True, False]).head(_FACETS_SHOWN)
    facets = list(shown.sort("q2", "group_value", descending=[True, False]).iter_rows(named=True))
    own = points.filter(pl.col("canonical_node_id") == node)
    dots = {
        row["group_value"]: list(
            own.filter(pl.col("group_value").eq_missing(row["group_value"]))
            .head(_OUTLIERS_SHOWN)
            .iter_rows(named=True)
        )
        for row in facets
    }
    spread = [
        row[name] for row in facets for name in ("whisker_low", "whisker_high") if row[name] is not None
    ]
    spread += [point["metric_value"] for found in dots.values() for point in found]
    if len(facets) == 1 and facets[0]["entities"] >= _BOX_FROM:
        column = values.filter(pl.col("canonical_node_id") == node)["metric_value"]
        return _histogram(node, column, facets[0], dots[facets[0]["group_value"]])
    scale = Scale.around(spread, _LABELS, WIDTH - 16)
    if scale is None:
        return None
    bottom = _TOP + _ROW * len(facets)
    shapes = bottom_axis(scale, _TOP, bottom)
    for index, row in enumerate(facets):
        middle = _TOP + _ROW * (index + 0.5)
        shapes += _box(scale, row, middle, dots[row["group_value"]])
    return picture(f"Distribution of {node} by facet", bottom + 24, *shapes)


def _box(scale: Scale, row: _Row, middle: float, dots: list[_Row]) -> list[Markup]:
    name = row["group_value"] or "no facet"
    label = text(_LABELS - 8, middle + 4, shorten(name, 42), "label", "end")
    shapes = [element("g", element("title", f"{name}: {plural(row['entities'], 'entity value')}"), label)]
    if row["entities"] >= _BOX_FROM:
        low, high = scale(row["q1"]), scale(row["q3"])
        summary = f"{name}: median {number(row['q2'])}, {number(row['q1'])} to {number(row['q3'])}"
        shapes += [
            line(scale(row["whisker_low"]), middle, scale(row["whisker_high"]), middle, "whisker"),
            element(
                "rect",
                element("title", f"{summary}, {plural(row['entities'], 'value')}"),
                x=low,
                y=middle - 6,
                width=max(high - low, 1.0),
                height=12,
                class_="box",
            ),
            line(scale(row["q2"]), middle - 6, scale(row["q2"]), middle + 6, "median"),
        ]
    return shapes + _dots(scale, dots, middle)


def _dots(scale: Scale, dots: list[_Row], middle: float) -> list[Markup]:
    return [
        dot(
            scale(point["metric_value"]),
            middle,
            f"{point['facility_name'] or point['facility_id']}: {number(point['metric_value'])}",
            "outlier" if point["outside"] else "dot",
        )
        for point in dots
    ]


def _histogram(node: str, values: pl.Series, row: _Row, dots: list[_Row]) -> Markup | None:
    scale = Scale.around(values.to_list(), 40, WIDTH - 16)
    if scale is None:
        return None
    width = (scale.high - scale.low) / _BINS
    bins = ((values - scale.low) / width).floor().cast(pl.Int64).clip(0, _BINS - 1).value_counts()
    largest = int(bins["count"].max() or 1)  # type: ignore[arg-type]
    top, bottom = 28.0, 150.0
    shapes = bottom_axis(scale, top, bottom)
    for index, count in bins.iter_rows():
        left, right = scale(scale.low + index * width), scale(scale.low + (index + 1) * width)
        height = (bottom - top - 8) * count / largest
        span = f"{number(scale.low + index * width)} to {number(scale.low + (index + 1) * width)}"
        shapes.append(
            element(
                "rect",
                element("title", f"{span}: {plural(count, 'value')}"),
                x=left + 1,
                y=round(bottom - height, 1),
                width=round(right - left - 2, 1),
                height=round(height, 1),
                class_="column",
            )
        )
    middle = 14.0
    shapes += _box(scale, row, middle, dots)[1:]
    return picture(f"Distribution of {node}", bottom + 24, *shapes)
