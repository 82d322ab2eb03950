"""Statements over ``signals``; each page or detail is one statement."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import aliased

from backend.db.models import Assignment
from backend.db.models import Signal as Row
from backend.enums import AssignmentStatus
from backend.schemas.signals import Signal, SignalSummary
from backend.signals.filters import SignalQuery, ordering, sort_column_name

RELATED_LIMIT = 10

Rows = Select[*tuple[Any, ...]]

# What a signal is rendered from: the columns that the API shows under their own names.
_COLUMNS = tuple(column for column in Row.__table__.c if column.name in Signal.model_fields)

_SUMMARY = (Row.id, *(column for column in _COLUMNS if column.name in SignalSummary.model_fields))

_STATUS = func.coalesce(Assignment.status, AssignmentStatus.NEW.value).label("workflow_status")
_MOST_SEVERE_FIRST = (Row.simplified_severity.desc().nulls_last(), Row.id)


def page(query: SignalQuery) -> Rows:
    """A page of signals; each row carries ``total_count``, and an empty page is one row without id."""
    conditions = query.conditions()
    total = select(func.count().label("total_count")).select_from(Row).where(*conditions).subquery("total")
    name = sort_column_name(query.sort_by)
    column = Row.__table__.c[name]
    chosen = (
        select(*_COLUMNS)
        .where(*conditions)
        .order_by(ordering(column, query.sort_order, nullable=bool(column.nullable)), Row.id)
        .limit(query.limit)
        .offset(query.offset)
        .subquery("page")
    )
    return (
        select(total.c.total_count, *chosen.c, _STATUS)
        .select_from(
            total.outerjoin(chosen, true()).outerjoin(Assignment, Assignment.signal_id == chosen.c.id)
        )
        # A join need not keep the order of what it joins.
        .order_by(ordering(chosen.c[name], query.sort_order, nullable=True), chosen.c.id)
    )


def one(signal_id: UUID) -> Rows:
    """The signal with this id, active or not."""
    return _signals().where(Row.id == signal_id)


def related(signal_id: UUID) -> Rows:
    """Signals of the same place (facility, service line, dimensions) on other metrics, most severe first."""
    other = aliased(Row, name="origin")
    return (
        _signals()
        .join(
            other,
            (other.facility == Row.facility)
            & other.facility_id.is_not_distinct_from(Row.facility_id)
            & (other.service_line == Row.service_line)
            & other.entity_dimensions_hash.is_not_distinct_from(Row.entity_dimensions_hash)
            & (other.metric_id != Row.metric_id),
        )
        .where(other.id == signal_id, other.active, Row.active)
        .order_by(*_MOST_SEVERE_FIRST)
        .limit(RELATED_LIMIT)
    )


def children(signal_id: UUID, limit: int) -> Rows:
    """Summaries of the signals one step down, most severe first; each row carries ``total_count``."""
    parent = aliased(Row, name="parent")
    return (
        select(*_SUMMARY, func.count().over().label("total_count"))
        .join(parent, _is_parent(parent, Row))
        .where(parent.id == signal_id, parent.active, Row.active)
        .order_by(*_MOST_SEVERE_FIRST)
        .limit(limit)
    )


def nearest_parent(signal_id: UUID) -> Rows:
    """Summary of the signal one step up that shares most dimensions."""
    child = aliased(Row, name="child")
    shared = (
        select(func.count())
        .select_from(func.jsonb_object_keys(Row.entity_dimensions).table_valued("key"))
        .scalar_subquery()
    )
    return (
        select(*_SUMMARY)
        .join(child, _is_parent(Row, child))
        .where(child.id == signal_id, child.active, Row.active)
        .order_by(shared.desc(), *_MOST_SEVERE_FIRST)
        .limit(1)
    )


def technical(signal_id: UUID) -> Rows:
    """What details and trend of a signal are rendered from."""
    return select(
        Row.id, Row.canonical_node_id, Row.temporal_node_id, Row.metric_trend_timeline, Row.technical_details
    ).where(Row.id == signal_id)


def filter_options(conditions: list[ColumnElement[bool]]) -> Rows:
    """Distinct values of the columns to filter by, in one scan: a row a value, other columns null."""
    columns = (
        Row.metric_id,
        Row.domain,
        Row.simplified_signal_type,
        Row.system_name,
        Row.service_line,
    )
    return select(*columns).where(Row.active, *conditions).group_by(func.grouping_sets(*columns))


def facilities(system_name: str | None) -> Select[str]:
    """Distinct facility names, of one health system or of all."""
    query = select(Row.facility).where(Row.active).distinct()
    return query.where(Row.system_name == system_name) if system_name else query


def _signals() -> Rows:
    return select(*_COLUMNS, _STATUS).outerjoin(Assignment, Assignment.signal_id == Row.id)


def _is_parent(parent: type[Row], child: type[Row]) -> ColumnElement[bool]:
    """The rule by which hydration sets has_children and has_parent."""
    return (
        (parent.graph_name == child.graph_name)
        & (parent.metric_id == child.metric_id)
        & (func.coalesce(parent.facility_id, "") == func.coalesce(child.facility_id, ""))
        & (parent.canonical_node_id == child.parent_node_ids.any_())
        & child.entity_dimensions.contains(parent.entity_dimensions)
        & (child.entity_dimensions != parent.entity_dimensions)
    )
