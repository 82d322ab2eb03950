"""Frames that are checked but not loaded, from documents other modules have read already."""

from __future__ import annotations

from typing import Any

import msgspec
import polars as pl

from contracts.tables.auxiliary import (
    CONTRIBUTION_ARTIFACTS,
    CONTRIBUTION_PARENTS,
    GRAPH_NODES,
    INDEX_NODES,
    NODE_HEADERS,
)
from transforms.run import RESULTS_INDEX
from transforms.stage.contributions import CONTRIBUTION_INDEX, ContributionIndex, artifact_file
from transforms.stage.frames import FrameBuilder
from transforms.stage.graph import GRAPH, Graph, ResultsIndex
from transforms.stage.nodes import StagedHeader
from transforms.stage.reader import Source
from transforms.stage.structs import HeaderMethod, NodeSummary

_encode = msgspec.json.Encoder(order="sorted").encode


def graph_nodes(source: Source, graph: Graph) -> pl.DataFrame:
    """Nodes of graph.json."""
    builder = FrameBuilder(GRAPH_NODES, GRAPH_NODES.column_names[:-1], source.findings.append)
    for position, node in enumerate(graph.nodes):
        builder.add(
            (
                node.id,
                position,
                node.name,
                node.metric_id,
                node.time_grain,
                node.group_by_set,
                _text(node.group_bys),
                _text([item.dataset_field for item in node.group_bys]),
                node.graph_entry_point,
                node.facet_family_id,
                node.description,
                GRAPH,
            )
        )
    builder.flush()
    return builder.frame()


def index_nodes(source: Source, index: ResultsIndex) -> pl.DataFrame:
    """Nodes of results/index.json."""
    builder = FrameBuilder(INDEX_NODES, INDEX_NODES.column_names[:-1], source.findings.append)
    for position, node in enumerate(index.nodes):
        builder.add(
            (
                node.canonical_node_id,
                position,
                node.node_id,
                node.metric_id,
                node.dataset_path,
                node.result_path,
                _text(node.statistical_methods),
                _summary(node.summary),
                RESULTS_INDEX,
            )
        )
    builder.flush()
    return builder.frame()


def node_headers(source: Source, files: list[StagedHeader]) -> pl.DataFrame:
    """Headers of the node files that have a readable one."""
    builder = FrameBuilder(NODE_HEADERS, NODE_HEADERS.column_names[:-1], source.findings.append)
    for staged in files:
        header = staged.header
        builder.add(
            (
                header.canonical_node_id,
                header.metric_id,
                header.dataset_path,
                _text([method.statistical_method for method in header.statistical_methods]),
                _summary(header.summary),
                _text([msgspec.structs.astuple(child) for child in header.canonical_child_node_ids]),
                _text([msgspec.structs.astuple(parent) for parent in header.canonical_parent_node_ids]),
                _text([_record_count(method) for method in header.statistical_methods]),
                header.entity_results_count,
                staged.entity_lines,
                staged.source_file,
            )
        )
    builder.flush(line_number=1)
    return builder.frame()


def _record_count(method: HeaderMethod) -> int | float | None:
    counted = method.summary.global_statistics.aggregate_statistics
    return None if counted is None else counted.global_record_count


def contribution_parents(source: Source, index: ContributionIndex) -> pl.DataFrame:
    """Parents of the contribution index."""
    builder = FrameBuilder(
        CONTRIBUTION_PARENTS, CONTRIBUTION_PARENTS.column_names[:-2], source.findings.append
    )
    for position, parent in enumerate(index.parents):
        builder.add((position, parent.parent_node_id, parent.child_rows, _text(parent.metrics)))
    builder.flush(source_file=CONTRIBUTION_INDEX)
    return builder.frame()


def contribution_artifacts(source: Source, index: ContributionIndex) -> pl.DataFrame:
    """Files the contribution index announces."""
    builder = FrameBuilder(
        CONTRIBUTION_ARTIFACTS, CONTRIBUTION_ARTIFACTS.column_names[:-2], source.findings.append
    )
    for parent_position, parent in enumerate(index.parents):
        for position, artifact in enumerate(parent.metric_artifacts):
            builder.add(
                (
                    parent_position,
                    position,
                    parent.parent_node_id,
                    artifact.metric_id,
                    artifact.artifact_path,
                    artifact_file(artifact),
                    artifact.row_count,
                    artifact.output_format,
                )
            )
    builder.flush(source_file=CONTRIBUTION_INDEX)
    return builder.frame()


def _summary(summary: NodeSummary) -> str:
    """The summary as text that is equal where the values are: a count of 12.0 is one of 12."""
    window = summary.temporal_context
    if window is not None and window.period_count is not None:
        window.period_count = float(window.period_count)
    return _text(summary)


def _text(value: Any) -> str:
    return _encode(value).decode()
