"""The run's own description: manifests, graph, index and bundle, joined with node headers."""

from __future__ import annotations

from typing import Any

import msgspec
import polars as pl
from msgspec import Raw, Struct

from contracts.rules.files import MISSING_DOCUMENT
from contracts.tables.run import METRIC_DEFINITIONS, NODE_EDGES, NODE_RESULTS, RUNS
from transforms.run import RESULTS_INDEX, RUN_MANIFEST, SEMANTIC_MANIFEST
from transforms.stage.frames import FrameBuilder
from transforms.stage.nodes import StagedHeader
from transforms.stage.reader import Source
from transforms.stage.structs import EMPTY, Count, NodeSummary, json_text

GRAPH = "graph.json"
METADATA_BUNDLE = "metadata_bundle.json"


class IndexNode(Struct):
    """A node of the results index."""

    canonical_node_id: str
    metric_id: str
    node_id: str | None = None
    dataset_path: str | None = None
    result_path: str | None = None
    statistical_methods: list[str] = []
    summary: NodeSummary = NodeSummary()


class ResultsIndex(Struct):
    """results/index.json."""

    run_id: str | None = None
    created_at: str | None = None
    nodes: list[IndexNode] = []


class GroupBy(Struct):
    """A dimension of a node."""

    type: str
    dataset_field: str


class GraphNode(Struct):
    """A node of graph.json."""

    id: str
    name: str | None = None
    metric_id: str | None = None
    time_grain: str | None = None
    group_by_set: str | None = None
    group_bys: list[GroupBy] = []
    graph_entry_point: bool | None = None
    facet_family_id: str | None = None
    description: str | None = None


class GraphEdge(Struct):
    """An edge of graph.json."""

    source: str
    target: str
    type: str
    id: str | None = None
    direction: str | None = None
    rationale: str | None = None
    conditions: Raw = EMPTY


class Graph(Struct):
    """graph.json."""

    nodes: list[GraphNode] = []
    edges: list[GraphEdge] = []


class ResultPlaces(Struct):
    """Where the results of a run stand."""

    index_path: str
    nodes_directory: str
    sharded: bool
    include_legacy_entity_results: bool


class RunManifest(Struct):
    """run_manifest.json, of which engines write every field."""

    run_id: str
    run_label: str
    started_at: str
    node_count: Count
    edge_count: Count
    run_root_directory: str
    output_directory: str
    nodes_directory: str
    edges_directory: str
    taxonomy_directory: str
    results: ResultPlaces


class SemanticManifest(Struct):
    """run_manifest.semantic.json."""

    run_id: str | None = None
    graph_name: str | None = None
    taxonomy_hash: str | None = None
    metadata_bundle_version: str | None = None


class BundleMetric(Struct):
    """A metric of metadata_bundle.json."""

    metric_id: str
    display_name: str | None = None
    description: str | None = None
    domain: str | None = None
    polarity: str | None = None
    unit_type: str | None = None
    display_format: str | None = None
    null_fill_value: float | None = None


class Bundle(Struct):
    """metadata_bundle.json, as far as tables type it."""

    metrics: list[BundleMetric] = []


def read_index(source: Source) -> ResultsIndex:
    """The results index; an empty one (with findings) where it cannot be read."""
    index: ResultsIndex | None = source.document(RESULTS_INDEX, ResultsIndex)
    return index or ResultsIndex()


def read_graph(source: Source) -> Graph:
    """The graph; an empty one where there is none (older runs) or it cannot be read."""
    return _required(source, GRAPH, Graph) or Graph()


def stage_runs(source: Source, index: ResultsIndex) -> pl.DataFrame:
    """The one row of raw_runs."""
    manifest: RunManifest | None = _required(source, RUN_MANIFEST, RunManifest)
    semantic = _required(source, SEMANTIC_MANIFEST, SemanticManifest) or SemanticManifest()
    run = source.run
    builder = FrameBuilder(
        RUNS,
        (
            "graph_name",
            "created_at",
            "started_at",
            "taxonomy_hash",
            "metadata_bundle_version",
            "node_count",
            "edge_count",
        ),
        source.findings.append,
    )
    builder.add(
        (
            run.graph_name,
            index.created_at,
            manifest.started_at if manifest else None,
            semantic.taxonomy_hash,
            semantic.metadata_bundle_version,
            manifest.node_count if manifest else None,
            manifest.edge_count if manifest else None,
        )
    )
    builder.flush(run_key=run.run_key, run_id=run.run_id, source_file=RUN_MANIFEST)
    return builder.frame()


