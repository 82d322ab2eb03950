"""Statements on the feed. Who has no account shares one mark of what was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.dml import ReturningInsert

from backend.db.models import ActivityEvent as Row
from backend.db.models import EventRead, Signal
from backend.enums import EventType

Rows = Select[*tuple[Any, ...]]
Conditions = Sequence[ColumnElement[bool]]

_COLUMNS = (Row.id, Row.event_type, Row.signal_id, Row.user_id, Row.payload, Row.created_at, Row.read)


def page(reader: UUID | None, conditions: Conditions, after: Conditions, limit: int) -> Rows:
    """Newest events first, one more than ``limit``."""
    order = (Row.created_at.desc(), Row.id.desc())
    return _marked(reader, select(*_COLUMNS).where(*conditions, *after), order, limit + 1)


def following(reader: UUID | None, position: int, conditions: Conditions, limit: int) -> Rows:
    """What came after ``position``, in the order in which it came."""
    events = select(*_COLUMNS, Row.position).where(Row.position > position, *conditions)
    return _marked(reader, events, (Row.position,), limit)


def last_position() -> Select[int]:
    """Position of the event that came last; 0 before the first."""
    return select(func.coalesce(func.max(Row.position), 0))


def one(reader: UUID | None, event_id: UUID) -> Rows:
    """The event with this id."""
    return _marked(reader, select(*_COLUMNS).where(Row.id == event_id), (Row.id,), 1)


def count(conditions: Conditions) -> Select[int]:
    """How many events there are."""
    return select(func.count()).select_from(Row).where(*conditions)


def unread(reader: UUID | None) -> ColumnElement[bool]:
    """That the reader has not marked an event as read."""
    if reader is None:
        return ~Row.read
    mark = select(EventRead.event_id).where(EventRead.event_id == Row.id, EventRead.user_id == reader)
    return ~mark.exists()


def mark_read(reader: UUID | None, conditions: Conditions) -> Any:
    """Mark the events as read that are not yet, in one order for everybody."""
    chosen = select(Row.id).where(unread(reader), *conditions).order_by(Row.position)
    if reader is None:
        locked = chosen.with_for_update().cte("chosen")
        return update(Row).where(Row.id.in_(select(locked.c.id))).values(read=True)
    marks = select(literal(reader, Uuid()), chosen.subquery("chosen").c.id)
    return upsert(EventRead).from_select(["user_id", "event_id"], marks).on_conflict_do_nothing()


def add_comment(signal_id: UUID, user_id: UUID | None, payload: dict[str, Any]) -> ReturningInsert[Any]:
    """Write a comment on a signal, if there is such a signal."""
    comment = select(
        literal(EventType.COMMENT.value), Signal.id, literal(user_id, Uuid()), literal(payload, JSONB())
    ).where(Signal.id == signal_id)
    return (
        insert(Row)
        .from_select(["event_type", "signal_id", "user_id", "payload"], comment)
        .returning(*_COLUMNS)
    )


def _marked(reader: UUID | None, events: Rows, order: Sequence[Any], limit: int) -> Rows:
    """The first ``limit`` of the events; ``read`` says whether the reader has marked them."""
    first = events.order_by(*order).limit(limit)
    if reader is None:
        return first
    # Marks are looked up for these few events only, however many the reader has made.
    few = first.add_columns(func.row_number().over(order_by=order).label("number")).subquery("few")
    shown = [column for column in few.c if column.name != "read"]
    mark = (EventRead.event_id == few.c.id) & (EventRead.user_id == reader)
    return (
        select(*shown, EventRead.event_id.is_not(None).label("read"))
        .outerjoin(EventRead, mark)
        .order_by(few.c.number)
    )
