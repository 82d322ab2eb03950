"""What can go wrong with work on signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from backend.enums import AssignmentStatus
from backend.errors import DomainError


class AssignmentNotFound(DomainError):
    """Nobody has worked on the signal yet."""

    slug = "assignment-not-found"
    title = "Assignment not found"
    status = 404

    def __init__(self, signal_id: UUID) -> None:
        self.signal_id = signal_id
        super().__init__(f"Nobody is assigned to signal {signal_id}")


class TransitionNotAllowed(DomainError):
    """The status cannot follow the one that the signal has; `allowed` lists those that can."""

    slug = "transition-not-allowed"
    title = "Transition not allowed"
    status = 400

    def __init__(
        self, current: AssignmentStatus, requested: AssignmentStatus, allowed: Sequence[AssignmentStatus]
    ) -> None:
        self.current = current
        self.requested = requested
        self.allowed = tuple(allowed)
        super().__init__(
            f"Cannot move from {current} to {requested}; allowed from {current}: "
            + (", ".join(allowed) or "nothing")
        )

    def members(self) -> dict[str, Any]:
        """Both statuses, and those that were possible."""
        return {
            "current_status": self.current,
            "requested_status": self.requested,
            "allowed": list(self.allowed),
        }


class AssignmentClosed(DomainError):
    """Work on a closed signal has ended; it cannot be assigned again."""

    slug = "assignment-closed"
    title = "Closed"
    status = 400

    def __init__(self, signal_id: UUID) -> None:
        self.signal_id = signal_id
        super().__init__(f"Signal {signal_id} is closed and cannot be assigned again")


class AssigneeInactive(DomainError):
    """The user has left and cannot be assigned signals."""

    slug = "assignee-inactive"
    title = "User inactive"
    status = 400

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        super().__init__(f"User {user_id} is not active and cannot be assigned signals")


class SignalInactive(DomainError):
    """The published run no longer has the signal: work that was begun can end, none can begin."""

    slug = "signal-inactive"
    title = "Signal inactive"
    status = 409

    def __init__(self, signal_id: UUID) -> None:
        self.signal_id = signal_id
        super().__init__(f"Signal {signal_id} is no longer active: no work on it can begin")


class AssignmentChanged(DomainError):
    """Somebody else was first; `current_status` and `current` (the assignment) say how it is now."""

    slug = "assignment-changed"
    title = "Changed meanwhile"
    status = 409

    def __init__(self, signal_id: UUID, status: AssignmentStatus, current: Mapping[str, Any] | None) -> None:
        self.signal_id = signal_id
        self.current_status = status
        self.current = current
        super().__init__(f"Somebody else changed signal {signal_id} meanwhile: it is {status} now")

    def members(self) -> dict[str, Any]:
        """The state that the caller did not know of."""
        return {"current_status": self.current_status, "current": self.current}


class PreconditionFailed(AssignmentChanged):
    """The assignment is not at the version that If-Match names; `current` is the one it is at."""

    slug = "precondition-failed"
    title = "Precondition failed"
    status = 412


class BulkAssignmentRefused(DomainError):
    """At least one signal cannot be assigned, so none was; `failures` says which, and why."""

    slug = "bulk-assignment-refused"
    title = "Bulk assignment refused"
    status = 409

    def __init__(self, failures: Mapping[UUID, DomainError]) -> None:
        self.failures = dict(failures)
        super().__init__(
            f"No signal was assigned, because {len(failures)} cannot be: "
            + ", ".join(str(signal_id) for signal_id in failures)
        )

    def members(self) -> dict[str, Any]:
        """Each signal that cannot be assigned, with its own problem."""
        return {
            "failures": [
                {
                    "signal_id": str(signal_id),
                    "problem": error.slug,
                    "detail": error.message,
                    **error.members(),
                }
                for signal_id, error in self.failures.items()
            ]
        }
