"""The feed as the API gives it, and comments as it takes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.enums import EventType

# Of any characters but NUL, which the database cannot hold; a comment is not blank.
_Mention = Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00]*$")]
_Content = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]


class Event(BaseModel):
    """Something that happened. Which keys the payload has depends on the type."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "4f6c1a0e-8a53-4d0c-9c55-0d1c3b8f7a11",
                    "event_type": "status_change",
                    "signal_id": "0b8f5c0e-59b3-5c6e-8f0f-8d6f6f0d7c21",
                    "user_id": None,
                    "payload": {
                        "old_status": "assigned",
                        "new_status": "in_progress",
                        "from_status": "assigned",
                        "to_status": "in_progress",
                        "notes": None,
                        "actor_name": "local",
                    },
                    "read": False,
                    "created_at": "2026-03-01T08:00:00Z",
                }
            ]
        }
    )

    id: str
    event_type: EventType
    signal_id: str | None
    user_id: str | None = Field(description="Who did it; null for the system, and where nobody signs in.")
    payload: dict[str, Any]
    read: bool = Field(
        description="Whether the caller has marked it as read; those without an account share one mark."
    )
    created_at: datetime


class EventPage(BaseModel):
    """A page of events, newest first."""

    events: list[Event]
    cursor: str | None = Field(description="`cursor` of the next page; null on the last one.")
    has_more: bool
    total_count: int = Field(description="Events that match, on all pages.")


class UnreadCount(BaseModel):
    """Events that the caller has not marked as read."""

    count: int


class MarkedRead(BaseModel):
    """What came of marking everything as read."""

    marked: int = Field(description="Events that were unread before.")


class NewComment(BaseModel):
    """Something to say about a signal."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"content": "Waiting for the March data.", "mentions": ["Ann Lee"]}]}
    )

    content: _Content
    mentions: Annotated[list[_Mention], Field(max_length=50)] = Field(
        default=[], description="Names or ids of users, as the client marks them."
    )
    author_name: _Mention | None = Field(
        default=None, description="Counts only where nobody signs in; otherwise it is the caller's name."
    )
