"""YAML definitions of nodes and edges, their manifests and the family defaults."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.synth.graph import COMPARISON_GROUP, Edge, Graph, Node, group_bys
from transforms.synth.headers import Document
from transforms.synth.methods import AGGREGATE_SCOPE, TREND_SCOPE, Method, methods_of
from transforms.synth.writer import RunWriter

SCHEMA_VERSION = "0.1.0"

_SUMMED = ("losOutliers", "uniquePatients", "losMeanObservedDays", "losMeanExpectedDays", "losVarianceDays")
_DEFAULTS = "defaults/facet_family_defaults.yaml"


def write_definitions(writer: RunWriter, graph: Graph) -> None:
    """Write every definition of ``graph``."""
    for node in graph.nodes:
        writer.yaml(f"{_base('nodes', node)}/{node.id}.yaml", _node(node))
    for edge in graph.edges:
        writer.yaml(
            f"{_base('edges', edge.source)}/{edge.id}.yaml",
            {"schema_version": SCHEMA_VERSION, **edge.document()},
        )
    for metric_id in dict.fromkeys(node.metric.metric_id for node in graph.nodes):
        nodes = [node for node in graph.nodes if node.metric.metric_id == metric_id]
        edges = [edge for edge in graph.edges if edge.source.metric.metric_id == metric_id]
        writer.yaml(f"nodes/{metric_id}/manifests/base.yaml", _node_manifest(nodes))
        writer.yaml(f"nodes/{metric_id}/manifests/facets.yaml", {"families": list(_families(nodes))})
        writer.yaml(f"edges/{metric_id}/manifests/base.yaml", _edge_manifest(edges))
    writer.yaml(_DEFAULTS, _defaults(graph))


def _base(tree: str, node: Node) -> str:
    return f"{tree}/{node.metric.metric_id}/base/{node.scope.group_by_set}"


def _node(node: Node) -> Document:
    scope = TREND_SCOPE if node.monthly else AGGREGATE_SCOPE
    grain = "month" if node.monthly else "year"
    return {
        "schema_version": SCHEMA_VERSION,
        "id": node.id,
        "metric_id": node.metric.metric_id,
        "group_by_set": node.scope.group_by_set,
        "group_bys": group_bys(node.scope),
        "data_source": {"dataset_id": f"inpatient_throughput_medicareid_{grain}{node.scope.dataset_suffix}"},
        "multi_method_contract": {
            "contract_id": f"contract__{scope}",
            "purpose": "Compare every entity with its peers.",
            "methods": [_method(method) for method in methods_of(node.monthly)],
        },
        "time_grain": node.time_grain,
        "comparison_group": COMPARISON_GROUP,
        "comparison_type": "distribution",
        "metric_method_set": _method_set(node.monthly),
        "metric_dependencies": [],
        "tags": node.metric.tags,
        "pii_flag": False,
        "description": node.description,
        "facet_family_id": node.facet_family_id,
        "graph_entry_point": node.entry_point,
        "metadata_columns": list(_metadata_columns(node.monthly)),
    }


def _method_set(monthly: bool) -> str:
    return TREND_SCOPE if monthly else "aggregated_time_period"


def _method(method: Method) -> Document:
    rules = [method.rule_id(rule) for rule in method.rules]
    return {
        "id": method.id,
        "anomaly_profile": method.profile_id,
        "anomaly_methods": rules,
        "anomaly_method": rules[0],
    }


def _metadata_columns(monthly: bool) -> Iterator[dict[str, str]]:
    total = "per_period" if monthly else "sum"
    yield {"id": "encounters", "dataset_field": "encounters", "aggregation": total}
    for name in ("systemName", "facility"):
        yield {"id": name, "dataset_field": name, "aggregation": "first"}
    for name in _SUMMED:
        yield {"id": name, "dataset_field": name, "aggregation": total}


def _node_manifest(nodes: list[Node]) -> Document:
    sets = dict.fromkeys(node.scope.group_by_set for node in nodes)
    return {
        name: {"nodes": [node.id for node in nodes if node.scope.group_by_set == name]}
        for name in sorted(sets)
    }


def _edge_manifest(edges: list[Edge]) -> Document:
    sets = dict.fromkeys(edge.source.scope.group_by_set for edge in edges)
    return {
        name: {"edges": [edge.id for edge in edges if edge.source.scope.group_by_set == name]}
        for name in sorted(sets)
    }


def _families(nodes: list[Node]) -> Iterator[Document]:
    for node in nodes:
        if not node.monthly:
            dimensions = list(node.scope.facet_dimensions)
            yield {
                "family_id": node.facet_family_id,
                "facet_type": dimensions[-1] if dimensions else node.scope.group_by_set,
                "facet_dimensions": dimensions,
                "group_by_set": node.scope.group_by_set,
                "materialization": "runtime",
                "nodes": {"aggregate": [], "trend": []},
            }


def _defaults(graph: Graph) -> Document:
    """Defaults as the engine writes them; they differ from the definitions and only inform."""
    aggregates = [node for node in graph.nodes if not node.monthly]
    return {
        "defaults": {
            "families": {
                node.facet_family_id: {
                    "metric_id": node.metric.metric_id,
                    "comparison_group": COMPARISON_GROUP,
                    "comparison_type": "distribution",
                    "metric_dependencies": [],
                    "tags": [node.metric.metric_id],
                    "data_quality_messages": [],
                }
                for node in aggregates
            },
            "nodes": {
                "aggregate__aggregated_time_period": _node_default(aggregates[0], monthly=False),
                "trend__trending_time_period": _node_default(aggregates[0], monthly=True),
            },
            "edge_macros": {},
        }
    }


def _node_default(node: Node, *, monthly: bool) -> Document:
    methods = [_method(method) for method in methods_of(monthly)]
    return {
        "metric_method_set": _method_set(monthly),
        "multi_method_contract": {
            "methods": [
                {name: method[name] for name in ("id", "anomaly_profile", "anomaly_method")}
                for method in methods
            ]
        },
        "metric_id": node.metric.metric_id,
        "comparison_group": COMPARISON_GROUP,
        "comparison_type": "trend" if monthly else "distribution",
    }
