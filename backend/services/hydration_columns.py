"""Which column of ``signals`` comes from what in the marts: SQL expressions, by column.

An expression is over a row ``m`` of fct_signals and a row ``n`` of its node's edges.
"""

from __future__ import annotations

from typing import Final


def finite(column: str) -> str:
    """SQL: ``column`` of the mart, null where JSON could not hold it."""
    return f"nullif(nullif(nullif(m.{column}, 'NaN'), 'Infinity'), '-Infinity')"


# Column of `signals` -> expression over a row `m` of fct_signals and `n` of its node's edges.
IDENTITY: Final = {
    "id": "cast(m.entity_key as uuid)",
    "entity_key": "m.entity_key",
    "graph_name": "m.graph_name",
    "canonical_node_id": "m.canonical_node_id",
    "metric_id": "m.metric_id",
    "facility_id": "m.facility_id",
    "entity_dimensions_hash": "m.entity_dimensions_hash",
}

ANALYTIC: Final = {
    "run_key": "m.run_key",
    "run_id": "m.run_id",
    "domain": "m.domain",
    "facility": "m.facility",
    "system_name": "m.system_name",
    "service_line": "m.service_line",
    "sub_service_line": "m.sub_service_line",
    "metric_value": "m.metric_value",
    "peer_mean": finite("benchmark"),
    "peer_std": finite("peer_std"),
    "percentile_rank": finite("percentile_rank"),
    "encounters": "m.encounters",
    "temporal_node_id": "m.temporal_node_id",
    # JSON's null is no value.
    "entity_dimensions": "cast(nullif(m.entity_dimensions, 'null') as jsonb)",
    "groupby_label": "m.groupby_label",
    "group_value": "m.group_value",
    "trend_direction": "m.trend_direction",
    "simplified_signal_type": "m.simplified_signal_type",
    "simplified_severity": "m.simplified_severity",
    "edge_types": "coalesce(n.edge_types, '{}')",
    "parent_node_ids": "coalesce(n.parent_node_ids, '{}')",
}

# `description` is analytic until somebody edits it.
SOURCE: Final = {**IDENTITY, **ANALYTIC, "description": "m.description"}

# New signals start with the relations that the run alone gives them, so that few are written twice.
INSERTED: Final = (*SOURCE, "has_children", "has_parent", "related_signal_count")
