"""A graph as vis-network draws it."""

from __future__ import annotations

import html
import re
from typing import Any, Final

from backend.runs.dot import Edge, Graph, Html

TRENDS_TO: Final = "trends_to"
_BORDER: Final = "#696969"
_EDGE_COLORS: Final = {
    TRENDS_TO: "#565EAA",
    "segments_into": "#38A169",
    "potentially_driven_by": "#DD6B20",
}
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def network(graph: Graph) -> dict[str, list[dict[str, Any]]]:
    """Nodes and edges of ``graph``."""
    return {
        "nodes": [_node(graph, node, attributes) for node, attributes in graph.nodes.items()],
        "edges": [_edge(graph, edge) for edge in graph.edges],
    }


def _node(graph: Graph, node: str, attributes: dict[str, str]) -> dict[str, Any]:
    fill = attributes.get("fillcolor")
    return {
        "id": node,
        "label": _shown(attributes.get("label"), {"N": node, "G": graph.name}) or node,
        "title": node,
        "shape": attributes.get("shape") or "box",
        "color": {"background": fill, "border": attributes.get("color") or _BORDER} if fill else None,
    }


def _edge(graph: Graph, edge: Edge) -> dict[str, Any]:
    arrow = "->" if graph.directed else "--"
    names = {
        "G": graph.name,
        "T": edge.source,
        "H": edge.target,
        "E": f"{edge.source}{arrow}{edge.target}",
    }
    label = _shown(edge.attributes.get("xlabel"), names) or None
    color = edge.attributes.get("color") or _EDGE_COLORS.get(label or "")
    styles = [style.strip() for style in edge.attributes.get("style", "").split(",")]
    return {
        "from": edge.source,
        "to": edge.target,
        "label": label,
        "dashes": label == TRENDS_TO or "dashed" in styles,
        "color": {"color": color} if color else None,
    }


def _shown(text: str | None, names: dict[str, str]) -> str:
    """A label as it is read: escapes and markup resolved, ``names`` put in for their letters."""
    if text is None:
        return ""
    if isinstance(text, Html):
        return html.unescape(_TAG.sub("", _BREAK.sub("\n", text))).strip()

    def resolved(match: re.Match[str]) -> str:
        letter = match[1]
        return "\n" if letter in "nlr" else names.get(letter, letter)

    return _ESCAPE.sub(resolved, text).removesuffix("\n")
