"""QC513-QC520: edges of the graph, what they join and their YAML definitions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from contracts.findings import Finding, Severity
from contracts.json_values import objects_at, text_at, value_at
from contracts.rules.graph.nodes import GRAPH, METADATA_BUNDLE
from contracts.rules.rule import Rule
from contracts.run_data import RunData

EDGE_DEFINITION_DIFFERS = Rule(
    "QC513",
    "edge-definition-differs",
    Severity.ERROR,
    "An edge YAML file and graph.json disagree, or an edge id is not <source>__to__<target>",
    "Drill-down follows the graph, authors edit the definitions",
    "Generate graph and definitions again from one source",
)
EDGE_ENDPOINT_UNKNOWN = Rule(
    "QC514",
    "edge-endpoint-unknown",
    Severity.ERROR,
    "An edge names a node that the graph does not have",
    "Drill-down would lead nowhere",
    "Add the node, or remove the edge",
)
EDGE_TYPE_UNKNOWN = Rule(
    "QC515",
    "edge-type-unknown",
    Severity.ERROR,
    "The run's metadata bundle does not list the type of an edge",
    "The edge has no display name and no behaviour in the dashboard",
    "Export the metadata bundle again, or correct the type",
)
TREND_EDGE_SHAPE = Rule(
    "QC516",
    "trend-edge-shape",
    Severity.ERROR,
    "A trends_to edge does not join an aggregate node with a temporal one of equal dimensions",
    "Trends of an entity are found through this edge",
    "Point the edge at the temporal node of the same dimensions",
)
EDGE_SHAPE = Rule(
    "QC517",
    "edge-shape",
    Severity.WARNING,
    "An edge to a facet changes the time grain or does not add exactly one dimension",
    "Parents and children would not be comparable",
    "Let the edge add one dimension and keep the time grain",
)
TREND_PARENT = Rule(
    "QC518",
    "trend-parent",
    Severity.ERROR,
    "A temporal node does not have exactly one trends_to parent",
    "Its timelines belong to no entity, or to several",
    "Add or remove trends_to edges",
)
ENTRY_POINT = Rule(
    "QC519",
    "entry-point",
    Severity.WARNING,
    "The graph does not have exactly one entry point",
    "Readers would not know where to start",
    "Mark one node as graph_entry_point",
)
EDGE_CONDITIONS = Rule(
    "QC520",
    "edge-conditions",
    Severity.WARNING,
    "The conditions of an edge are not the dimensions of its target",
    "Following the edge would select other entities",
    "Write one condition {{dimension}} for each dimension of the target, in order",
)

RULES = (
    EDGE_DEFINITION_DIFFERS,
    EDGE_ENDPOINT_UNKNOWN,
    EDGE_TYPE_UNKNOWN,
    TREND_EDGE_SHAPE,
    EDGE_SHAPE,
    TREND_PARENT,
    ENTRY_POINT,
    EDGE_CONDITIONS,
)

AGGREGATE = "aggregate_time_period"
TRENDS_TO = "trends_to"
_SHARED_FIELDS = {
    "source_node_id": "source",
    "target_node_id": "target",
    "edge_type": "type",
    "direction": "direction",
    "rationale": "rationale",
}
_CONDITION_FIELDS = ("field", "operator", "value")

Node = dict[str, Any]


def check_edges(data: RunData) -> Iterator[Finding]:
    """Edges of graph.json by themselves, against its nodes, the bundle and the YAML definitions."""
    document = data.document(GRAPH)
    nodes = {node["canonical_node_id"]: node for node in data.auxiliary["graph_nodes"].to_dicts()}
    edges = objects_at(document, "edges")
    bundle = data.document(METADATA_BUNDLE)
    types = {text_at(item, "id") for item in objects_at(bundle, "edge_types")}
    for position, edge in enumerate(edges):
        path = f"/edges/{position}"
        source, target, edge_type = (text_at(edge, name) or "" for name in ("source", "target", "type"))
        yield from _check_edge_id(text_at(edge, "id"), source, target, path)
        if bundle and edge_type not in types:
            yield EDGE_TYPE_UNKNOWN.finding(
                "the bundle does not list the edge type",
                file=GRAPH,
                json_path=f"{path}/type",
                actual=edge_type,
            )
        unknown = [end for end, name in (("source", source), ("target", target)) if name not in nodes]
        for end in unknown:
            yield EDGE_ENDPOINT_UNKNOWN.finding(
                f"the graph has no node that is the {end} of the edge",
                file=GRAPH,
                json_path=f"{path}/{end}",
                actual=text_at(edge, end),
            )
        if not unknown:
            yield from _check_shape(edge_type, nodes[source], nodes[target], path)
            yield from _check_conditions(edge, nodes[target], path)
    if document:
        yield from _check_topology(nodes, edges)
        yield from _check_definitions(data, nodes, edges)


def _check_edge_id(edge_id: str | None, source: str, target: str, path: str) -> Iterator[Finding]:
    composed = f"{source}__to__{target}"
    if edge_id is not None and edge_id != composed:
        yield EDGE_DEFINITION_DIFFERS.finding(
            "the id does not follow from source and target",
            file=GRAPH,
            json_path=f"{path}/id",
            expected=composed,
            actual=edge_id,
        )


def _check_shape(edge_type: str, source: Node, target: Node, path: str) -> Iterator[Finding]:
    if None in (source["time_grain"], target["time_grain"]):
        return
    before, after = json.loads(source["dimensions"]), json.loads(target["dimensions"])
    grains = (source["time_grain"], target["time_grain"])
    shape = f"{'+'.join(before)} by {grains[0]} to {'+'.join(after)} by {grains[1]}"
    if edge_type == TRENDS_TO:
        if before != after or grains[0] != AGGREGATE or grains[1] == AGGREGATE:
            yield TREND_EDGE_SHAPE.finding(
                "the edge does not lead from an aggregate node to its monthly one",
                file=GRAPH,
                json_path=path,
                actual=shape,
            )
    elif grains[0] != grains[1] or not (len(after) == len(before) + 1 and set(before) < set(after)):
        yield EDGE_SHAPE.finding(
            "the edge does not add one dimension to the same time grain",
            file=GRAPH,
            json_path=path,
            actual=shape,
        )


def _check_conditions(edge: object, target: Node, path: str) -> Iterator[Finding]:
    if value_at(edge, "conditions") is None:
        return
    conditions = [(text_at(item, "field"), text_at(item, "value")) for item in objects_at(edge, "conditions")]
    expected = [(name, f"{{{{{name}}}}}") for name in json.loads(target["dimensions"])]
    if conditions != expected:
        yield EDGE_CONDITIONS.finding(
            "the conditions are not the target's dimensions in order",
            file=GRAPH,
            json_path=f"{path}/conditions",
            expected=", ".join(f"{name} = {value}" for name, value in expected),
            actual=", ".join(f"{name} = {value}" for name, value in conditions),
        )


def _check_topology(nodes: dict[str, Node], edges: list[Any]) -> Iterator[Finding]:
    parents = Counter(text_at(edge, "target") for edge in edges if text_at(edge, "type") == TRENDS_TO)
    for node_id, node in nodes.items():
        grain = node["time_grain"]
        known = all(text_at(edge, "source") in nodes for edge in edges if text_at(edge, "target") == node_id)
        if grain is None or grain == AGGREGATE or parents[node_id] == 1 or not known:
            continue
        yield TREND_PARENT.finding(
            f"{node_id} has {parents[node_id]} trends_to parents",
            file=GRAPH,
            json_path=f"/nodes/{node['position']}",
            expected="1",
            actual=str(parents[node_id]),
        )
    entries = [node_id for node_id, node in nodes.items() if node["graph_entry_point"]]
    if nodes and len(entries) != 1 and any(n["graph_entry_point"] is not None for n in nodes.values()):
        yield ENTRY_POINT.finding(
            f"{len(entries)} nodes are entry points",
            file=GRAPH,
            json_path="/nodes",
            expected="1",
            actual=", ".join(entries[:4]) or "none",
        )


def _check_definitions(data: RunData, nodes: dict[str, Node], edges: list[Any]) -> Iterator[Finding]:
    written = {text_at(edge, "id"): edge for edge in edges}
    for definition in data.auxiliary["edge_definitions"].to_dicts():
        file, edge_id = definition["source_file"], definition["edge_id"]
        path = PurePosixPath(file)
        edge = written.get(edge_id)
        if path.stem != edge_id or edge is None:
            yield EDGE_DEFINITION_DIFFERS.finding(
                "graph.json has no such edge"
                if path.stem == edge_id
                else "the file is not named after the edge",
                file=file,
                json_path="/id",
                actual=edge_id,
            )
            continue
        differing = [
            field for column, field in _SHARED_FIELDS.items() if definition[column] != value_at(edge, field)
        ]
        # Members that no one knows are nobody's business, as they are elsewhere in an edge.
        drawn = [
            {name: item.get(name) for name in _CONDITION_FIELDS} for item in objects_at(edge, "conditions")
        ]
        if json.loads(definition["conditions"]) != drawn:
            differing.append("conditions")
        if differing:
            field = differing[0]
            columns = {name: column for column, name in _SHARED_FIELDS.items()} | {"conditions": "conditions"}
            yield EDGE_DEFINITION_DIFFERS.finding(
                f"{', '.join(differing)} not as in graph.json",
                file=file,
                json_path=f"/{field}",
                expected=str(value_at(edge, field))[:120],
                actual=str(definition[columns[field]])[:120],
            )
            continue
        source = nodes.get(definition["source_node_id"])
        if source is not None and path.parts[3] != source["group_by_set"]:
            yield EDGE_DEFINITION_DIFFERS.finding(
                "the file is not in the folder of its source's group_by_set",
                file=file,
                expected=source["group_by_set"],
                actual=path.parts[3],
            )
