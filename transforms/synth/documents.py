"""The documents at a run's root: manifests, graph, bundle, results index and drawing."""

from __future__ import annotations

from transforms.synth.bundle import VERSION, build_bundle, taxonomy_hash
from transforms.synth.clock import SEMANTIC
from transforms.synth.graph import DRIVEN_BY, SEGMENTS_INTO, TRENDS_TO, Graph, Node
from transforms.synth.headers import Document, dataset_path, node_summary
from transforms.synth.identity import Identity
from transforms.synth.methods import methods_of
from transforms.synth.modeling import EXPERIMENTS, RUN_SUMMARY
from transforms.synth.taxonomy import Metric
from transforms.synth.writer import RunWriter

_EDGE_COLORS = {TRENDS_TO: "#565EAA", SEGMENTS_INTO: "#38A169", DRIVEN_BY: "#4A5568"}


def write_documents(
    writer: RunWriter, identity: Identity, graph: Graph, metrics: tuple[Metric, ...], periods: tuple[str, ...]
) -> None:
    """Write the documents that describe the run as a whole."""
    writer.json("run_manifest.json", _manifest(identity, graph))
    writer.json("run_manifest.semantic.json", _semantic_manifest(identity, metrics))
    writer.json(
        "graph.json",
        {
            "edges": [dict(sorted(edge.document().items())) for edge in graph.edges],
            "nodes": [node.document() for node in graph.nodes],
        },
    )
    writer.json("metadata_bundle.json", build_bundle(identity, metrics))
    writer.json(
        "results/index.json",
        {
            "created_at": identity.clock.started_at(),
            "nodes": [_index_entry(node, periods) for node in graph.nodes],
            "run_id": identity.run_id,
        },
    )
    writer.text("graphviz/graphviz_condensed.dot", _dot(graph))


def _manifest(identity: Identity, graph: Graph) -> Document:
    return {
        "edge_count": len(graph.edges),
        "edges_directory": f"{identity.root}/edges",
        "node_count": len(graph.nodes),
        "nodes_directory": f"{identity.root}/nodes",
        "output_directory": identity.root,
        "results": {
            "include_legacy_entity_results": False,
            "index_path": "results/index.json",
            "nodes_directory": "results/nodes",
            "sharded": True,
        },
        "run_id": identity.run_id,
        "run_label": identity.graph_name,
        "run_root_directory": identity.root,
        "started_at": identity.clock.started_at(),
        "taxonomy_directory": "/app/taxonomy",
    }


def _semantic_manifest(identity: Identity, metrics: tuple[Metric, ...]) -> Document:
    return {
        "run_id": identity.run_id,
        "graph_name": identity.graph_name,
        "requirements_path": "/app/requirements/synthetic.md",
        "taxonomy_hash": taxonomy_hash(metrics),
        "generated_at": identity.clock.offset(SEMANTIC),
        "metadata_bundle_version": VERSION,
        "modeling": {"run_summary_path": RUN_SUMMARY, "experiments_manifest_path": EXPERIMENTS},
    }


def _index_entry(node: Node, periods: tuple[str, ...]) -> Document:
    return {
        "canonical_node_id": node.id,
        "dataset_path": dataset_path(node),
        "metric_id": node.metric.metric_id,
        "node_id": node.id,
        "result_path": f"results/nodes/{node.id}.jsonl",
        "statistical_methods": [method.id for method in methods_of(node.monthly)],
        "summary": node_summary(node, periods),
    }


def _dot(graph: Graph) -> str:
    """The graph in the DOT language; labels hold raw newlines, as the engine writes them."""
    lines = ["digraph insight_graph {", "  rankdir=LR;"]
    for node in graph.nodes:
        label = f"{node.metric.metric_id}\n{node.scope.group_by_set}\n{node.time_grain}"
        lines.append(
            f'  "{node.id}" [shape="box", style="rounded,filled", fillcolor="#FFFFFF", '
            f'color="#696969", fontcolor="#696969", label="{label}"];'
        )
    for edge in graph.edges:
        style = 'style="dashed", ' if edge.type == TRENDS_TO else ""
        lines.append(
            f'  "{edge.source.id}" -> "{edge.target.id}" [color="{_EDGE_COLORS[edge.type]}", '
            f'{style}penwidth="1.4", xlabel="{edge.type}"];'
        )
    return "\n".join([*lines, "}"])
