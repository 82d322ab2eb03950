"""One defect for each rule over the graph, its definitions and its drawing (QC51x, QC52x)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transforms.synth.corruptions.artifacts import (
    DRAWING,
    EDGE_YAML,
    GRAPH,
    MONTHLY_NODE,
    NODE_GROUPS,
    NODE_YAML,
)
from transforms.synth.corruptions.corruption import Corruption
from transforms.synth.corruptions.edit import Apply, at, in_document, replace

_ELSEWHERE = ("QC513", "QC523", "QC536")
_UNCHANGED = "definitions, drawing and headers still show the edge as it was"


def change_graph(change: Callable[[Any], object], json_path: str) -> Apply:
    """Change graph.json in place."""
    return in_document(GRAPH, change, json_path)


def change_node(position: int, json_path: str, **members: object) -> Apply:
    """Set members of a node of the graph."""
    return change_graph(lambda document: document["nodes"][position].update(members), json_path)


def change_edge(position: int, json_path: str, **members: object) -> Apply:
    """Set members of an edge of the graph."""
    return change_graph(lambda document: document["edges"][position].update(members), json_path)


def _text(relative: str, old: str, new: str, json_path: str | None = None) -> Apply:
    return at(replace(relative, old.encode(), new.encode()), relative, None, json_path)


CORRUPTIONS = (
    Corruption(
        "QC511",
        "The definition of a node describes it in other words than the graph",
        _text(NODE_YAML, "description: ", "description: not ", "/description"),
    ),
    Corruption(
        "QC512", "The name of a node in the graph is not its id", change_node(0, "/nodes/0/name", name="x")
    ),
    Corruption(
        "QC513",
        "The definition of an edge has another rationale than the graph",
        _text(EDGE_YAML, "rationale: ", "rationale: not ", "/rationale"),
    ),
    Corruption(
        "QC514",
        "An edge of the graph leads to a node that is not there",
        change_edge(1, "/edges/1/target", target="nowhere"),
        also=_ELSEWHERE,
        because=_UNCHANGED,
    ),
    Corruption(
        "QC515",
        "An edge of the graph has a type that the metadata bundle does not list",
        change_edge(1, "/edges/1/type", type="rhymes_with"),
        also=_ELSEWHERE,
        because=_UNCHANGED,
    ),
    Corruption(
        "QC516",
        "An edge to a facet is called a trend",
        change_edge(1, "/edges/1", type="trends_to"),
        also=_ELSEWHERE,
        because=_UNCHANGED,
    ),
    Corruption(
        "QC517",
        "An edge to a monthly node is called a segment",
        change_edge(0, "/edges/0", type="segments_into"),
        also=(*_ELSEWHERE, "QC518"),
        because=f"{_UNCHANGED}, and the monthly node has lost its trend",
    ),
    Corruption(
        "QC518",
        "The edge to a monthly node is missing in the graph",
        change_graph(lambda document: document["edges"].pop(0), "/nodes/1"),
        also=("QC108", *_ELSEWHERE, "QC521"),
        because="definitions, drawing, headers and counts still have the edge",
    ),
    Corruption(
        "QC519",
        "Two nodes of the graph are its entry point",
        change_node(1, "/nodes", graph_entry_point=True),
        also=("QC511",),
        because="the node's definition says otherwise",
    ),
    Corruption(
        "QC520",
        "An edge of the graph has no conditions",
        change_edge(1, "/edges/1/conditions", conditions=[]),
        also=("QC513",),
        because="the edge's definition still has them",
    ),
    Corruption(
        "QC521",
        "A YAML manifest lists a node twice",
        _text(NODE_GROUPS, "  nodes:\n", f"  nodes:\n  - {MONTHLY_NODE}\n"),
    ),
    Corruption(
        "QC522",
        "A node has a tag that the metadata bundle does not define",
        _text(NODE_YAML, "tags:\n- ", "tags:\n- x", "/tags"),
    ),
    Corruption(
        "QC523",
        "The drawing shows a node under another name",
        _text(DRAWING, f'"{MONTHLY_NODE}" [', '"x" ['),
    ),
    Corruption(
        "QC524",
        "The graph holds a node twice",
        change_graph(lambda document: document["nodes"].append(document["nodes"][1]), "/nodes"),
        also=("QC108",),
        because="manifest and index count the node once",
    ),
)
