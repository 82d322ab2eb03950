"""Documents of signals: what of a signal is long, and stands in the mart of its run.

They are most of a signal, and no filter, sort or count looks at them. So publishing does not copy
them: a statement that shows them joins the mart by run and entity, and sees both in one state of
the database. A signal that leaves takes its documents along, for its run may be pruned.
"""

from __future__ import annotations

from typing import Final

from backend.services.hydration_columns import finite

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
        # JSON in text: whoever shows it tells a part that cannot be read from the others.
        name: f"nullif(m.{name}, 'null')"
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

DOCUMENTS: Final = {
    "metric_trend_timeline": "m.metric_trend_timeline",
    "metadata": "m.metadata",
    "metadata_per_period": "m.metadata_per_period",
    "peer_percentile_trends": "m.peer_percentile_trends",
    "technical_details": "case when m.entity_key is not null then cast(json_build_object("
    + ", ".join(f"'{name}', {expression}" for name, expression in _DETAILS.items())
    + ") as text) end",
}
"""Column of ``signals`` -> what it is in a row ``m`` of fct_signals, as JSON text; null without one.

The column itself is null while the signal is active.
"""

SHOWN: Final = {name: f"coalesce(s.{name}, {expression})" for name, expression in DOCUMENTS.items()}
"""Column -> its value for a row ``s`` of signals and the row ``m`` of its run's mart, if there is one."""

OF_SIGNAL: Final = "m.run_key = s.run_key and m.entity_key = s.entity_key"
"""Condition of that join."""
