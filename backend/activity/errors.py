"""What can go wrong with the feed."""

from __future__ import annotations

from uuid import UUID

from backend.errors import DomainError


class EventNotFound(DomainError):
    """No event has this id."""

    slug = "event-not-found"
    title = "Event not found"
    status = 404

    def __init__(self, event_id: UUID) -> None:
        self.event_id = event_id
        super().__init__(f"Event not found: {event_id}")


class TooManyStreams(DomainError):
    """This worker sends the feed to as many as it can; trying again later may help."""

    slug = "too-many-streams"
    title = "Too many streams of the feed"
    status = 503
    _RETRY_AFTER_SECONDS = "30"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{limit} streams are open already")

    def headers(self) -> dict[str, str]:
        """When to come again."""
        return {"Retry-After": self._RETRY_AFTER_SECONDS}
