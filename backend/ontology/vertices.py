"""Vertices of the ontology: a declaration a label, or several where its rows come from several columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, cast, func, literal, null, select
from sqlalchemy.dialects.postgresql import JSON

from backend.ontology.context import Context, Rows
from backend.ontology.keys import TEXT, UUID_KEY, Key

FACILITY: Final = "Facility"
METRIC: Final = "Metric"
SIGNAL: Final = "Signal"
DOMAIN: Final = "Domain"
SERVICE_LINE: Final = "ServiceLine"
CLASSIFICATION: Final = "Classification"
STATISTICAL_METHOD: Final = "StatisticalMethod"

FACILITY_WIDE: Final = "Facility-wide"
"""Service line of signals that are about no service line."""

TIERS: Final = {
    "signal_type": "simplified_signal_type",
    "magnitude": "magnitude_tier",
    "trajectory": "trajectory_tier",
    "consistency": "consistency_tier",
}
"""Name of a classification's tier -> column of the signals that holds its value."""

_METHODS: Final = {
    "simple_zscore": "Distance from the peers' mean, in their standard deviations",
    "robust_zscore": "Distance from the peers' median, in their scaled median absolute deviations",
    "trending_simple_zscore": "Simple z-score of each period",
    "trending_robust_zscore": "Robust z-score of each period",
    "slope_percentile": "Place of the trend's slope among those of the peers",
}


@dataclass(frozen=True, slots=True)
class VertexSource:
    """Where vertices of a label come from.

    ``rows`` gives ``id`` and ``properties``, each vertex once. Where the properties follow from
    the id, ``describe`` tells them instead, and ``rows`` may give an id several times.
    """

    label: str
    rows: Callable[[Context], Rows]
    key: Key = TEXT
    describe: Callable[[str], dict[str, Any]] | None = None


def tier_key(tier: str) -> Key:
    """Ids of classifications of a tier: `<tier>:<value>`."""
    return Key(f"{tier}:")


def _object(**properties: ColumnElement[Any]) -> ColumnElement[Any]:
    parts = [part for name, value in properties.items() for part in (literal(name, Text), value)]
    return func.jsonb_build_object(*parts).label("properties")


def _facilities(context: Context) -> Rows:
    row = context.facilities().c
    return select(
        row.facility_id.label("id"),
        _object(
            id=row.facility_id,
            name=row.facility_name,
            facility_type=cast(null(), Text),
            system_name=row.system_name,
        ),
    )


def _metrics(context: Context) -> Rows:
    row = context.metrics().c
    return select(
        row.metric_id.label("id"),
        _object(
            id=row.metric_id,
            name=row.display_name,
            domain=row.domain,
            description=row.description,
            polarity=row.polarity,
            unit_type=row.unit_type,
        ),
    )


def _signals(context: Context) -> Rows:
    row = context.signals.c
    indicators = cast(row.simplified_indicators, JSON)
    utc = func.timezone("UTC", row.created_at)
    return select(
        row.id,
        _object(
            id=cast(row.id, Text),
            description=row.description,
            signal_type=row.simplified_signal_type,
            severity=row.simplified_severity,
            magnitude=row.magnitude_tier,
            trajectory=func.coalesce(row.trajectory_tier, indicators["trend"].astext),
            consistency=func.coalesce(row.consistency_tier, indicators["consistency"].astext),
            metric_id=row.metric_id,
            facility=row.facility,
            canonical_node_id=row.canonical_node_id,
            created_at=func.to_char(utc, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        ),
    )


def _domains(context: Context) -> Rows:
    return select(context.metrics().c.domain.label("id"))


def _service_lines(context: Context) -> Rows:
    line = context.signals.c.service_line
    return select(line.label("id")).where(line != FACILITY_WIDE)


def _classifications(tier: str) -> Callable[[Context], Rows]:
    def rows(context: Context) -> Rows:
        value = context.signals.c[TIERS[tier]]
        return select(value.label("id")).where(value.is_not(None))

    return rows


def _methods(context: Context) -> Rows:
    return select(context.methods().c.method_id.label("id"))


def _named(vertex_id: str) -> dict[str, Any]:
    return {"id": vertex_id, "name": vertex_id}


def _tier(vertex_id: str) -> dict[str, Any]:
    name, _, value = vertex_id.partition(":")
    return {"id": vertex_id, "tier_name": name, "tier_value": value}


def _method(vertex_id: str) -> dict[str, Any]:
    parts = vertex_id.split("__")
    name = parts[1] if len(parts) > 1 else vertex_id
    return {"id": vertex_id, "name": name, "description": _METHODS.get(name)}


VERTICES: Final = (
    VertexSource(FACILITY, _facilities),
    VertexSource(METRIC, _metrics),
    VertexSource(SIGNAL, _signals, UUID_KEY),
    VertexSource(DOMAIN, _domains, describe=_named),
    VertexSource(SERVICE_LINE, _service_lines, describe=_named),
    *(VertexSource(CLASSIFICATION, _classifications(tier), tier_key(tier), _tier) for tier in TIERS),
    VertexSource(STATISTICAL_METHOD, _methods, describe=_method),
)

DESCRIBED: Final = {source.label: source.describe for source in VERTICES if source.describe is not None}
"""Labels of vertices whose properties follow from their ids -> what tells them."""

VERTEX_LABELS: Final = tuple(sorted({source.label for source in VERTICES}))
