"""Tables that runs are read from, besides the registry: raw tables and the mart of signals."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Double, Text, column, table

RUNS = table("raw_runs", column("run_key", Text), column("created_at", Text), schema="public")

DOCUMENTS = table(
    "raw_run_documents",
    column("run_key", Text),
    column("document_type", Text),
    column("content", Text),
    schema="public",
)

NODES = table(
    "raw_node_results",
    column("run_key", Text),
    column("canonical_node_id", Text),
    column("metric_id", Text),
    column("result_path", Text),
    column("statistical_methods", Text),
    column("display_name", Text),
    column("comparison_group", Text),
    schema="public",
)

ENTITIES = table(
    "raw_entity_results",
    column("run_key", Text),
    column("entity_key", Text),
    column("canonical_node_id", Text),
    column("facility_id", Text),
    column("entity", Text),
    column("encounters", Double),
    column("metric_value", Double),
    column("timeline", Text),
    column("line_number", BigInteger),
    schema="public",
)

SCORES: Final = ("simple_zscore", "robust_zscore", "latest_simple_zscore", "latest_robust_zscore")
"""z-scores of a method, from the one wanted most to the one wanted least."""

METHODS = table(
    "raw_statistical_methods",
    column("run_key", Text),
    column("entity_key", Text),
    column("canonical_node_id", Text),
    column("statistical_method", Text),
    *(column(score, Double) for score in SCORES),
    column("percentile_rank", Double),
    column("line_number", BigInteger),
    schema="public",
)

ANOMALIES = table(
    "raw_anomalies",
    column("run_key", Text),
    column("entity_key", Text),
    column("canonical_node_id", Text),
    column("statistical_method", Text),
    column("anomaly_method", Text),
    column("applies_to", Text),
    column("anomaly", Text),
    column("line_number", BigInteger),
    schema="public",
)
