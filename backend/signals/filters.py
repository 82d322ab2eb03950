"""Query parameters of lists of signals, and what they mean in SQL."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, UnaryExpression, exists, or_
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import KeyedColumnElement

from backend.db.models import Assignment
from backend.db.models import Signal as Row
from backend.enums import AssignmentStatus, SignalDomain
from backend.schemas.signals import SearchText, SearchTexts
from backend.signals import search

MAX_OFFSET = 1_000_000

# Lists join assignments themselves; conditions look them up on their own.
_Work = aliased(Assignment)
Severity = Annotated[int, Field(ge=0, le=100)]


class SortBy(StrEnum):
    """What a list is sorted by; ``priority`` is the severity."""

    DETECTED_AT = "detected_at"
    PRIORITY = "priority"
    METRIC_ID = "metric_id"
    FACILITY = "facility"
    METRIC_VALUE = "metric_value"
    PERCENTILE_RANK = "percentile_rank"


class SortOrder(StrEnum):
    """Direction of a sort."""

    ASC = "asc"
    DESC = "desc"


class Active(StrEnum):
    """Whether signals that the published run no longer has are wanted."""

    TRUE = "true"
    FALSE = "false"
    ALL = "all"


class PlaceFilters(BaseModel):
    """Filters by place. Empty values are as if they were left out."""

    model_config = ConfigDict(frozen=True)

    system_name: SearchText | None = Field(default=None, description="Health system, exactly.")
    facility: tuple[SearchTexts, ...] = Field(
        default=(),
        description=(
            "Facility by name or id, exactly. Several: separated by commas, or the parameter repeated, "
            "in which case names may hold commas."
        ),
    )

    def place_conditions(self) -> list[ColumnElement[bool]]:
        """What the filters mean, to be joined by AND."""
        conditions: list[ColumnElement[bool]] = []
        if self.system_name:
            conditions.append(Row.system_name == self.system_name)
        given = [name for name in self.facility if name]
        if given:
            names = _facilities(given)
            conditions.append(or_(Row.facility.in_(names), Row.facility_id.in_(names)))
        return conditions


class SignalFilters(PlaceFilters):
    """Filters of the list; all that are given must hold. Empty values are as if they were left out."""

    domain: SignalDomain | None = None
    service_line: SearchText | None = Field(default=None, description="Exactly.")
    sub_service_line: SearchText | None = Field(default=None, description="Exactly.")
    metric_id: SearchText | None = Field(default=None, description="Exactly.")
    signal_type: SearchText | None = Field(default=None, description="`simplified_signal_type`, exactly.")
    status: AssignmentStatus | None = Field(
        default=None, description="Status of the work; `new` includes signals that nobody is assigned."
    )
    severity_min: Severity | None = Field(default=None, description="At least this severity.")
    severity_max: Severity | None = Field(default=None, description="At most this severity.")
    assignee: UUID | None = Field(default=None, description="Id of the user who is assigned.")
    q: SearchText | None = Field(
        default=None,
        description=(
            "Words, or beginnings of words, that all occur in facility, system, dimensions, metric or "
            "texts of a signal; capitals do not matter."
        ),
    )
    active: Active = Field(
        default=Active.TRUE, description="`false`: what the published run no longer has; `all`: both."
    )

    def conditions(self) -> list[ColumnElement[bool]]:
        """What the filters mean, to be joined by AND."""
        conditions = self.place_conditions()
        exact = {
            Row.domain: self.domain,
            Row.service_line: self.service_line,
            Row.sub_service_line: self.sub_service_line,
            Row.metric_id: self.metric_id,
            Row.simplified_signal_type: self.signal_type,
        }
        conditions += [column == value for column, value in exact.items() if value]
        if self.status is not None:
            conditions.append(_has_status(self.status))
        if self.severity_min is not None:
            conditions.append(Row.simplified_severity >= self.severity_min)
        if self.severity_max is not None:
            conditions.append(Row.simplified_severity <= self.severity_max)
        if self.assignee is not None:
            conditions.append(exists().where(_Work.signal_id == Row.id, _Work.assignee_id == self.assignee))
        if self.q and self.q.strip():
            conditions.append(search.matches(self.q))
        if self.active is not Active.ALL:
            conditions.append(Row.active.is_(self.active is Active.TRUE))
        return conditions


class ExportQuery(SignalFilters):
    """Which signals, in which order."""

    sort_by: SortBy = Field(default=SortBy.DETECTED_AT, description="Nulls come last in both directions.")
    sort_order: SortOrder = SortOrder.DESC


class SignalQuery(ExportQuery):
    """Parameters of the list: which signals, in which order, which page."""

    limit: int = Field(default=25, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=MAX_OFFSET)
    cursor: str | None = Field(
        default=None,
        max_length=2000,
        description="`next_cursor` of the page before, with the same parameters.",
    )


_SORT_COLUMNS = {
    SortBy.DETECTED_AT: "detected_at",
    SortBy.PRIORITY: "simplified_severity",
    SortBy.METRIC_ID: "metric_id",
    SortBy.FACILITY: "facility",
    SortBy.METRIC_VALUE: "metric_value",
    SortBy.PERCENTILE_RANK: "percentile_rank",
}


def ordering(column: ColumnElement[object], order: SortOrder, *, nullable: bool) -> UnaryExpression[object]:
    """``column`` in this direction, nulls last; a column without nulls can use a plain index."""
    directed = column.asc() if order is SortOrder.ASC else column.desc()
    return directed.nulls_last() if nullable else directed


def sort_column(sort_by: SortBy) -> KeyedColumnElement[Any]:
    """The column of ``signals`` that ``sort_by`` means."""
    return Row.__table__.c[_SORT_COLUMNS[sort_by]]


def _facilities(given: list[str]) -> list[str]:
    """Names that the parameter means: each as it stands, a single one also split at commas."""
    if len(given) > 1:
        return given
    return [given[0], *(name.strip() for name in given[0].split(",") if name.strip())]


def _has_status(status: AssignmentStatus) -> ColumnElement[bool]:
    if status is AssignmentStatus.NEW:
        return ~exists().where(_Work.signal_id == Row.id, _Work.status != AssignmentStatus.NEW)
    return exists().where(_Work.signal_id == Row.id, _Work.status == status)
