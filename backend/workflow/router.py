"""/api/signals/{signal_id}: assign, move on, and look at the assignment."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from backend.auth.dependencies import Worker
from backend.db.session import begin, snapshot
from backend.dependencies import Engine, ReadEngine
from backend.errors import SignalNotFound
from backend.problems import Responses, documented
from backend.responses import JsonResponse
from backend.schemas.workflow import (
    Assignment,
    AssignmentRequest,
    BulkAssignmentRequest,
    BulkAssignments,
    StatusChange,
)
from backend.users.errors import UserNotFound
from backend.workflow import rules, store
from backend.workflow.conditions import IfMatch, etag
from backend.workflow.errors import (
    AssigneeInactive,
    AssignmentChanged,
    AssignmentClosed,
    AssignmentNotFound,
    BulkAssignmentRefused,
    PreconditionFailed,
    SignalInactive,
    TransitionNotAllowed,
)

_TAGGED: Responses = {
    200: {
        "headers": {
            "ETag": {
                "description": "Version of the assignment, for If-Match.",
                "schema": {"type": "string", "examples": ['"3"']},
            }
        }
    }
}

router = APIRouter(prefix="/signals", tags=["workflow"])


@router.post(
    "/bulk-assign",
    response_model=BulkAssignments,
    responses=documented(UserNotFound, AssigneeInactive, BulkAssignmentRefused),
)
async def assign_signals(request: BulkAssignmentRequest, engine: Engine, worker: Worker) -> Response:
    """Assign several signals at once: all of them, or, when one cannot be assigned, none.

    The problem then lists each that cannot be under `failures`. Rules are those of assigning one.
    """
    signal_ids = list(dict.fromkeys(request.signal_ids))
    try:
        async with begin(engine) as connection:
            assigned = await rules.assign(connection, signal_ids, request, None, worker)
    except rules.AssignmentsRefused as refused:
        raise BulkAssignmentRefused(refused.failures) from None
    return JsonResponse({"assignments": assigned, "count": len(assigned)})


@router.post(
    "/{signal_id}/assign",
    response_model=Assignment,
    responses={
        **documented(
            SignalNotFound,
            UserNotFound,
            AssigneeInactive,
            AssignmentClosed,
            SignalInactive,
            AssignmentChanged,
            PreconditionFailed,
        ),
        **_TAGGED,
    },
)
async def assign_signal(
    signal_id: UUID, request: AssignmentRequest, engine: Engine, worker: Worker, if_match: IfMatch = None
) -> Response:
    """Assign a signal to a user, or to another one; the work on it starts anew.

    Closed signals and those that are no longer active are refused, and so are inactive users.
    Of two who assign a signal at the very same time one gets 409, with the state it is in.
    """
    try:
        async with begin(engine) as connection:
            (assigned,) = await rules.assign(connection, [signal_id], request, if_match, worker)
    except rules.AssignmentsRefused as refused:
        raise refused.failures[signal_id] from None
    return _assignment(assigned)


@router.patch(
    "/{signal_id}/status",
    response_model=Assignment,
    responses={
        **documented(
            SignalNotFound, TransitionNotAllowed, SignalInactive, AssignmentChanged, PreconditionFailed
        ),
        **_TAGGED,
    },
)
async def change_status(
    signal_id: UUID, change: StatusChange, engine: Engine, worker: Worker, if_match: IfMatch = None
) -> Response:
    """Move a signal to another status; one without an assignment counts as `new`.

    new → assigned; assigned → in_progress, new; in_progress → resolved, assigned;
    resolved → closed, in_progress. Anything else is 400, staying too. Moving back to `new` clears
    assignee, role and times; reopening clears the resolution and keeps `started_at`.

    Nobody overwrites what they have not seen: when the signal is not at the version of `If-Match`
    (412), not in `expected_status` (409), or was changed by somebody else while this request was
    being served (409; 412 with `If-Match`), nothing changes and the problem holds the current state.
    """
    async with begin(engine) as connection:
        changed = await rules.change_status(connection, signal_id, change, if_match, worker)
    return _assignment(changed)


@router.get(
    "/{signal_id}/assignment",
    response_model=Assignment,
    responses={**documented(SignalNotFound, AssignmentNotFound), **_TAGGED},
)
async def get_assignment(signal_id: UUID, engine: ReadEngine) -> Response:
    """Who works on a signal, and how far; 404 while nobody ever did."""
    async with snapshot(engine) as connection:
        standing = (await store.standings(connection, [signal_id]))[0].get(signal_id)
    if standing is None:
        raise SignalNotFound(signal_id)
    if standing.assignment is None:
        raise AssignmentNotFound(signal_id)
    return _assignment(standing.assignment)


def _assignment(assignment: dict[str, Any]) -> Response:
    return JsonResponse(assignment, headers={"ETag": etag(assignment["version"])})
