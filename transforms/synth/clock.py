"""Instants of a generated run, each in the spelling its document uses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BUNDLE = timedelta(seconds=18, microseconds=204117)
SEMANTIC = timedelta(seconds=19, microseconds=51330)
CONTRIBUTIONS = timedelta(seconds=95, microseconds=730412)
NARRATIVES = timedelta(seconds=110)
CLASSIFICATIONS = timedelta(seconds=140, microseconds=118905)
_ROW = timedelta(microseconds=137)
_AFTER_ROWS = timedelta(milliseconds=412, microseconds=77)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time since the start of the run, whose wall clock the run id spells."""

    start: datetime

    @classmethod
    def of_run(cls, run_id: str) -> Clock:
        """Clock that starts at ``run_id``; raises ValueError where it names no instant."""
        return cls(datetime.strptime(run_id, "%Y%m%d%H%M%S").replace(tzinfo=UTC))

    def started_at(self) -> str:
        """Start with seconds and offset."""
        return self.start.isoformat(timespec="seconds")

    def offset(self, after: timedelta) -> str:
        """Instant with microseconds and offset."""
        return (self.start + after).isoformat(timespec="microseconds")

    def zulu(self, after: timedelta) -> str:
        """Instant with microseconds and Z."""
        return self.offset(after).replace("+00:00", "Z")

    def doubled_zone(self, after: timedelta) -> str:
        """Instant with offset and Z: malformed, as the engine writes it in one manifest."""
        return self.offset(after) + "Z"

    def sentence(self, after: timedelta) -> str:
        """Instant as narratives print it."""
        return f"{self.start + after:%Y-%m-%d %H:%M:%S} UTC"


def classification_row(number: int) -> timedelta:
    """When row ``number`` (from 0) was classified: strictly increasing."""
    return CLASSIFICATIONS + number * _ROW


def after_classification(rows: int) -> timedelta:
    """When ``rows`` rows had been summarised."""
    return classification_row(rows) + _AFTER_ROWS
