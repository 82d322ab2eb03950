"""Closed sets of values, spelled as the API and the database spell them."""

from __future__ import annotations

from enum import StrEnum


class UserRole(StrEnum):
    """What a user is."""

    ADMIN = "admin"
    CLINICAL_LEADERSHIP = "clinical_leadership"
    NURSING_LEADERSHIP = "nursing_leadership"
    ADMINISTRATION = "administration"
    VIEWER = "viewer"


class SignalDomain(StrEnum):
    """Field of quality that a metric belongs to; ``Other`` when nothing says which."""

    EFFICIENCY = "Efficiency"
    SAFETY = "Safety"
    EFFECTIVENESS = "Effectiveness"
    UTILIZATION = "Utilization"
    OTHER = "Other"


class AssignmentStatus(StrEnum):
    """Where the work on a signal is."""

    NEW = "new"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    CLOSED = "closed"


class AssignmentRoleType(StrEnum):
    """Group of leaders that an assignment addresses."""

    CLINICAL_LEADERSHIP = "clinical_leadership"
    NURSING_LEADERSHIP = "nursing_leadership"
    ADMINISTRATION = "administration"


class EventType(StrEnum):
    """Kind of an event of the activity feed."""

    NEW_SIGNAL = "new_signal"
    REGRESSION = "regression"
    IMPROVEMENT = "improvement"
    INSIGHT = "insight"
    TECHNICAL_ERROR = "technical_error"
    ASSIGNMENT = "assignment"
    STATUS_CHANGE = "status_change"
    COMMENT = "comment"
    INTERVENTION_ACTIVATED = "intervention_activated"
    INTERVENTION_OUTCOME = "intervention_outcome"


class RunState(StrEnum):
    """Where a run is in its lifecycle; at most one run of a graph is published."""

    LOADING = "loading"
    LOADED = "loaded"
    BUILDING = "building"
    BUILT = "built"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    FAILED = "failed"


WHOLE_ROWS = (
    RunState.LOADED,
    RunState.BUILDING,
    RunState.BUILT,
    RunState.PUBLISHED,
    RunState.SUPERSEDED,
)
"""States of a run whose rows in the raw tables can be read."""

WHOLE_MARTS = (RunState.BUILT, RunState.PUBLISHED, RunState.SUPERSEDED)
"""States of a run whose marts can be read."""
