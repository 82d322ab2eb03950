"""Who may change what, and what becomes of two who want to at once.

A request reads how the signal stands, decides, and changes it only if it still stands so. The
answers, in this order:

- 404: the signal does not exist; nor, when assigning, the user (400 when inactive);
- 412: If-Match does not name the version of the assignment;
- 409: the status is not the caller's ``expected_status``;
- 400: the change is not possible from the status: the transition is not in the table (staying is
  none either), or a closed signal is to be assigned;
- 409: work would begin on a signal that is no longer active;
- 409, or 412 with If-Match: somebody else changed the signal between the reading and the changing,
  whatever the change was.

So of two who change the same version at once one succeeds, and the other is told what is now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.auth.actor import Actor
from backend.enums import AssignmentStatus
from backend.errors import DomainError, SignalNotFound
from backend.schemas.workflow import AssignmentRequest, StatusChange
from backend.users.errors import UserNotFound
from backend.workflow import store
from backend.workflow.conditions import holds
from backend.workflow.errors import (
    AssigneeInactive,
    AssignmentChanged,
    AssignmentClosed,
    PreconditionFailed,
    SignalInactive,
    TransitionNotAllowed,
)
from backend.workflow.store import Assignee, Standing
from backend.workflow.transitions import TRANSITIONS


class AssignmentsRefused(Exception):
    """Some of the signals cannot be assigned; ``failures`` says why of each."""

    def __init__(self, failures: dict[UUID, DomainError]) -> None:
        self.failures = failures
        super().__init__(failures)


async def change_status(
    connection: AsyncConnection,
    signal_id: UUID,
    change: StatusChange,
    if_match: str | None,
    actor: Actor,
) -> dict[str, Any]:
    """Move a signal on. Raises SignalNotFound, TransitionNotAllowed, AssignmentChanged and its like."""
    standing = (await store.standings(connection, [signal_id]))[0].get(signal_id)
    if standing is None:
        raise SignalNotFound(signal_id)
    if not holds(if_match, standing.version):
        raise _changed(standing, PreconditionFailed)
    if change.expected_status not in (None, standing.status):
        raise _changed(standing)
    if change.status not in TRANSITIONS[standing.status]:
        raise TransitionNotAllowed(standing.status, change.status, TRANSITIONS[standing.status])
    if standing.status is AssignmentStatus.NEW and not standing.active:
        raise SignalInactive(signal_id)
    changed = await store.move(connection, standing, change.status, change.notes, actor)
    if changed is None:
        now = (await store.standings(connection, [signal_id]))[0].get(signal_id)
        if now is None:
            raise SignalNotFound(signal_id)
        raise _changed(now, AssignmentChanged if if_match is None else PreconditionFailed)
    return changed


async def assign(
    connection: AsyncConnection,
    signal_ids: Sequence[UUID],
    request: AssignmentRequest,
    if_match: str | None,
    actor: Actor,
) -> list[dict[str, Any]]:
    """Assign all of the signals, or none. Raises UserNotFound, AssigneeInactive, AssignmentsRefused."""
    found, user = await store.standings(connection, signal_ids, request.assignee_id)
    failures = {
        signal_id: obstacle
        for signal_id in signal_ids
        if (obstacle := _obstacle(signal_id, found.get(signal_id), if_match)) is not None
    }
    # An unknown signal is named before an unknown user, as the path comes before the body.
    if len(failures) == len(signal_ids) and not found:
        raise AssignmentsRefused(failures)
    name = _require_active(user, request.assignee_id)
    if failures:
        raise AssignmentsRefused(failures)
    changed = await store.assign(connection, list(found.values()), request, name, actor)
    late = [signal_id for signal_id in signal_ids if signal_id not in changed]
    if late:
        now, user = await store.standings(connection, late, request.assignee_id)
        _require_active(user, request.assignee_id)
        error = AssignmentChanged if if_match is None else PreconditionFailed
        raise AssignmentsRefused(
            {
                signal_id: _changed(now[signal_id], error) if signal_id in now else SignalNotFound(signal_id)
                for signal_id in late
            }
        )
    return [changed[signal_id] for signal_id in signal_ids]


def _require_active(user: Assignee | None, user_id: UUID) -> str:
    if user is None:
        raise UserNotFound(user_id)
    if not user.is_active:
        raise AssigneeInactive(user_id)
    return user.name


def _obstacle(signal_id: UUID, standing: Standing | None, if_match: str | None) -> DomainError | None:
    """Why the signal cannot be assigned; None when it can."""
    if standing is None:
        return SignalNotFound(signal_id)
    if not holds(if_match, standing.version):
        return _changed(standing, PreconditionFailed)
    if standing.status is AssignmentStatus.CLOSED:
        return AssignmentClosed(signal_id)
    if not standing.active:
        return SignalInactive(signal_id)
    return None


def _changed(standing: Standing, kind: type[AssignmentChanged] = AssignmentChanged) -> AssignmentChanged:
    return kind(standing.signal_id, standing.status, standing.assignment)
