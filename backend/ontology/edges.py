"""Edges of the ontology: a declaration a label, or several where its rows come from several columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, cast, func, literal, null, select
from sqlalchemy.dialects.postgresql import JSONB

from backend.ontology.context import Context, Rows
from backend.ontology.keys import TEXT, UUID_KEY, Key
from backend.ontology.stored import NODE_EDGES
from backend.ontology.vertices import (
    CLASSIFICATION,
    DOMAIN,
    FACILITY,
    FACILITY_WIDE,
    METRIC,
    SERVICE_LINE,
    SIGNAL,
    STATISTICAL_METHOD,
    TIERS,
    tier_key,
)

DRIVEN_BY: Final = "potentially_driven_by"

_NONE: Final = cast(null(), JSONB).label("properties")


@dataclass(frozen=True, slots=True)
class EdgeSource:
    """Where edges of a label come from: ``rows`` gives ``from_id``, ``to_id`` and ``properties``."""

    label: str
    from_label: str
    to_label: str
    rows: Callable[[Context], Rows]
    from_key: Key = TEXT
    to_key: Key = TEXT


def _to_signal(column: str) -> Callable[[Context], Rows]:
    """Edges to each signal from what it has in a column."""

    def rows(context: Context) -> Rows:
        row = context.signals.c
        return select(row[column].label("from_id"), row.id.label("to_id"), _NONE).where(
            row[column].is_not(None)
        )

    return rows


def _from_signal(column: str, *, besides: str | None = None) -> Callable[[Context], Rows]:
    """Edges from each signal to what it has in a column, unless that is ``besides``."""

    def rows(context: Context) -> Rows:
        row = context.signals.c
        query = select(row.id.label("from_id"), row[column].label("to_id"), _NONE)
        return query.where(row[column].is_not(None) if besides is None else row[column] != besides)

    return rows


def _belongs_to(context: Context) -> Rows:
    row = context.metrics().c
    return select(row.metric_id.label("from_id"), row.domain.label("to_id"), _NONE)


def _computed_by(node: str) -> Callable[[Context], Rows]:
    """Edges from each signal to the methods of its node, or of the node that holds its trend."""

    def rows(context: Context) -> Rows:
        signal, methods = context.signals.c, context.methods()
        return select(
            signal.id.label("from_id"),
            methods.c.method_id.label("to_id"),
            func.jsonb_build_object(literal("node_id", Text), methods.c.canonical_node_id).label(
                "properties"
            ),
        ).join_from(
            context.signals,
            methods,
            and_(methods.c.run_key == signal.run_key, methods.c.canonical_node_id == signal[node]),
        )

    return rows


def _driven_by(context: Context) -> Rows:
    """Edges between signals of one facility whose nodes have such an edge.

    A service line drives, or is driven by, what is about the same service line or about none:
    dimensions that both signals have must be equal.
    """
    driven, driver = context.signals.alias("driven"), context.signals.alias("driver")
    edge = NODE_EDGES.c
    dimensions: list[ColumnElement[Any]] = [driven.c.entity_dimensions, driver.c.entity_dimensions]
    return (
        select(
            driven.c.id.label("from_id"),
            driver.c.id.label("to_id"),
            func.jsonb_build_object(
                literal("direction", Text), edge.direction, literal("rationale", Text), edge.rationale
            ).label("properties"),
        )
        .select_from(NODE_EDGES)
        .join(
            driven, and_(driven.c.run_key == edge.run_key, driven.c.canonical_node_id == edge.source_node_id)
        )
        .join(
            driver,
            and_(
                driver.c.run_key == edge.run_key,
                driver.c.canonical_node_id == edge.target_node_id,
                driver.c.facility_id == driven.c.facility_id,
                dimensions[0].concat(dimensions[1]) == dimensions[1].concat(dimensions[0]),
            ),
        )
        .where(edge.run_key.in_(context.run_keys), edge.edge_type_normalized == DRIVEN_BY)
    )


EDGES: Final = (
    EdgeSource("has_signal", FACILITY, SIGNAL, _to_signal("facility_id"), to_key=UUID_KEY),
    EdgeSource("measures", METRIC, SIGNAL, _to_signal("metric_id"), to_key=UUID_KEY),
    EdgeSource("belongs_to", METRIC, DOMAIN, _belongs_to),
    EdgeSource(
        "located_in",
        SIGNAL,
        SERVICE_LINE,
        _from_signal("service_line", besides=FACILITY_WIDE),
        from_key=UUID_KEY,
    ),
    *(
        EdgeSource(
            "classified_as",
            SIGNAL,
            CLASSIFICATION,
            _from_signal(column),
            from_key=UUID_KEY,
            to_key=tier_key(tier),
        )
        for tier, column in TIERS.items()
    ),
    *(
        EdgeSource("computed_by", SIGNAL, STATISTICAL_METHOD, _computed_by(node), from_key=UUID_KEY)
        for node in ("canonical_node_id", "temporal_node_id")
    ),
    EdgeSource(DRIVEN_BY, SIGNAL, SIGNAL, _driven_by, from_key=UUID_KEY, to_key=UUID_KEY),
)

EDGE_LABELS: Final = tuple(sorted({source.label for source in EDGES}))
