"""Which status may follow which, and what a move leaves behind: the one place that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import func

from backend.db.models import Assignment
from backend.enums import AssignmentStatus

TRANSITIONS: Final[Mapping[AssignmentStatus, tuple[AssignmentStatus, ...]]] = {
    AssignmentStatus.NEW: (AssignmentStatus.ASSIGNED,),
    AssignmentStatus.ASSIGNED: (AssignmentStatus.IN_PROGRESS, AssignmentStatus.NEW),
    AssignmentStatus.IN_PROGRESS: (AssignmentStatus.RESOLVED, AssignmentStatus.ASSIGNED),
    AssignmentStatus.RESOLVED: (AssignmentStatus.CLOSED, AssignmentStatus.IN_PROGRESS),
    AssignmentStatus.CLOSED: (),
}
"""Status to those that may follow it. Staying is not a transition."""

_NOBODY: Final[Mapping[str, None]] = dict.fromkeys(
    ("assignee_id", "assigner_id", "role_type", "assigned_at", "started_at", "resolved_at", "closed_at")
)
_OPEN_AGAIN: Final[Mapping[str, None]] = dict.fromkeys(("resolved_at", "resolution_notes"))


def effects(status: AssignmentStatus, notes: str | None) -> dict[str, Any]:
    """Columns of the assignment that a move to ``status`` sets, besides the status itself."""
    now = func.statement_timestamp()
    by_status: dict[AssignmentStatus, dict[str, Any]] = {
        AssignmentStatus.NEW: {**_NOBODY, "resolution_notes": None},
        AssignmentStatus.ASSIGNED: {},
        # Work that is taken up again began when it first began.
        AssignmentStatus.IN_PROGRESS: {
            "started_at": func.coalesce(Assignment.started_at, now),
            **_OPEN_AGAIN,
        },
        AssignmentStatus.RESOLVED: {"resolved_at": now, "resolution_notes": notes},
        AssignmentStatus.CLOSED: {"closed_at": now},
    }
    return by_status[status]
