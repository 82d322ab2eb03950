"""What the run contains: rows of each table, nodes, and signals by type."""

from __future__ import annotations

import polars as pl

from contracts.run_data import RunData
from contracts.tables import TABLES_BY_NAME
from contracts.tables.analysis import SIGNAL_TYPES
from transforms.reports.html.markup import Markup, element

_NODES_SHOWN = 200


def contents_section(data: RunData) -> Markup:
    """Tables of rows, signal types and nodes."""
    parts = [
        element("div", element("h3", "Rows"), _rows(data)),
        element("div", element("h3", "Signal types"), _signal_types(data)),
    ]
    return element(
        "section",
        element("h2", "What the run contains"),
        element("div", *parts, class_="columns"),
        element("h3", "Nodes"),
        _nodes(data),
        id="contents",
    )


def _bars(rows: list[tuple[str, int, str]]) -> Markup:
    """A table of names and counts, each count with a bar as wide as its share of the largest."""
    largest = max((count for _, count, _ in rows), default=0) or 1
    body = [
        element(
            "tr",
            element("th", name, scope="row", title=title),
            element("td", f"{count:,}", class_="number"),
            element("td", element("span", class_="bar", style=f"width:{100 * count / largest:.1f}%")),
        )
        for name, count, title in rows
    ]
    return element("table", element("tbody", *body), class_="bars")


def _rows(data: RunData) -> Markup:
    counts = data.row_counts
    return _bars([(name, counts[name], TABLES_BY_NAME[name].description) for name in counts])


def _signal_types(data: RunData) -> Markup:
    classified = data.frames["raw_classifications"]
    if classified.is_empty():
        return element("p", "The run holds no classifications.", class_="empty")
    known = dict(classified["signal_type"].value_counts().iter_rows())
    names = [*SIGNAL_TYPES, *sorted(str(name) for name in known if name not in SIGNAL_TYPES)]
    suppressed = int(classified["suppressed"].sum() or 0)
    bars = _bars([(name.replace("_", " "), known.get(name, 0), name) for name in names])
    note = f"{classified.height:,} classified entities, {suppressed:,} of them suppressed"
    return element("div", bars, element("p", note, class_="muted"))


def _nodes(data: RunData) -> Markup:
    nodes = data.frames["raw_node_results"]
    entities = (
        data.frames["raw_entity_results"]
        .group_by("canonical_node_id")
        .agg(
            pl.len().alias("entities"),
            pl.col("entity_dimensions_hash").n_unique().alias("facets"),
            pl.col("facility_id").n_unique().alias("facilities"),
        )
    )
    counted = nodes.join(entities, on="canonical_node_id", how="left").with_columns(
        pl.col("entities", "facets", "facilities").fill_null(0)
    )
    names = ["canonical_node_id", "metric_id", "time_grain", "entities", "facets", "facilities"]
    titles = ["Node", "Metric", "Grain", "Entities", "Facets", "Facilities"]
    head = element("tr", *(element("th", title, scope="col") for title in titles))
    body = [
        element("tr", *(_cell(value) for value in row))
        for row in counted.select(names).sort(names[0]).head(_NODES_SHOWN).iter_rows()
    ]
    table = element("table", element("thead", head), element("tbody", *body), class_="grid")
    more = counted.height - _NODES_SHOWN
    left_out = element("p", f"{more:,} more nodes are not listed.", class_="muted") if more > 0 else ""
    return element("div", table, left_out, class_="scroll")


def _cell(value: str | int | None) -> Markup:
    if isinstance(value, int):
        return element("td", f"{value:,}", class_="number")
    return element("td", "\N{EN DASH}" if value is None else value)
