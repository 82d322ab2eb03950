"""Statements over ``signals``; each page or detail is one statement."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ARRAY, ColumnElement, Select, func, join, select, true, type_coerce, union_all
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import KeyedColumnElement
from sqlalchemy.types import NULLTYPE

from backend import cursors
from backend.caching.standing import standing
from backend.db.models import Assignment
from backend.db.models import Signal as Row
from backend.enums import AssignmentStatus
from backend.errors import CursorInvalid
from backend.schemas.signals import Signal, SignalSummary
from backend.signals.documents import IN_MARTS, KEPT, Documents, Found, Rows
from backend.signals.filters import (
    ExportQuery,
    PlaceFilters,
    SignalFilters,
    SignalQuery,
    SortOrder,
    ordering,
    sort_column,
)

RELATED_LIMIT = 10
FILTER_COLUMNS = ("metric_id", "domain", "simplified_signal_type", "system_name", "service_line")
"""Columns whose values the filter options list."""


def _plain(column: KeyedColumnElement[Any]) -> ColumnElement[Any]:
    """``column`` without what SQLAlchemy would do to each element of an array: the driver's list will do."""
    return type_coerce(column, NULLTYPE).label(column.name) if isinstance(column.type, ARRAY) else column


# What a signal is rendered from: the columns that the API shows under their own names.
_COLUMNS = tuple(_plain(column) for column in Row.__table__.c if column.name in Signal.model_fields)

_SUMMARY = (Row.id, *(column for column in _COLUMNS if column.key in SignalSummary.model_fields))

_STATUS = func.coalesce(Assignment.status, AssignmentStatus.NEW.value).label("workflow_status")
FIELDS = (*(str(column.key) for column in _COLUMNS), _STATUS.name)
"""Names of what each row of signals begins with."""

# Conditions look at signals and at the work on them; the versions of both are of the same state
# of the database as the rows they are read with.
_STANDING = standing("signals", "workflow")
# Made once, for a select of so many columns takes as long as reading a page.
_PAGES = {
    documents: select(*documents.shown(_COLUMNS), _STATUS, _STANDING.c.versions)
    for documents in (IN_MARTS, KEPT)
}
_MOST_SEVERE_FIRST = (Row.simplified_severity.desc().nulls_last(), Row.id)


@lru_cache(maxsize=512)
def page(query: SignalQuery, documents: Documents) -> Rows:
    """A page of signals and the one after it, to tell that there is more; made once for each question.

    Each row ends with ``versions``, those of the data that the page was read from; an empty page is
    one row without id. Raises CursorInvalid.
    """
    conditions = query.conditions()
    chosen = (
        _after(query, conditions) if query.cursor else _ids(query, conditions).offset(query.offset)
    ).subquery("page")
    # Only the page's own rows are read in full.
    signals = documents.beside(
        join(chosen, Row, Row.id == chosen.c.id).outerjoin(Assignment, Assignment.signal_id == Row.id)
    )
    return (
        _PAGES[documents]
        .select_from(_STANDING.outerjoin(signals, true()))
        .order_by(
            # A join need not keep the order of what it joins.
            ordering(sort_column(query.sort_by), query.sort_order, nullable=True),
            Row.id,
        )
    )


def total(filters: SignalFilters) -> Select[int]:
    """How many signals the filters let through, on all pages."""
    return select(func.count()).select_from(Row).where(*filters.conditions())


def cut(query: SignalQuery, rows: Sequence[Found]) -> tuple[list[Found], str | None]:
    """The signals of a page, and the cursor of the page after it, None when that is empty."""
    signals = [row for row in rows if row.id is not None]
    if len(signals) <= query.limit:
        return signals, None
    last = signals[query.limit - 1]
    value = getattr(last, sort_column(query.sort_by).name)
    return signals[: query.limit], cursors.encode(query.sort_by, query.sort_order, value, str(last.id))


def matching(query: ExportQuery) -> Rows:
    """Every signal that matches, in order, without documents."""
    column = sort_column(query.sort_by)
    return (
        _signals(KEPT)
        .where(*query.conditions())
        .order_by(ordering(column, query.sort_order, nullable=bool(column.nullable)), Row.id)
    )


def _ids(query: SignalQuery, conditions: Sequence[ColumnElement[bool]]) -> Rows:
    column = sort_column(query.sort_by)
    return (
        select(Row.id, column.label("sorted_by"))
        .where(*conditions)
        .order_by(ordering(column, query.sort_order, nullable=bool(column.nullable)), Row.id)
        .limit(query.limit + 1)
    )


