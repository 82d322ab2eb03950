"""Frames that are staged to be checked and never loaded: what else artifacts say of a run."""

from __future__ import annotations

from contracts.columns import Column, Table, boolean, integer, json_text, key, number, text
from contracts.tables.common import DIMENSIONS_HASH, ENTITY_KEY, FACILITY, METRIC, NODE, ORIGIN

GRAPH_NODES = Table(
    "graph_nodes",
    "One row a node of graph.json",
    key=("canonical_node_id",),
    columns=(
        NODE,
        integer("position", "Position in the document, from 0", nullable=False),
        text("name", "Name as written; equals the id"),
        text("metric_id", "Metric"),
        text("time_grain", "aggregate_time_period, or the time dimension of a temporal node"),
        text("group_by_set", "Named set of dimensions"),
        json_text("group_bys", "Dimensions in order: list of `{type, dataset_field}`", nullable=False),
        json_text("dimensions", "Dataset fields of the dimensions, in order: list of text", nullable=False),
        boolean("graph_entry_point", "Where readers start"),
        text("facet_family_id", "Facet family, backticks kept as written"),
        text("description", "Free text"),
        *ORIGIN,
    ),
)

INDEX_NODES = Table(
    "index_nodes",
    "One row a node of results/index.json",
    key=("canonical_node_id",),
    columns=(
        NODE,
        integer("position", "Position in the document, from 0", nullable=False),
        text("node_id", "Node id as repeated by the engine"),
        METRIC,
        text("dataset_path", "Source dataset on the engine's host; never opened"),
        text("result_path", "Result file, relative to the run"),
        json_text("statistical_methods", "Method ids in order: list of text", nullable=False),
        json_text("summary", "Scope and window in canonical key order", nullable=False),
        *ORIGIN,
    ),
)

NODE_HEADERS = Table(
    "node_headers",
    "One row a node file: its header line and how many lines follow",
    key=("source_file",),
    columns=(
        NODE,
        METRIC,
        text("dataset_path", "Source dataset on the engine's host; never opened"),
        json_text("statistical_methods", "Method ids in order: list of text", nullable=False),
        json_text("summary", "Scope and window in canonical key order", nullable=False),
        json_text("children", "List of `[child node id, edge type]`", nullable=False),
        json_text("parents", "List of `[parent node id, edge type]`", nullable=False),
        json_text("record_counts", "Source rows of each method, null where it says none", nullable=False),
        integer("entity_results_count", "Entities the header announces"),
        integer("entity_lines", "Entity lines of the file, unreadable ones included", nullable=False),
        *ORIGIN,
    ),
)

NODE_DEFINITIONS = Table(
    "node_definitions",
    "One row a node YAML file",
    key=("source_file",),
    columns=(
        NODE,
        text("metric_id", "Metric"),
        text("time_grain", "aggregate_time_period, or the time dimension of a temporal node"),
        text("group_by_set", "Named set of dimensions"),
        json_text("group_bys", "Dimensions in order: list of `{type, dataset_field}`", nullable=False),
        json_text("dimensions", "Dataset fields of the dimensions, in order: list of text", nullable=False),
        boolean("graph_entry_point", "Where readers start"),
        text("facet_family_id", "Facet family, backticks kept as written"),
        text("description", "Free text"),
        text("comparison_group", "Peer cohort"),
        text("metric_method_set", "aggregated_time_period or trending_time_period"),
        json_text("tags", "Tags: list of text", nullable=False),
        json_text("statistical_methods", "Method ids in order: list of text", nullable=False),
        json_text(
            "anomaly_rules", "Per method `[method id, anomaly profile, [rule ids]]`, in order", nullable=False
        ),
        json_text(
            "metadata_columns", "Metadata columns: list of `{id, dataset_field, aggregation}`", nullable=False
        ),
        *ORIGIN,
    ),
)

EDGE_DEFINITIONS = Table(
    "edge_definitions",
    "One row an edge YAML file",
    key=("source_file",),
    columns=(
        text("edge_id", "Edge id as written"),
        text("source_node_id", "Node the edge leaves"),
        text("target_node_id", "Node the edge enters"),
        text("edge_type", "Type as written"),
        text("direction", "forward or bidirectional"),
        text("rationale", "Free text"),
        json_text("conditions", "List of `{field, operator, value}`", nullable=False),
        *ORIGIN,
    ),
)

