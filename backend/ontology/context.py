"""What declarations of vertices and edges are made over: the published runs and their signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import FromClause, Select, Subquery, and_, cast, func, null, select, true
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from backend.db.models import Signal
from backend.ontology.stored import FACILITIES, METRICS, NODES, SIGNAL_FACTS

Rows = Select[*tuple[Any, ...]]

_FACTS = SIGNAL_FACTS.c


def active_signals(*, documents: bool = True) -> Rows:
    """Signals that a published run has, with their tiers; without ``documents``, long values are null.

    The mart has one row a signal: whoever asks for no tier does not read it.
    """
    long = (Signal.description, _FACTS.simplified_indicators)
    return (
        select(
            Signal.id,
            Signal.run_key,
            Signal.canonical_node_id,
            Signal.temporal_node_id,
            Signal.metric_id,
            Signal.facility_id,
            Signal.facility,
            Signal.service_line,
            Signal.entity_dimensions,
            *(each if documents else cast(null(), each.type).label(each.key) for each in long),
            Signal.simplified_signal_type,
            Signal.simplified_severity,
            Signal.created_at,
            _FACTS.magnitude_tier,
            _FACTS.trajectory_tier,
            _FACTS.consistency_tier,
        )
        .outerjoin(
            SIGNAL_FACTS, and_(_FACTS.run_key == Signal.run_key, _FACTS.entity_key == Signal.entity_key)
        )
        .where(Signal.active)
    )


@dataclass(frozen=True, slots=True)
class Context:
    """The published runs, and the relation of their signals (see active_signals)."""

    run_keys: Sequence[str]
    signals: FromClause

    def facilities(self) -> Subquery:
        """Facilities, each once; graphs may share them."""
        return (
            select(FACILITIES.c.facility_id, FACILITIES.c.facility_name, FACILITIES.c.system_name)
            .ext(distinct_on(FACILITIES.c.facility_id))
            .where(FACILITIES.c.run_key.in_(self.run_keys))
            .order_by(FACILITIES.c.facility_id, FACILITIES.c.run_key)
            .subquery("facilities")
        )

    def metrics(self) -> Subquery:
        """Metrics, each once, with the nodes and signals that all graphs have of them."""
        together = {
            name: func.sum(METRICS.c[name]).over(partition_by=METRICS.c.metric_id)
            for name in ("node_count", "signal_count")
        }
        return (
            select(
                *(column for column in METRICS.c if column.name not in ("run_key", *together)),
                *(total.label(name) for name, total in together.items()),
            )
            .ext(distinct_on(METRICS.c.metric_id))
            .where(METRICS.c.run_key.in_(self.run_keys))
            .order_by(METRICS.c.metric_id, METRICS.c.run_key)
            .subquery("metrics")
        )

    def methods(self) -> Subquery:
        """Statistical methods of every node."""
        listed = cast(NODES.c.statistical_methods, JSONB)
        method = func.jsonb_array_elements_text(listed).table_valued("value", name="method")
        return (
            select(NODES.c.run_key, NODES.c.canonical_node_id, method.c.value.label("method_id"))
            .select_from(NODES)
            .join(method, true())
            .where(NODES.c.run_key.in_(self.run_keys))
            .distinct()
            .subquery("methods")
        )
