"""Work on signals as the API gives and takes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.enums import AssignmentRoleType, AssignmentStatus
from backend.schemas.signals import FreeText

_USER = "5e5f6b1e-6a70-4f0e-9a51-2f3d1d2f9c11"
_SIGNAL = "0b8f5c0e-59b3-5c6e-8f0f-8d6f6f0d7c21"


class Assignment(BaseModel):
    """Who works on a signal, and how far."""

    id: str
    signal_id: str
    assignee_id: str | None = Field(description="User who works on it.")
    assigner_id: str | None = Field(description="User who assigned it; null where nobody signs in.")
    status: AssignmentStatus
    role_type: AssignmentRoleType | None = Field(description="Group of leaders that is addressed.")
    notes: str | None = Field(description="Of the assignment.")
    resolution_notes: str | None = Field(description="Of the move to `resolved`; gone when it is reopened.")
    assigned_at: datetime | None
    started_at: datetime | None = Field(description="First move to `in_progress`.")
    resolved_at: datetime | None
    closed_at: datetime | None
    created_at: datetime
    version: int = Field(description="Grows with every change; the ETag is this number in quotes.")


class AssignmentRequest(BaseModel):
    """Whom to assign."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"assignee_id": _USER, "role_type": "clinical_leadership", "notes": "By Friday"}]
        }
    )

    assignee_id: UUID = Field(description="An active user.")
    role_type: AssignmentRoleType
    notes: FreeText | None = Field(default=None, description="Replaces earlier notes; null clears them.")


class BulkAssignmentRequest(AssignmentRequest):
    """Which signals to assign, and to whom."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"signal_ids": [_SIGNAL], "assignee_id": _USER, "role_type": "nursing_leadership"}]
        }
    )

    signal_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)] = Field(
        description="An id that is listed twice counts once."
    )


class BulkAssignments(BaseModel):
    """What came of assigning several signals."""

    assignments: list[Assignment] = Field(description="In the order of `signal_ids`.")
    count: int


class StatusChange(BaseModel):
    """Where to move a signal."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "in_progress", "expected_status": "assigned"}]}
    )

    status: AssignmentStatus
    notes: FreeText | None = Field(
        default=None, description="Goes into the history; of a move to `resolved` also resolution_notes."
    )
    expected_status: AssignmentStatus | None = Field(
        default=None, description="Status that the caller believes it has; 409 when it has another."
    )
