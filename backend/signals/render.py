"""Rows of ``signals`` -> plain values that JSON responses are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from backend.signals import stored

_NOT_SHOWN = ("total_count", "edge_types")
_HIERARCHY_EDGES = ("segments_into", "drills_to")


def signal(row: RowMapping, now: datetime | None = None) -> dict[str, Any]:
    """A signal of the API."""
    signal_id = str(row["id"])
    rendered: dict[str, Any] = {}
    for key, value in row.items():
        # Keys of rows are a subclass of str, which JSON serializers refuse.
        name = str(key)
        if name in stored.DOCUMENTS:
            rendered[name] = stored.document(name, value, signal_id)
        elif name != "total_count":
            rendered[name] = value
    rendered["id"] = signal_id
    open_for = (now or datetime.now(UTC)) - row["detected_at"]
    rendered["days_open"] = max(0, open_for.days)
    return rendered


def summary(row: RowMapping) -> dict[str, Any]:
    """A signal in few words."""
    rendered = {str(key): value for key, value in row.items() if key not in _NOT_SHOWN}
    return {"signal_id": str(rendered.pop("id")), **rendered}


def hierarchy_edge(parent: RowMapping) -> str | None:
    """Type of the edge by which the graph divides a signal's node, as the graph spells it."""
    return next((kind for kind in parent["edge_types"] if kind in _HIERARCHY_EDGES), None)


def temporal(row: RowMapping) -> dict[str, Any]:
    """How a signal developed."""
    signal_id = str(row["id"])
    details = stored.details(_stored_details(row), signal_id)
    timeline = stored.document("metric_trend_timeline", row["metric_trend_timeline"], signal_id)
    return {
        "signal_id": signal_id,
        "temporal_node_id": row["temporal_node_id"],
        "has_temporal_data": row["temporal_node_id"] is not None,
        "slope_percentile": details["slope_percentile"],
        "monthly_z_scores": details["monthly_z_scores"],
        "monthly_z_score_method": details["monthly_z_score_method"],
        "monthly_values": None if timeline is None else [point["value"] for point in timeline],
    }


def technical_details(row: RowMapping) -> dict[str, Any] | None:
    """The statistics behind a signal; None when none are stored."""
    found = _stored_details(row)
    if not found:
        return None
    return {**stored.details(found, str(row["id"])), "data_quality_suppressed": False}


def _stored_details(row: RowMapping) -> dict[str, Any]:
    found = row["technical_details"]
    return found if isinstance(found, dict) else {}
