"""Raw tables that describe a run: the run itself, its documents, metrics, nodes and edges."""

from __future__ import annotations

from contracts.columns import Table, integer, json_text, key, number, text
from contracts.tables.common import METRIC, NODE, ORIGIN, RUN

RUNS = Table(
    "raw_runs",
    "One row a run, from its manifests",
    key=("run_key",),
    columns=(
        *RUN,
        key("graph_name", "Name of the insight graph"),
        text("created_at", "Instant the results index was written, as the engine spelled it"),
        text("started_at", "Instant the run started, as the engine spelled it"),
        text("taxonomy_hash", "First 16 hex digits of the taxonomy's SHA-256"),
        text("metadata_bundle_version", "Version of the metadata bundle"),
        integer("node_count", "Nodes of the graph", minimum=0),
        integer("edge_count", "Edges of the graph", minimum=0),
        *ORIGIN,
    ),
)

RUN_DOCUMENTS = Table(
    "raw_run_documents",
    "Small documents of the run, kept whole: manifests, graph, bundle, indexes, reports, DOT",
    key=("run_key", "source_file"),
    columns=(
        *RUN,
        key("document_type", "What the document is, e.g. graph, metadata_bundle, results_index, dot"),
        key("media_type", "application/json, text/vnd.graphviz, image/svg+xml or application/yaml"),
        text("content", "The document's text", nullable=False),
        *ORIGIN,
    ),
)

METRIC_DEFINITIONS = Table(
    "raw_metric_definitions",
    "Metrics as the run's own metadata bundle defines them",
    key=("run_key", "metric_id"),
    columns=(
        *RUN,
        METRIC,
        text("display_name", "Name for people"),
        text("description", "What the metric measures"),
        text("domain", "Efficiency, Safety, Effectiveness, Utilization or another"),
        text("polarity", "lower_is_better, higher_is_better or neutral"),
        text("unit_type", "count, days, percentage or ratio"),
        text("display_format", "Python format specification"),
        number("null_fill_value", "Value that stands for a missing one, if any"),
        *ORIGIN,
    ),
)

NODE_RESULTS = Table(
    "raw_node_results",
    "One row a node: graph definition, index entry and result header",
    key=("run_key", "canonical_node_id"),
    columns=(
        *RUN,
        NODE,
        METRIC,
        text("time_grain", "aggregate_time_period, or the time dimension of a temporal node"),
        text("group_by_set", "Named set of dimensions"),
        json_text("group_bys", "Dimensions in order: list of `{type, dataset_field}`"),
        text("facet_family_id", "Facet family, backticks kept as written"),
        text("description", "Free text from the graph"),
        text("display_name", "Dimension titles of the entity scope"),
        text("comparison_group", "Peer cohort"),
        text("dataset_path", "Source dataset on the engine's host; never opened"),
        text("result_path", "Result file, relative to the run"),
        text("start_period", "First period, YYYYMM; temporal nodes only"),
        text("end_period", "Last period, YYYYMM; temporal nodes only"),
        integer("period_count", "Months in the window; temporal nodes only", minimum=0),
        json_text("statistical_methods", "Method ids in order"),
        json_text("percentile_trends", "Peer percentile bands of a temporal node, as written"),
        integer("entity_results_count", "Entities the header announces", minimum=0),
        *ORIGIN,
    ),
)

NODE_EDGES = Table(
    "raw_node_edges",
    "Edges of the insight graph",
    key=("run_key", "edge_id"),
    columns=(
        *RUN,
        key("edge_id", "`<source>__to__<target>`"),
        key("source_node_id", "Node the edge leaves"),
        key("target_node_id", "Node the edge enters"),
        key("edge_type", "Type as written, e.g. trends_to, segments_into, potentially_driven_by"),
        text("direction", "forward or bidirectional"),
        text("rationale", "Free text"),
        json_text("conditions", "List of `{field, operator, value}`"),
        *ORIGIN,
    ),
)
