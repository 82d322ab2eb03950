"""Metrics as the API gives them, and questions about them."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

from backend.schemas.signals import FreeText, SearchText

DEFAULT_LIMIT = 1000


class MetricInfo(BaseModel):
    """A metric of care: what it measures, and how to read it."""

    metric_id: str = Field(examples=["losIndex"])
    display_name: str = Field(examples=["LOS Index"])
    description: str
    domain: str = Field(examples=["Efficiency"])
    domain_description: str
    unit: str = Field(examples=["ratio"])
    direction: str = Field(
        description="lower_is_better, higher_is_better or neutral; empty where nothing says.",
        examples=["lower_is_better"],
    )
    interpretation: str


class MetricCatalogue(BaseModel):
    """Every metric that is known, or that a published run has."""

    metrics: list[MetricInfo]
    count: int


class MetricDefinition(BaseModel):
    """A metric of the semantic layer, which can be queried."""

    name: str = Field(examples=["critical_signals"])
    description: str
    label: str = Field(examples=["Critical Signals"])
    type: str = Field(description="simple, ratio, derived or cumulative.", examples=["simple"])
    category: str | None = Field(examples=["Volume"])
    display_format: str | None = Field(description="Python format specification.", examples=["{:,d}"])
    available_dimensions: list[str] = Field(description="Empty for a metric that is not simple.")


class SemanticModelInfo(BaseModel):
    """A table of the semantic layer."""

    name: str = Field(examples=["signals"])
    description: str
    table_name: str = Field(examples=["fct_signals"])
    dimensions: list[str]
    measures: list[str]


class Grain(StrEnum):
    """Periods that time is grouped by."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


def _text(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError("must be a date in ISO 8601, not a number")
    return value


# What the types of these texts refuse, for clients to know beforehand.
_WITHOUT_NUL: Final[JsonDict] = {"pattern": "^[^\\u0000]*$"}

Name = Annotated[SearchText, Field(json_schema_extra=_WITHOUT_NUL)]
Where = Annotated[FreeText, Field(json_schema_extra=_WITHOUT_NUL)]
Day = Annotated[date, BeforeValidator(_text)]
"""A day, as text: numbers, which pydantic would take for seconds, are refused."""


class MetricQuery(BaseModel):
    """A question about a metric. Rows are those of published runs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"group_by": ["service_line"], "where": "domain = 'Efficiency'", "limit": 10},
                {"group_by": ["detected_at"], "grain": "month", "start_date": "2026-01-01"},
            ]
        }
    )

    group_by: Annotated[list[Name], Field(max_length=20)] = Field(
        default=[], description="Dimensions of the metric."
    )
    where: Where | None = Field(
        default=None,
        description=(
            "Condition on dimensions: comparisons (= != <> < <= > >=), [NOT] IN (...), IS [NOT] NULL and "
            "BETWEEN, joined by AND, OR, NOT and parentheses. A dimension is named plainly or as "
            "{{ Dimension('entity__name') }}; literals are 'text', numbers, TRUE and FALSE."
        ),
        examples=["facility_id = '12345'"],
    )
    start_date: Day | None = Field(
        default=None,
        description="First day, in UTC. A running total counts what was before it all the same.",
    )
    end_date: Day | None = Field(default=None, description="Last day, in UTC, all of it.")
    grain: Grain | None = Field(
        default=None, description="How dimensions of time in group_by are rounded; default: as defined."
    )
    limit: int | None = Field(
        default=None, ge=1, le=10_000, description=f"Rows at most; default: {DEFAULT_LIMIT}."
    )


class MetricResult(BaseModel):
    """The answer to a question about a metric."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "metric_name": "critical_signals",
                    "dimensions": ["service_line"],
                    "rows": [{"service_line": "Cardiology", "critical_signals": 12}],
                    "row_count": 1,
                    "sql": None,
                }
            ]
        }
    )

    metric_name: str
    dimensions: list[str] = Field(description="As asked for.")
    rows: list[dict[str, Any]] = Field(
        description="One key a dimension, plus the metric; ordered by the dimensions, null last."
    )
    row_count: int
    sql: str | None = Field(description="Always null: statements are not shown.")
