"""analysis/contribution: three files a segmenting child node, their index and the arguments."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.synth.clock import CONTRIBUTIONS
from transforms.synth.contributions import Decomposition, decompose
from transforms.synth.graph import SEGMENTS_INTO, Graph
from transforms.synth.headers import Document
from transforms.synth.identity import Identity
from transforms.synth.node_data import NodeData
from transforms.synth.numbers import nullable
from transforms.synth.writer import RunWriter

_FOLDER = "analysis/contribution"
_WEIGHT = "encounters"
_WEIGHTED_MEAN, _WEIGHTED_STATISTIC = "weighted_mean", "weighted_statistic"

Artifacts = dict[str, list[Document]]
"""Index entries of the files written, by parent node id."""


def write_metric_contributions(
    writer: RunWriter, identity: Identity, data: dict[str, NodeData], artifacts: Artifacts
) -> None:
    """Write the files of one metric and note them in ``artifacts``."""
    for child in data.values():
        scope = child.entities.scope
        if scope.parent is None or scope.edge_type != SEGMENTS_INTO:
            continue
        parent = data[scope.parent]
        metric_id = child.aggregate_node.metric.metric_id
        pairs = (
            (metric_id, _WEIGHTED_MEAN, child.measures.aggregate, parent.measures.aggregate),
            ("robust_zscore", _WEIGHTED_STATISTIC, child.aggregate.robust, parent.aggregate.robust),
            ("simple_zscore", _WEIGHTED_STATISTIC, child.aggregate.simple, parent.aggregate.simple),
        )
        for name, method, values, parent_values in pairs:
            path = f"{child.aggregate_node.id}.{name}.jsonl"
            parts = decompose(parent, child, values, parent_values)
            rows = writer.lines(f"{_FOLDER}/{path}", _rows(identity, parent, child, name, method, parts))
            artifacts.setdefault(parent.aggregate_node.id, []).append(
                {"metric_id": name, "artifact_path": path, "row_count": rows, "output_format": "jsonl"}
            )


def write_contribution_index(
    writer: RunWriter, identity: Identity, graph: Graph, artifacts: Artifacts
) -> None:
    """Write the index, which lists every node, and the arguments of the run."""
    parents = []
    for node in graph.nodes:
        files = artifacts.get(node.id, [])
        parents.append(
            {
                "parent_node_id": node.id,
                "parent_node_file": _node_file(identity, node.id),
                "metrics": {str(file["metric_id"]): file["artifact_path"] for file in files},
                "metric_artifacts": files,
                "child_rows": sum(count for file in files if isinstance(count := file["row_count"], int)),
            }
        )
    writer.json(
        f"{_FOLDER}/index.json",
        {
            "run_id": identity.run_id,
            "generated_at": identity.clock.zulu(CONTRIBUTIONS),
            "artifacts_root": f"{identity.root}/{_FOLDER}",
            "parents": parents,
        },
    )
    metrics = {node.metric.metric_id: None for node in graph.nodes}
    writer.json(
        f"{_FOLDER}/manifests/cli/run_args.json",
        {
            "command": "contribution run --all-parents",
            "generated_at": identity.clock.offset(CONTRIBUTIONS),
            "run_directory": identity.root,
            "artifacts_dir": f"{identity.root}/{_FOLDER}",
            "metrics": [*metrics, "robust_zscore", "simple_zscore"],
            "output_formats": ["jsonl"],
            "parent_node_ids": [node.id for node in graph.nodes],
            "parallel_workers": 4,
        },
    )


def _node_file(identity: Identity, node_id: str) -> str:
    return f"{identity.root}/results/nodes/{node_id}.jsonl"


def _rows(
    identity: Identity, parent: NodeData, child: NodeData, metric: str, method: str, parts: Decomposition
) -> Iterator[Document]:
    parent_id, child_id = parent.aggregate_node.id, child.aggregate_node.id
    parent_keys = [parent.entities.key_document(index) for index in range(len(parent.entities))]
    timestamp = identity.clock.zulu(CONTRIBUTIONS)
    columns = zip(
        parts.parent.tolist(),
        parts.weight.tolist(),
        parts.share.tolist(),
        nullable(parts.value),
        nullable(parts.parent_value),
        nullable(parts.component),
        nullable(parts.excess),
        strict=True,
    )
    for index, (above, weight, share, value, parent_value, component, excess) in enumerate(columns):
        key = child.entities.key_document(index)
        missing = [
            name for name, known in (("child_value", value), ("parent_value", parent_value)) if known is None
        ]
        yield {
            "run_id": identity.run_id,
            "parent_node_id": parent_id,
            "parent_node_file": _node_file(identity, parent_id),
            "parent_entity": parent_keys[above],
            "child_node_id": child_id,
            "child_node_file": _node_file(identity, child_id),
            "child_entity": key,
            "metric_id": metric,
            "method": method,
            "child_value": value,
            "parent_value": parent_value,
            "weight_field": _WEIGHT,
            "weight_value": weight,
            "weight_share": share,
            "weighted_child_value": component,
            "contribution_value": share,
            "raw_component": component,
            "excess_over_parent": excess,
            "parent_statistics": None,
            "assumptions": [f"weights: {_WEIGHT}"],
            "fallbacks": [],
            "missing_inputs": missing,
            "dataset_row_locator": {"key": key},
            "timestamp": timestamp,
        }
