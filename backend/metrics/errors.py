"""What can go wrong when metrics are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from backend.errors import DomainError


class SemanticLayerMissing(DomainError):
    """The database holds no manifest of the semantic layer that this version can read."""

    slug = "semantic-layer-missing"
    title = "Semantic layer missing"
    status = 503

    def __init__(self) -> None:
        super().__init__("semantic manifest not found", "store it with `compass db upgrade`")


class MetricNotFound(DomainError):
    """No metric has this name."""

    slug = "metric-not-found"
    title = "Metric not found"
    status = 404

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"Metric not found: {name}")


class MetricUnknown(DomainError):
    """The semantic layer defines no metric of this name, so that it cannot be queried."""

    slug = "metric-unknown"
    title = "Metric unknown"
    status = 400

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"Unknown metric: {name}")


class MetricUnusable(DomainError):
    """The definition of the metric says something that cannot be computed."""

    slug = "metric-unusable"
    title = "Metric unusable"
    status = 400

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"Metric {name} cannot be computed: {reason}")


class DimensionUnknown(DomainError):
    """The metric has no dimension of this name."""

    slug = "dimension-unknown"
    title = "Dimension unknown"
    status = 400

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(f"Unknown dimension {name!r}; there are {', '.join(self.known) or 'none'}")


class GrainUnusable(DomainError):
    """A grain says how time is grouped, and the query groups by no time."""

    slug = "grain-unusable"
    title = "Grain unusable"
    status = 400

    def __init__(self) -> None:
        super().__init__("A grain needs a dimension of time in group_by")


class WhereInvalid(DomainError):
    """The condition is not one of the grammar, or compares values of different kinds."""

    slug = "where-invalid"
    title = "Condition invalid"
    status = 400

    def __init__(self, position: int, reason: str) -> None:
        self.position = position
        self.reason = reason
        super().__init__(f"The condition is not valid at character {position + 1}: {reason}")


class DatesReversed(DomainError):
    """The start of a range of dates lies after its end."""

    slug = "dates-reversed"
    title = "Dates reversed"
    status = 400

    def __init__(self, start: date, end: date) -> None:
        self.start = start
        self.end = end
        super().__init__(f"start_date {start} is after end_date {end}")


class NoTimeDimension(DomainError):
    """The metric has no dimension of time, so that dates cannot restrict it."""

    slug = "no-time-dimension"
    title = "No time dimension"
    status = 400

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"Metric {name} has no dimension of time")
