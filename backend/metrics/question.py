"""What is asked of a metric."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from backend.metrics.errors import DatesReversed


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a metric. Dates are days in UTC, both inclusive."""

    group_by: tuple[str, ...] = ()
    where: str | None = None
    start: date | None = None
    end: date | None = None
    grain: str | None = None
    limit: int = 1000

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start > self.end:
            raise DatesReversed(self.start, self.end)

    @property
    def since(self) -> datetime | None:
        """The first instant that counts."""
        return None if self.start is None else datetime.combine(self.start, time.min, UTC)

    @property
    def until(self) -> datetime | None:
        """The first instant that no longer counts."""
        if self.end is None or self.end == date.max:
            return None
        return datetime.combine(self.end + timedelta(days=1), time.min, UTC)
