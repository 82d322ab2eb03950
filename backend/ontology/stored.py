"""Tables that the ontology is read from, besides those of the application."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Text, column, table

_MARTS: Final = "public_marts"

SIGNAL_FACTS = table(
    "fct_signals",
    column("run_key", Text),
    column("entity_key", Text),
    column("magnitude_tier", Text),
    column("trajectory_tier", Text),
    column("consistency_tier", Text),
    column("simplified_indicators", Text),
    schema=_MARTS,
)

FACILITIES = table(
    "dim_facilities",
    column("run_key", Text),
    column("facility_id", Text),
    column("facility_name", Text),
    column("system_name", Text),
    schema=_MARTS,
)

METRICS = table(
    "dim_metrics",
    column("run_key", Text),
    column("metric_id", Text),
    column("display_name", Text),
    column("description", Text),
    column("domain", Text),
    column("polarity", Text),
    column("unit_type", Text),
    column("node_count", BigInteger),
    column("signal_count", BigInteger),
    schema=_MARTS,
)

NODE_EDGES = table(
    "fct_node_edges",
    column("run_key", Text),
    column("source_node_id", Text),
    column("target_node_id", Text),
    column("edge_type_normalized", Text),
    column("direction", Text),
    column("rationale", Text),
    schema=_MARTS,
)

NODES = table(
    "raw_node_results",
    column("run_key", Text),
    column("canonical_node_id", Text),
    column("group_bys", Text),
    column("statistical_methods", Text),
    schema="public",
)

DOCUMENTS = table(
    "raw_run_documents",
    column("run_key", Text),
    column("document_type", Text),
    column("content", Text),
    schema="public",
)
