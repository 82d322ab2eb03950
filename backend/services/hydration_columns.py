"""Which column of ``signals`` comes from what in the marts: SQL expressions, by column.

An expression is over a row ``m`` of fct_signals and a row ``n`` of its node's edges.
"""

from __future__ import annotations

from typing import Final


def finite(column: str) -> str:
    """SQL: ``column`` of the mart, null where JSON could not hold it."""
    return f"nullif(nullif(nullif(m.{column}, 'NaN'), 'Infinity'), '-Infinity')"


def _json(column: str) -> str:
    """SQL: a text column of the mart as JSON; JSON's null is no value."""
    return f"cast(nullif(m.{column}, 'null') as json)"


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

_DETAILS: Final = {
    **{
        name: finite(name)
        for name in (
            "simple_zscore",
            "robust_zscore",
            "latest_simple_zscore",
            "mean_simple_zscore",
            "latest_robust_zscore",
            "mean_robust_zscore",
            "slope",
            "slope_percentile",
            "acceleration",
            "percentile_rank",
            "peer_mean",
            "peer_std",
            "global_metric_mean",
            "global_metric_std",
            "coefficient_of_variation",
        )
    },
    **{
        name: f"m.{name}"
        for name in (
            "simple_zscore_anomaly",
            "robust_zscore_anomaly",
            "latest_simple_zscore_anomaly",
            "mean_simple_zscore_anomaly",
            "latest_robust_zscore_anomaly",
            "mean_robust_zscore_anomaly",
            "slope_anomaly",
            "trend_direction",
            "momentum",
            "monthly_z_score_method",
            "magnitude_tier",
            "trajectory_tier",
            "consistency_tier",
            "simplified_signal_type",
            "simplified_severity",
            "simplified_reasoning",
            "peer_count",
            "encounters",
            "classified_period_count",
            "source_file",
            "line_number",
        )
    },
    **{
        name: _json(name)
        for name in (
            "monthly_z_scores",
            "simplified_inputs",
            "simplified_indicators",
            "simplified_severity_calculation",
        )
    },
    "simplified_severity_range": (
        "case when m.simplified_severity_min is not null and m.simplified_severity_max is not null"
        " then json_build_array(m.simplified_severity_min, m.simplified_severity_max) end"
    ),
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
    "entity_dimensions": f"cast({_json('entity_dimensions')} as jsonb)",
    "groupby_label": "m.groupby_label",
    "group_value": "m.group_value",
    "metric_trend_timeline": "m.metric_trend_timeline",
    "trend_direction": "m.trend_direction",
    "simplified_signal_type": "m.simplified_signal_type",
    "simplified_severity": "m.simplified_severity",
    "metadata": "m.metadata",
    "metadata_per_period": "m.metadata_per_period",
    "peer_percentile_trends": "m.peer_percentile_trends",
    # As text, like the other documents: to build, compress and compare jsonb took half of a hydration.
    "technical_details": "cast(json_build_object("
    + ", ".join(f"'{name}', {expression}" for name, expression in _DETAILS.items())
    + ") as text)",
    "edge_types": "coalesce(n.edge_types, '{}')",
    "parent_node_ids": "coalesce(n.parent_node_ids, '{}')",
}

# `description` is analytic until somebody edits it.
SOURCE: Final = {**IDENTITY, **ANALYTIC, "description": "m.description"}

# New signals start with the relations that the run alone gives them, so that few are written twice.
INSERTED: Final = (*SOURCE, "has_children", "has_parent", "related_signal_count")