def _after(query: SignalQuery, conditions: Sequence[ColumnElement[bool]]) -> Rows:
    """The page after a cursor: what follows its value, then what has none, for nulls come last."""
    column = sort_column(query.sort_by)
    value, last_id = _position(query, column)
    nulls = column.is_(None)
    if value is None:
        return _ids(query, [*conditions, nulls, Row.id > last_id])
    beyond = column > value if query.sort_order is SortOrder.ASC else column < value
    # The first condition is what an index can start from.
    here = (column >= value if query.sort_order is SortOrder.ASC else column <= value) & (
        beyond | (Row.id > last_id)
    )
    rest = _ids(query, [*conditions, here])
    if not column.nullable:
        return rest
    both = union_all(
        select(rest.subquery("rest")), select(_ids(query, [*conditions, nulls]).subquery("nulls"))
    ).subquery("both")
    return (
        select(both)
        .order_by(ordering(both.c.sorted_by, query.sort_order, nullable=True), both.c.id)
        .limit(query.limit + 1)
    )


def _position(query: SignalQuery, column: ColumnElement[Any]) -> tuple[Any, UUID]:
    """Sort value and id that the page before ended with. Raises CursorInvalid."""
    assert query.cursor is not None
    sort_by, sort_order, value, last_id = cursors.decode(query.cursor, 4)
    if (sort_by, sort_order) != (query.sort_by, query.sort_order):
        raise CursorInvalid()
    try:
        if value is not None:
            value = TypeAdapter(column.type.python_type).validate_python(value)
        elif not column.nullable:
            raise CursorInvalid()
        return value, UUID(last_id)
    except (ValidationError, ValueError, AttributeError, TypeError) as error:
        raise CursorInvalid() from error


def one(signal_id: UUID, documents: Documents) -> Rows:
    """The signal with this id, active or not."""
    return _signals(documents).where(Row.id == signal_id)


def versions() -> Select[list[int] | None]:
    """Versions of the data that totals and filter options are computed from."""
    return select(_STANDING.c.versions)


def related(signal_id: UUID, documents: Documents) -> Rows:
    """Signals of the same place (facility, service line, dimensions) on other metrics, most severe first."""
    other = aliased(Row, name="origin")
    return (
        _signals(documents)
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


def children(signal_id: UUID, facility_id: str | None, limit: int) -> Rows:
    """Summaries of the signals one step down, most severe first; each row carries ``total_count``.

    ``facility_id`` is that of the signal.
    """
    parent = aliased(Row, name="parent")
    return (
        select(*_SUMMARY, func.count().over().label("total_count"))
        .join(parent, _is_parent(parent, Row))
        .where(parent.id == signal_id, parent.active, Row.active, _at(facility_id))
        .order_by(*_MOST_SEVERE_FIRST)
        .limit(limit)
    )


def nearest_parent(signal_id: UUID, facility_id: str | None) -> Rows:
    """Summary of the signal one step up that shares most dimensions; ``facility_id`` is the signal's."""
    child = aliased(Row, name="child")
    shared = (
        select(func.count())
        .select_from(func.jsonb_object_keys(Row.entity_dimensions).table_valued("key"))
        .scalar_subquery()
    )
    return (
        select(*_SUMMARY, Row.edge_types)
        .join(child, _is_parent(Row, child))
        .where(child.id == signal_id, child.active, Row.active, _at(facility_id))
        .order_by(shared.desc(), *_MOST_SEVERE_FIRST)
        .limit(1)
    )


def technical(signal_id: UUID, documents: Documents) -> Rows:
    """What details and trend of a signal are rendered from."""
    shown = documents.shown(Row.__table__.c["metric_trend_timeline", "technical_details"])
    signals = documents.beside(Row.__table__)
    return select(Row.id, Row.temporal_node_id, *shown).select_from(signals).where(Row.id == signal_id)


def place(signal_id: UUID) -> Rows:
    """Where a signal stands: its node, its facility, what distinguishes it there."""
    return select(Row.canonical_node_id, Row.facility_id, Row.edge_types, Row.entity_dimensions).where(
        Row.id == signal_id
    )


def filter_options(within: PlaceFilters) -> Rows:
    """Values of the columns to filter by, in one scan: a row a value, with the number of its signals."""
    columns = [Row.__table__.c[name] for name in FILTER_COLUMNS]
    return (
        select(*columns, func.count().label("signals"))
        .where(Row.active, *within.place_conditions())
        .group_by(func.grouping_sets(*columns))
    )


def facilities(system_name: str | None) -> Select[str]:
    """Distinct facility names, of one health system or of all."""
    query = select(Row.facility).where(Row.active).distinct()
    return query.where(Row.system_name == system_name) if system_name else query


def _signals(documents: Documents) -> Rows:
    signals = join(Row, Assignment, Assignment.signal_id == Row.id, isouter=True)
    return select(*documents.shown(_COLUMNS), _STATUS).select_from(documents.beside(signals))


def _at(facility_id: str | None) -> ColumnElement[bool]:
    """At this facility; a condition that an index can answer, unlike a comparison of two rows."""
    return Row.facility_id.is_(None) if facility_id is None else Row.facility_id == facility_id


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