DEFINITION_GROUPS = Table(
    "definition_groups",
    "One row a member of the YAML lists that group definitions",
    key=("source_file", "kind", "group_name", "member"),
    columns=(
        key("kind", "nodes, edges, families or defaults"),
        key("group_name", "group_by_set of the list"),
        key("member", "Id of the node, edge or facet family"),
        *ORIGIN,
    ),
)

CONTRIBUTION_PARENTS = Table(
    "contribution_parents",
    "One row a parent node of the contribution index",
    key=("position",),
    columns=(
        integer("position", "Position in the document, from 0", nullable=False),
        key("parent_node_id", "Node whose children are decomposed"),
        integer("child_rows", "Rows of its artifacts, as announced"),
        json_text("metrics", "Metric to file name, the last artifact of each metric", nullable=False),
        *ORIGIN,
    ),
)

CONTRIBUTION_ARTIFACTS = Table(
    "contribution_artifacts",
    "One row a contribution file the index announces",
    key=("parent_position", "position"),
    columns=(
        integer("parent_position", "Position of the parent in the document, from 0", nullable=False),
        integer("position", "Position among the parent's artifacts, from 0", nullable=False),
        key("parent_node_id", "Node whose children are decomposed"),
        text("metric_id", "The metric, or a z-score pseudo metric"),
        key("artifact_path", "File as written"),
        key("artifact_file", "File, relative to the run"),
        integer("row_count", "Rows the file must have, as announced"),
        text("output_format", "jsonl"),
        *ORIGIN,
    ),
)

CONTRIBUTION_FILES = Table(
    "contribution_files",
    "One row a contribution file that was read",
    key=("source_file",),
    columns=(
        integer("lines", "Lines that are not blank, unreadable ones included", nullable=False),
        *ORIGIN,
    ),
)

ROW_RUN_IDS = Table(
    "row_run_ids",
    "One row a run id that lines of a classification or contribution file name",
    key=("source_file", "written_run_id"),
    columns=(
        key("written_run_id", "run_id, as written"),
        integer("rows", "Lines that name it", nullable=False),
        *ORIGIN,
    ),
)

_SUMMARY_VALUES: tuple[Column, ...] = (
    text("signal_type", "One of nine signal types"),
    integer("severity", "0 to 100"),
    integer("severity_range_min", "Least severity of the type"),
    integer("severity_range_max", "Greatest severity of the type"),
    number("aggregate_zscore", "Mean z-score of the temporal node, despite the name"),
    number("slope_percentile", "Midpoint percentile rank of the slope"),
    number("acceleration", "Slope of the second half less slope of the first half"),
    number("zscore_std", "Population standard deviation of the per-period z-scores"),
    number("max_abs_deviation", "Greatest absolute per-period z-score"),
    text("position", "excellent, favorable, normal, marginal, elevated or severe"),
    text("trend", "rapidly_improving, improving, stable, worsening or rapidly_worsening"),
    text("momentum", "accelerating, neutral or decelerating"),
    text("consistency", "consistent or variable"),
    boolean("has_spike", "A period stands out"),
    boolean("suppressed", "The entity's statistics are withheld"),
    integer("period_count", "Periods in the timeline"),
)

CLASSIFICATION_SUMMARY = Table(
    "classification_summary",
    "One row a line of classification_summary.csv, named and typed as raw_classifications",
    key=("entity_key",),
    columns=(
        text("written_run_id", "run_id cell, as written"),
        ENTITY_KEY,
        NODE,
        METRIC,
        FACILITY,
        json_text("entity_dimensions", "Filled entity columns but the facility, canonical form"),
        DIMENSIONS_HASH,
        *_SUMMARY_VALUES,
        text("classified_at", "Instant, as the engine spelled it"),
        *ORIGIN,
    ),
)

AUXILIARY_TABLES: tuple[Table, ...] = (
    GRAPH_NODES,
    INDEX_NODES,
    NODE_HEADERS,
    NODE_DEFINITIONS,
    EDGE_DEFINITIONS,
    DEFINITION_GROUPS,
    CONTRIBUTION_PARENTS,
    CONTRIBUTION_ARTIFACTS,
    CONTRIBUTION_FILES,
    ROW_RUN_IDS,
    CLASSIFICATION_SUMMARY,
)
