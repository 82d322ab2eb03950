"""Query parameters of the feed, and what they mean in SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from sqlalchemy import ColumnElement, tuple_

from backend import cursors
from backend.db.models import ActivityEvent as Row
from backend.enums import EventType
from backend.errors import CursorInvalid


def _in_utc(time: datetime) -> datetime:
    """``time`` in UTC, which it is taken to be in when it does not say. Raises ValueError."""
    try:
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be a time that exists in UTC") from error


def _not_a_number(text: Any) -> Any:
    """``text`` unless it counts seconds, which is no way to write a time here. Raises ValueError."""
    try:
        float(text)
    except (ValueError, TypeError):
        return text
    raise ValueError("must be a time as ISO 8601 writes it")


class EventFilters(BaseModel):
    """Which events; all filters that are given must hold."""

    signal_id: UUID | None = Field(default=None, description="Events of this signal.")
    event_type: EventType | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """What the filters mean, to be joined by AND."""
        exact = {Row.signal_id: self.signal_id, Row.event_type: self.event_type}
        return [column == value for column, value in exact.items() if value is not None]


class PageQuery(BaseModel):
    """Which page."""

    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = Field(
        default=None,
        max_length=2000,
        description=(
            "`cursor` of the page before. A time (ISO 8601, UTC unless it says otherwise) is taken too, "
            "and means what is strictly older."
        ),
    )

    def after(self) -> list[ColumnElement[bool]]:
        """What comes after the cursor, newest first. Raises CursorInvalid."""
        if not self.cursor:
            return []
        try:
            # Forms decode the plus of an offset to a blank.
            time = datetime.fromisoformat(self.cursor.replace(" ", "+"))
            return [Row.created_at < _in_utc(time)]
        except ValueError:
            created_at, event_id = cursors.decode(self.cursor, 2)
        try:
            position = (_in_utc(datetime.fromisoformat(created_at)), UUID(event_id))
        except (ValueError, TypeError, AttributeError) as error:
            raise CursorInvalid() from error
        return [tuple_(Row.created_at, Row.id) < tuple_(*position)]


class HistoryQuery(PageQuery):
    """Parameters of a signal's history."""

    event_type: EventType | None = None


class FeedQuery(EventFilters, PageQuery):
    """Parameters of the feed: which events, which page."""

    user_id: UUID | None = Field(default=None, description="What this user did.")
    since: Annotated[datetime, BeforeValidator(_not_a_number), AfterValidator(_in_utc)] | None = Field(
        default=None, description="Not older than this; UTC unless it says otherwise."
    )

    def conditions(self) -> list[ColumnElement[bool]]:
        """What the filters mean, to be joined by AND."""
        conditions = super().conditions()
        if self.user_id is not None:
            conditions.append(Row.user_id == self.user_id)
        if self.since is not None:
            conditions.append(Row.created_at >= self.since)
        return conditions
