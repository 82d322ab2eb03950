"""QC511, QC512, QC522, QC524: nodes of the graph, their ids and their YAML definitions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from contracts.findings import Finding, Severity
from contracts.json_values import objects_at, text_at, texts_at, value_at
from contracts.rules.rule import Rule
from contracts.run_data import RunData

NODE_DEFINITION_DIFFERS = Rule(
    "QC511",
    "node-definition-differs",
    Severity.ERROR,
    "A node YAML file and graph.json disagree",
    "Results were computed from a definition other than the one that is shown",
    "Generate graph and definitions again from one source",
)
NODE_ID_NOT_COMPOSED = Rule(
    "QC512",
    "node-id-not-composed",
    Severity.ERROR,
    "A node id is not made of its metric, dimensions and time grain",
    "Files and edges are found by node id",
    "Name the node <metric>__<dimension>[_<dimension>]__<time grain>",
)
UNKNOWN_TO_BUNDLE = Rule(
    "QC522",
    "unknown-to-bundle",
    Severity.ERROR,
    "A node uses a term that the run's metadata bundle does not define",
    "The term has no display name, and filters cannot offer it",
    "Export the metadata bundle again, or correct the term",
)
DUPLICATE_ID = Rule(
    "QC524",
    "duplicate-graph-id",
    Severity.ERROR,
    "Two nodes or two edges of the graph have the same id",
    "One of them would be lost",
    "Remove the duplicate",
)

RULES = (NODE_DEFINITION_DIFFERS, NODE_ID_NOT_COMPOSED, UNKNOWN_TO_BUNDLE, DUPLICATE_ID)

GRAPH = "graph.json"
METADATA_BUNDLE = "metadata_bundle.json"

_SHARED_FIELDS = (
    "metric_id",
    "time_grain",
    "group_by_set",
    "group_bys",
    "graph_entry_point",
    "facet_family_id",
    "description",
)


def check_nodes(data: RunData) -> Iterator[Finding]:
    """Nodes of graph.json by themselves, and against their YAML definitions."""
    nodes = data.auxiliary["graph_nodes"].to_dicts()
    if not nodes:
        return
    for kind in ("nodes", "edges"):
        ids = Counter(text_at(item, "id") for item in objects_at(data.document(GRAPH), kind))
        for name, count in ids.items():
            if name is not None and count > 1:
                yield DUPLICATE_ID.finding(
                    f"{count} {kind} have the id {name}", file=GRAPH, json_path=f"/{kind}", actual=name
                )
    for node in nodes:
        yield from _check_id(node)
    yield from _check_definitions(data, {node["canonical_node_id"]: node for node in nodes})


def check_terms(data: RunData) -> Iterator[Finding]:
    """Terms of node definitions (else of graph nodes) against the metadata bundle."""
    bundle = data.document(METADATA_BUNDLE)
    if not bundle or data.auxiliary["graph_nodes"].is_empty():
        return
    known = {
        "metric_id": {text_at(item, "metric_id") for item in objects_at(bundle, "metrics")},
        "group_by_set": {text_at(item, "id") for item in objects_at(bundle, "group_by_sets")},
        "comparison_group": {text_at(item, "id") for item in objects_at(bundle, "comparison_modes")},
    }
    tags = {text_at(item, "id") for item in objects_at(bundle, "tag_types")}
    sets = {text_at(item, "id"): item for item in objects_at(bundle, "group_by_sets")}
    definitions = data.auxiliary["node_definitions"].to_dicts()
    defined = {node["canonical_node_id"] for node in definitions}
    graph = [n for n in data.auxiliary["graph_nodes"].to_dicts() if n["canonical_node_id"] not in defined]
    for node in (*definitions, *graph):
        for field, terms in known.items():
            if node.get(field) is not None and node[field] not in terms:
                yield _unknown(node, field, node[field])
        for tag in json.loads(node.get("tags") or "[]"):
            if tag not in tags:
                yield _unknown(node, "tags", tag)
        yield from _check_set(node, sets.get(node["group_by_set"]))


def _check_set(node: dict[str, Any], definition: object) -> Iterator[Finding]:
    if definition is None:
        return
    methods = texts_at(definition, "allowed_metric_method_sets")
    method_set = node.get("metric_method_set")
    if method_set is not None and methods and method_set not in methods:
        yield _unknown(node, "metric_method_set", method_set)
    lists = value_at(definition, "allowed_dimensions")
    dimensions = json.loads(node["dimensions"])
    if isinstance(lists, list) and lists and dimensions not in lists:
        yield _unknown(node, "group_bys", ", ".join(dimensions))


def _unknown(node: dict[str, Any], field: str, term: str) -> Finding:
    path = f"/{field}" if node["source_file"] != GRAPH else f"/nodes/{node['position']}/{field}"
    where = (
        f"group_by_set {node['group_by_set']}"
        if field in ("metric_method_set", "group_bys")
        else "the metadata bundle"
    )
    return UNKNOWN_TO_BUNDLE.finding(
        f"{where} does not define the {field} of {node['canonical_node_id']}",
        file=node["source_file"],
        json_path=path,
        actual=term,
    )


def _check_id(node: dict[str, Any]) -> Iterator[Finding]:
    node_id, path = node["canonical_node_id"], f"/nodes/{node['position']}"
    if node["name"] is not None and node["name"] != node_id:
        yield NODE_ID_NOT_COMPOSED.finding(
            "the name is not the id",
            file=GRAPH,
            json_path=f"{path}/name",
            expected=node_id,
            actual=node["name"],
        )
    dimensions = json.loads(node["dimensions"])
    if node["metric_id"] is None or node["time_grain"] is None or not dimensions:
        return
    composed = f"{node['metric_id']}__{'_'.join(dimensions)}__{node['time_grain']}"
    if composed != node_id:
        yield NODE_ID_NOT_COMPOSED.finding(
            "the id does not follow from metric, dimensions and time grain",
            file=GRAPH,
            json_path=f"{path}/id",
            expected=composed,
            actual=node_id,
        )


def _check_definitions(data: RunData, nodes: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for definition in data.auxiliary["node_definitions"].to_dicts():
        file, node_id = definition["source_file"], definition["canonical_node_id"]
        path = PurePosixPath(file)
        if path.stem != node_id:
            yield NODE_DEFINITION_DIFFERS.finding(
                "the file is not named after the node",
                file=file,
                json_path="/id",
                expected=path.stem,
                actual=node_id,
            )
            continue
        node = nodes.get(node_id)
        if node is None:
            yield NODE_DEFINITION_DIFFERS.finding("graph.json has no such node", file=file, actual=node_id)
            continue
        differing = [field for field in _SHARED_FIELDS if definition[field] != node[field]]
        if differing:
            field = differing[0]
            yield NODE_DEFINITION_DIFFERS.finding(
                f"{', '.join(differing)} not as in graph.json",
                file=file,
                json_path=f"/{field}",
                expected=_shown(node[field]),
                actual=_shown(definition[field]),
            )
        folders = (path.parts[1], path.parts[3])
        if not differing and folders != (node["metric_id"], node["group_by_set"]):
            yield NODE_DEFINITION_DIFFERS.finding(
                "the file is not in nodes/<metric>/base/<group_by_set>/",
                file=file,
                expected=f"nodes/{node['metric_id']}/base/{node['group_by_set']}",
                actual=path.parent.as_posix(),
            )


def _shown(value: object) -> str:
    return str(value)[:120]
