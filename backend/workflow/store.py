"""Assignments in the database: how they stand, and changes that come with their event.

A change is made only to the version that was read before, in one statement that also writes the
event. Whoever changes an assignment holds its row first, then the feed, then the data versions;
nobody takes them in another order. The signal's row is never locked against a publish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    RowMapping,
    Select,
    Text,
    Uuid,
    column,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.auth.actor import Actor
from backend.db.models import ActivityEvent, Assignment, Signal, User
from backend.enums import AssignmentStatus, EventType
from backend.schemas.workflow import AssignmentRequest
from backend.workflow.transitions import effects

_COLUMNS = Assignment.__table__.c


@dataclass(frozen=True, slots=True)
class Standing:
    """How a signal stands; without an assignment its status is ``new`` and its version 0."""

    signal_id: UUID
    active: bool
    status: AssignmentStatus
    version: int
    assignment: dict[str, Any] | None
    """As the API shows it."""


@dataclass(frozen=True, slots=True)
class Assignee:
    """A user whom signals are to be assigned to."""

    name: str
    is_active: bool


def render(row: RowMapping) -> dict[str, Any]:
    """An assignment of the API."""
    return {
        name: str(row[name]) if isinstance(row[name], UUID) else row[name]
        for name in (
            "id", "signal_id", "assignee_id", "assigner_id", "status", "role_type", "notes",
            "resolution_notes", "assigned_at", "started_at", "resolved_at", "closed_at", "created_at",
            "version",
        )
    }  # fmt: skip


async def standings(
    connection: AsyncConnection, signal_ids: Sequence[UUID], user_id: UUID | None = None
) -> tuple[dict[UUID, Standing], Assignee | None]:
    """How those of the signals stand that exist, and the user, if there is one with this id."""
    asked = func.unnest(literal(list(signal_ids), ARRAY(Uuid()))).table_valued(column("id", Uuid()))
    asked = asked.render_derived(name="asked")
    query = (
        select(
            asked.c.id.label("asked_id"),
            Signal.active,
            User.name.label("user_name"),
            User.is_active.label("user_active"),
            *_COLUMNS,
        )
        .select_from(asked)
        .outerjoin(Signal, Signal.id == asked.c.id)
        .outerjoin(Assignment, Assignment.signal_id == Signal.id)
        .outerjoin(User, User.id == literal(user_id, Uuid()))
    )
    rows = (await connection.execute(query)).mappings().all()
    name = rows[0]["user_name"]
    return (
        {row["asked_id"]: _standing(row) for row in rows if row["active"] is not None},
        None if name is None else Assignee(name, rows[0]["user_active"]),
    )


async def assign(
    connection: AsyncConnection,
    asked: Sequence[Standing],
    request: AssignmentRequest,
    assignee_name: str,
    actor: Actor,
) -> dict[UUID, dict[str, Any]]:
    """Assign signals as they stand; those that have changed since, all if the user has left, are missing."""
    # Everybody locks rows in the same order.
    ordered = sorted(asked, key=lambda each: each.signal_id)
    before = (
        func.unnest(
            literal([each.signal_id for each in ordered], ARRAY(Uuid())),
            literal([each.version for each in ordered], ARRAY(BigInteger())),
            literal([each.status.value for each in ordered], ARRAY(Text())),
        )
        .table_valued(column("signal_id", Uuid()), column("version", BigInteger()), column("status", Text()))
        .render_derived(name="before")
    )
    now = func.statement_timestamp()
    given = {
        "signal_id": before.c.signal_id,
        "assignee_id": User.id,
        "assigner_id": literal(actor.user_id, Uuid()),
        "status": literal(AssignmentStatus.ASSIGNED.value),
        "role_type": literal(request.role_type.value),
        "notes": literal(request.notes, Text()),
        "assigned_at": now,
        "version": before.c.version + 1,
    }
    rows: Select[*tuple[Any, ...]] = (
        select(*(value.label(name) for name, value in given.items()))
        .select_from(before)
        .join(User, (User.id == request.assignee_id) & User.is_active)
        .order_by(before.c.signal_id)
        # Nobody deactivates the user before this is done.
        .with_for_update(read=True, of=User.__table__)
    )
    statement = upsert(Assignment).from_select(list(given), rows)
    cleared = dict.fromkeys(("started_at", "resolved_at", "closed_at", "resolution_notes"))
    changed = (
        statement.on_conflict_do_update(
            index_elements=[Assignment.signal_id],
            set_={name: statement.excluded[name] for name in given if name != "signal_id"} | cleared,
            where=Assignment.version == statement.excluded.version - 1,
        )
        .returning(*_COLUMNS)
        .cte("changed")
    )
    payload = {
        "assignee_id": str(request.assignee_id),
        "assignee_name": assignee_name,
        "role_type": request.role_type.value,
        "notes": request.notes,
        "actor_name": actor.name,
    }
    statuses = func.jsonb_build_object(
        "old_status", before.c.status, "new_status", AssignmentStatus.ASSIGNED.value,
        "from_status", before.c.status, "to_status", AssignmentStatus.ASSIGNED.value,
    )  # fmt: skip
    told = (
        select(
            literal(EventType.ASSIGNMENT.value),
            changed.c.signal_id,
            literal(actor.user_id, Uuid()),
            literal(payload, JSONB()).op("||")(statuses),
        )
        .select_from(changed)
        .join(before, before.c.signal_id == changed.c.signal_id)
        .order_by(changed.c.signal_id)
    )
    return await _change(connection, changed, told)


async def move(
    connection: AsyncConnection,
    standing: Standing,
    status: AssignmentStatus,
    notes: str | None,
    actor: Actor,
) -> dict[str, Any] | None:
    """Move a signal on from where it stands; None when it has changed since."""
    changed = (
        upsert(Assignment)
        .from_select(
            ["signal_id", "status"],
            select(Signal.id, literal(status.value)).where(Signal.id == standing.signal_id),
        )
        .on_conflict_do_update(
            index_elements=[Assignment.signal_id],
            set_={"status": status.value, "version": standing.version + 1, **effects(status, notes)},
            where=Assignment.version == standing.version,
        )
        .returning(*_COLUMNS)
        .cte("changed")
    )
    payload = {
        "old_status": standing.status.value,
        "new_status": status.value,
        "from_status": standing.status.value,
        "to_status": status.value,
        "notes": notes,
        "actor_name": actor.name,
    }
    told = select(
        literal(EventType.STATUS_CHANGE.value),
        changed.c.signal_id,
        literal(actor.user_id, Uuid()),
        literal(payload, JSONB()),
    ).select_from(changed)
    return (await _change(connection, changed, told)).get(standing.signal_id)


async def _change(connection: AsyncConnection, changed: CTE, told: Any) -> dict[UUID, dict[str, Any]]:
    """Run a change, and write the events that ``told`` selects."""
    names = ["event_type", "signal_id", "user_id", "payload"]
    events = insert(ActivityEvent).from_select(names, told).cte("events")
    # Only ``changed`` is selected from: so its rows are locked before the feed is.
    rows = (await connection.execute(select(changed).add_cte(events))).mappings()
    return {row["signal_id"]: render(row) for row in rows}


def _standing(row: RowMapping) -> Standing:
    known = row["id"] is not None
    return Standing(
        signal_id=row["asked_id"],
        active=row["active"],
        status=AssignmentStatus(row["status"]) if known else AssignmentStatus.NEW,
        version=row["version"] if known else 0,
        assignment=render(row) if known else None,
    )
