"""Rows of ``signals`` -> plain values that JSON responses are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from backend.enums import SignalDomain
from backend.signals import queries, stored
from backend.signals.documents import Found

_NOT_SHOWN = ("total_count", "edge_types")
_HIERARCHY_EDGES = ("segments_into", "drills_to")


def signal(row: Found, now: datetime | None = None) -> dict[str, Any]:
    """A signal of the API."""
    rendered: dict[str, Any] = dict(zip(queries.FIELDS, row, strict=False))
    signal_id = rendered["id"] = str(rendered["id"])
    for name in stored.DOCUMENTS:
        rendered[name] = stored.shown(name, rendered[name], signal_id)
    open_for = (now or datetime.now(UTC)) - rendered["detected_at"]
    rendered["days_open"] = max(0, open_for.days)
    return rendered


def filter_options(rows: Sequence[RowMapping]) -> dict[str, Any]:
    """Values of filters in order, and how many signals have each."""
    counts: dict[str, dict[str, int]] = {
        name: {row[name]: row["signals"] for row in rows if row[name] is not None}
        for name in queries.FILTER_COLUMNS
    }
    options: dict[str, Any] = {name: sorted(values) for name, values in counts.items()}
    options["domain"].sort(key=list(SignalDomain).index)
    return {**options, "counts": counts}


def summary(row: RowMapping) -> dict[str, Any]:
    """A signal in few words."""
    rendered = {str(key): value for key, value in row.items() if key not in _NOT_SHOWN}
    return {"signal_id": str(rendered.pop("id")), **rendered}


def hierarchy_edge(parent: RowMapping) -> str | None:
    """Type of the edge by which the graph divides a signal's node, as the graph spells it."""
    return next((kind for kind in parent["edge_types"] if kind in _HIERARCHY_EDGES), None)


def temporal(row: Found) -> dict[str, Any]:
    """How a signal developed."""
    signal_id = str(row.id)
    details = stored.details(row.technical_details, signal_id)
    timeline = stored.document("metric_trend_timeline", row.metric_trend_timeline, signal_id)
    return {
        "signal_id": signal_id,
        "temporal_node_id": row.temporal_node_id,
        "has_temporal_data": row.temporal_node_id is not None,
        "slope_percentile": details["slope_percentile"],
        "monthly_z_scores": details["monthly_z_scores"],
        "monthly_z_score_method": details["monthly_z_score_method"],
        "monthly_values": None if timeline is None else [point["value"] for point in timeline],
    }


def technical_details(row: Found) -> dict[str, Any] | None:
    """The statistics behind a signal; None when none are stored."""
    if row.technical_details is None:
        return None
    return {**stored.details(row.technical_details, str(row.id)), "data_quality_suppressed": False}
