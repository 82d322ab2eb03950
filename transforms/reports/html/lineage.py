"""The graph of nodes: what trends to, segments into or drives what."""

from __future__ import annotations

from typing import Any

from contracts.run_data import RunData
from transforms.reports.html.drawing import figure, picture, shorten, text
from transforms.reports.html.layout import components, layers
from transforms.reports.html.markup import Markup, element
from transforms.reports.wording import plural

_NODES_SHOWN = 300
_BOX_WIDTH, _BOX_HEIGHT = 210.0, 40.0
_ACROSS, _DOWN = 70.0, 14.0
_MARGIN = 8.0
_STYLES = 4
"""Line styles for edge types, the most frequent first; further types share the last."""
_AGGREGATE = "aggregate_time_period"

_Row = dict[str, Any]


def lineage_section(data: RunData) -> Markup | None:
    """A picture for each group of connected nodes; None where the run has no nodes."""
    nodes = {row["canonical_node_id"]: row for row in data.frames["raw_node_results"].iter_rows(named=True)}
    frame = data.frames["raw_node_edges"]
    edges = list(frame.iter_rows(named=True))
    named = nodes.keys() | {row[end] for row in edges for end in ("source_node_id", "target_node_id")}
    if not named:
        return None
    counted = sorted(frame["edge_type"].value_counts().iter_rows(), key=lambda item: (-item[1], item[0]))
    styles = {name: min(index, _STYLES - 1) for index, (name, _) in enumerate(counted)}
    entities = dict(data.frames["raw_entity_results"].group_by("canonical_node_id").len().iter_rows())
    figures, room = [], _NODES_SHOWN
    for group in components(named, ((row["source_node_id"], row["target_node_id"]) for row in edges)):
        if room <= 0:
            break
        shown = set(group[:room])
        room -= len(shown)
        own = [row for row in edges if row["source_node_id"] in shown and row["target_node_id"] in shown]
        figures.append(_draw(shown, own, nodes, entities, styles))
    left_out = len(named) - _NODES_SHOWN
    more = element("p", f"{left_out:,} more nodes are not drawn.", class_="muted") if left_out > 0 else ""
    heading = [element("h2", "Lineage of nodes"), _legend(styles)]
    return element("section", *heading, *figures, more, id="lineage")


def _legend(styles: dict[str, int]) -> Markup:
    keys = [
        element("span", _sample("node aggregate", "rect"), "aggregate node"),
        element("span", _sample("node temporal", "rect"), "temporal node"),
    ]
    keys += [
        element("span", _sample(f"edge style-{style}", "line"), name.replace("_", " "))
        for name, style in styles.items()
    ]
    return element("p", *keys, class_="legend")


def _sample(class_: str, shape: str) -> Markup:
    places: dict[str, dict[str, float]] = {
        "rect": {"x": 1.0, "y": 1.0, "width": 24.0, "height": 10.0, "rx": 2.0},
        "line": {"x1": 0.0, "y1": 6.0, "x2": 26.0, "y2": 6.0},
    }
    drawn = element(shape, **places[shape], class_=class_)
    return element("svg", drawn, viewbox="0 0 26 12", width=26, height=12, aria_hidden="true")


def _draw(
    shown: set[str],
    edges: list[_Row],
    nodes: dict[str, _Row],
    entities: dict[str, int],
    styles: dict[str, int],
) -> Markup:
    grouped = layers(shown, [(row["source_node_id"], row["target_node_id"]) for row in edges])
    tallest = max(len(layer) for layer in grouped)
    height = tallest * (_BOX_HEIGHT + _DOWN) - _DOWN + 2 * _MARGIN
    width = len(grouped) * (_BOX_WIDTH + _ACROSS) - _ACROSS + 2 * _MARGIN
    places: dict[str, tuple[float, float]] = {}
    for depth, layer in enumerate(grouped):
        own = len(layer) * (_BOX_HEIGHT + _DOWN) - _DOWN
        for index, node in enumerate(layer):
            x = _MARGIN + depth * (_BOX_WIDTH + _ACROSS)
            places[node] = (x, (height - own) / 2 + index * (_BOX_HEIGHT + _DOWN))
    shapes = [_edge(row, places, styles[row["edge_type"]]) for row in edges]
    shapes += [_node(name, nodes.get(name), entities.get(name, 0), places[name]) for name in sorted(shown)]
    summary = f"{plural(len(shown), 'node')}, {plural(len(edges), 'edge')}"
    return figure(picture(f"Graph of {summary}", height, *shapes, width=width), summary)


def _edge(row: _Row, places: dict[str, tuple[float, float]], style: int) -> Markup:
    left, top = places[row["source_node_id"]]
    right, end = places[row["target_node_id"]]
    x1, y1, x2, y2 = left + _BOX_WIDTH, top + _BOX_HEIGHT / 2, right, end + _BOX_HEIGHT / 2
    bend = max(abs(x2 - x1) / 2, _ACROSS / 2)
    tip = "" if x2 <= x1 else f" M{x2 - 7:.1f},{y2 - 4:.1f} L{x2:.1f},{y2:.1f} L{x2 - 7:.1f},{y2 + 4:.1f}"
    curve = f"M{x1:.1f},{y1:.1f} C{x1 + bend:.1f},{y1:.1f} {x2 - bend:.1f},{y2:.1f} {x2:.1f},{y2:.1f}"
    title = f"{row['source_node_id']} {row['edge_type']} {row['target_node_id']}"
    arrow = element("path", d=tip.strip(), class_="tip") if tip else ""
    return element(
        "g", element("title", title), element("path", d=curve, class_=f"edge style-{style}"), arrow
    )


def _node(name: str, row: _Row | None, entities: int, place: tuple[float, float]) -> Markup:
    x, y = place
    if row is None:
        first, second, kind = name, "not among the results", "absent"
    else:
        grain = row["time_grain"]
        first = row["display_name"] or name
        second = f"{row['metric_id']} \N{MIDDLE DOT} {plural(entities, 'row')}"
        kind = "aggregate" if grain == _AGGREGATE else "temporal"
        # A node without rows stands out: whatever hangs on it is empty too.
        kind += "" if entities else " absent"
    return element(
        "g",
        element("title", name),
        element("rect", x=x, y=y, width=_BOX_WIDTH, height=_BOX_HEIGHT, rx=5, class_=f"node {kind}"),
        text(x + 10, y + 17, shorten(first, 28), "node-title"),
        text(x + 10, y + 32, shorten(second, 36), "node-detail"),
    )