def stage_metric_definitions(source: Source) -> pl.DataFrame:
    """Metrics of the metadata bundle."""
    bundle = _required(source, METADATA_BUNDLE, Bundle) or Bundle()
    fields = BundleMetric.__struct_fields__
    builder = FrameBuilder(METRIC_DEFINITIONS, fields)
    for metric in bundle.metrics:
        builder.add(msgspec.structs.astuple(metric))
    run = source.run
    builder.flush(run_key=run.run_key, run_id=run.run_id, source_file=METADATA_BUNDLE)
    return builder.frame()


def stage_node_edges(source: Source, graph: Graph, headers: dict[str, StagedHeader]) -> pl.DataFrame:
    """Edges of the graph; where there is no graph, those the node headers name."""
    builder = FrameBuilder(
        NODE_EDGES,
        (
            "edge_id",
            "source_node_id",
            "target_node_id",
            "edge_type",
            "direction",
            "rationale",
            "conditions",
            "source_file",
            "line_number",
        ),
    )
    for edge in graph.edges:
        builder.add(
            (
                edge.id or f"{edge.source}__to__{edge.target}",
                edge.source,
                edge.target,
                edge.type,
                edge.direction,
                edge.rationale,
                json_text(edge.conditions),
                GRAPH,
                None,
            )
        )
    if not graph.edges:
        for node_id, staged in headers.items():
            for child in staged.header.canonical_child_node_ids:
                target = child.canonical_child_node_id
                edge_id = f"{node_id}__to__{target}"
                builder.add(
                    (edge_id, node_id, target, child.edge_type, None, None, None, staged.source_file, 1)
                )
    builder.flush(run_key=source.run.run_key, run_id=source.run.run_id)
    return builder.frame()


def stage_node_results(
    source: Source, index: ResultsIndex, graph: Graph, headers: dict[str, StagedHeader]
) -> pl.DataFrame:
    """One row a node, from its graph definition, its index entry and its header."""
    builder = FrameBuilder(NODE_RESULTS, tuple(NODE_RESULTS.column_names[2:]), source.findings.append)
    entries = {node.canonical_node_id: node for node in index.nodes}
    definitions = {node.id: node for node in graph.nodes}
    for node_id in sorted(entries.keys() | headers.keys()):
        builder.add(_node_row(node_id, entries.get(node_id), definitions.get(node_id), headers.get(node_id)))
    builder.flush(run_key=source.run.run_key, run_id=source.run.run_id)
    return builder.frame()


def _node_row(
    node_id: str, entry: IndexNode | None, node: GraphNode | None, staged: StagedHeader | None
) -> tuple[Any, ...]:
    header = staged.header if staged else None
    summary = header.summary if header else entry.summary if entry else NodeSummary()
    window = summary.temporal_context
    methods = (
        [method.statistical_method for method in header.statistical_methods]
        if header
        else entry.statistical_methods
        if entry
        else []
    )
    metric_id = header.metric_id if header else entry.metric_id if entry else None
    return (
        node_id,
        metric_id,
        (node.time_grain if node else None)
        or (window.time_grain if window else None)
        or node_id.split("__")[-1],
        node.group_by_set if node else None,
        msgspec.json.encode(node.group_bys).decode() if node else None,
        node.facet_family_id if node else None,
        node.description if node else None,
        summary.entity_scope.display_name,
        summary.entity_scope.comparison_group,
        header.dataset_path if header else entry.dataset_path if entry else None,
        entry.result_path if entry else None,
        window.start_period if window else None,
        window.end_period if window else None,
        window.period_count if window else None,
        msgspec.json.encode(methods).decode(),
        staged.percentile_trends if staged else None,
        header.entity_results_count if header else None,
        staged.source_file if staged else RESULTS_INDEX,
        1 if staged else None,
    )


def _required(source: Source, relative: str, type_: Any) -> Any | None:
    if source.missing(relative):
        source.findings.append(MISSING_DOCUMENT.finding(f"{relative} is missing", file=relative))
        return None
    return source.document(relative, type_)
