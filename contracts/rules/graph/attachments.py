"""QC521, QC523: lists and pictures of the graph that nothing is read from, but people look at."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import polars as pl

from contracts.findings import Finding, Severity
from contracts.json_values import objects_at, text_at
from contracts.rules.graph.nodes import GRAPH
from contracts.rules.rule import Rule
from contracts.run_data import RunData

GROUPS_DIFFER = Rule(
    "QC521",
    "definition-groups-differ",
    Severity.WARNING,
    "YAML manifests do not list every node, edge and facet family once, under its group_by_set",
    "Authors would miss a node, or generate it twice",
    "Generate the manifests again",
)
PICTURE_DIFFERS = Rule(
    "QC523",
    "graphviz-differs",
    Severity.WARNING,
    "The drawing of the graph shows other nodes or edges than graph.json",
    "People would look at another graph than the one that is served",
    "Draw the graph again",
)

RULES = (GROUPS_DIFFER, PICTURE_DIFFERS)

DOT = "graphviz/graphviz_condensed.dot"
SVG = "graphviz/graphviz_condensed.svg"
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_DOT_EDGE = re.compile(rf"^\s*{_QUOTED}\s*->\s*{_QUOTED}\s*(?:\[(.*?)\])?;?\s*$", re.MULTILINE | re.DOTALL)
_DOT_NODE = re.compile(rf"^\s*{_QUOTED}\s*\[", re.MULTILINE)
_LABEL = re.compile(rf"\bxlabel={_QUOTED}")
_TITLE = re.compile(r"<title>([^<]*)</title>")


def check_groups(data: RunData) -> Iterator[Finding]:
    """Members of the YAML manifests against the graph."""
    nodes = data.auxiliary["graph_nodes"].to_dicts()
    if not nodes:
        return
    sets = {node["canonical_node_id"]: node["group_by_set"] for node in nodes}
    edges = {
        text_at(edge, "id"): sets.get(text_at(edge, "source") or "")
        for edge in objects_at(data.document(GRAPH), "edges")
    }
    families = {node["facet_family_id"]: node["group_by_set"] for node in nodes if node["facet_family_id"]}
    expected: dict[str, dict[Any, str | None]] = {
        "nodes": dict(sets),
        "edges": dict(edges),
        "families": dict(families),
        "defaults": dict.fromkeys(families, ""),
    }
    groups = data.auxiliary["definition_groups"]
    for kind, members in expected.items():
        rows = groups.filter(pl.col("kind") == kind).to_dicts()
        if rows:
            yield from _check_group(kind, rows, members)


def _check_group(kind: str, rows: list[dict[str, Any]], members: dict[Any, str | None]) -> Iterator[Finding]:
    listed = Counter(row["member"] for row in rows)
    for row in rows:
        member = row["member"]
        if listed[member] > 1:
            problem = f"{member} is listed {listed[member]} times"
            listed[member] = 1
        elif member not in members and kind == "defaults":
            continue  # families of the template that this graph does not use
        elif member not in members:
            problem = f"graph.json does not have {member}"
        elif members[member] is not None and row["group_name"] != members[member]:
            problem = f"{member} belongs to {members[member]}"
        else:
            continue
        yield GROUPS_DIFFER.finding(problem, file=row["source_file"], actual=row["group_name"] or member)
    for member in members.keys() - listed.keys():
        yield GROUPS_DIFFER.finding(f"{member} is missing", file=rows[0]["source_file"], expected=member)


def check_pictures(data: RunData) -> Iterator[Finding]:
    """Nodes and edges drawn by Graphviz against the graph."""
    nodes = set(data.auxiliary["graph_nodes"]["canonical_node_id"].to_list())
    if not nodes:
        return
    edges = {
        tuple(text_at(edge, name) or "" for name in ("source", "target", "type"))
        for edge in objects_at(data.document(GRAPH), "edges")
    }
    dot, svg = _content(data, DOT), _content(data, SVG)
    if dot:
        labels = ((s, t, _LABEL.search(attributes or "")) for s, t, attributes in _DOT_EDGE.findall(dot))
        drawn = {(source, target, label.group(1) if label else "") for source, target, label in labels}
        yield from _difference(DOT, "node", set(_DOT_NODE.findall(dot)) ^ nodes)
        yield from _difference(DOT, "edge", {" ".join(edge) for edge in drawn ^ edges})
    if svg:
        yield from _difference(SVG, "node", nodes - set(_TITLE.findall(svg)))


def _difference(file: str, what: str, names: set[str]) -> Iterator[Finding]:
    if names:
        shown = sorted(names)
        yield PICTURE_DIFFERS.finding(
            f"{len(names)} {what}s are only in the drawing or only in graph.json",
            file=file,
            actual=shown[0],
            count=len(shown),
        )


def _content(data: RunData, relative: str) -> str | None:
    frame = data.frames["raw_run_documents"]
    contents = frame.filter(pl.col("source_file") == relative)["content"].to_list()
    return contents[0] if contents else None
