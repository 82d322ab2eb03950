"""Tables of the marts as the semantic layer sees them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from sqlalchemy import BigInteger, Boolean, Date, DateTime, Double, Text, cast, column, func, select, table
from sqlalchemy.types import TypeEngine

from backend.db.models import Run
from backend.enums import RunState
from backend.metrics.errors import DimensionUnknown
from backend.metrics.expressions import Expression, parse_expression
from backend.metrics.semantic import Measure, SemanticModel
from backend.metrics.tokens import Kind, SyntaxFault, Token
from backend.metrics.where import Condition

_TYPES: dict[str, TypeEngine[Any]] = {
    "text": Text(),
    "bigint": BigInteger(),
    "integer": BigInteger(),
    "double precision": Double(),
    "boolean": Boolean(),
    "timestamptz": DateTime(timezone=True),
}
_RUN = "run_key"
_SEPARATOR = "__"


class ModelTable:
    """The table of a semantic model. ``fault`` makes an error of what is wrong with a definition."""

    def __init__(self, model: SemanticModel, fault: Callable[[str], Exception]) -> None:
        self.model = model
        self._fault = fault

    @cached_property
    def relation(self) -> Any:
        """The table with its documented columns."""
        known = [column(name, _TYPES[kind]) for name, kind in self.model.columns.items() if kind in _TYPES]
        return table(self.model.table_name, *known, schema=self.model.schema_name)

    @cached_property
    def published(self) -> Condition:
        """That a row belongs to a published run."""
        published = select(Run.run_key).where(Run.state == RunState.PUBLISHED)
        condition: Condition = self.column(_RUN).in_(published)
        return condition

    def dimension(self, name: str) -> Expression:
        """A dimension; one of time as the instant it is. Raises DimensionUnknown."""
        declared = self.model.dimensions.get(name)
        if declared is None:
            raise DimensionUnknown(name, self.model.dimensions)
        return self._parsed(f"dimension {name}", declared.expression)

    def grouped(self, name: str, grain: str | None) -> Expression:
        """A dimension as it is grouped by; one of time as the first day of its ``grain``."""
        expression = self.dimension(name)
        own = self.model.dimensions[name].grain
        return expression if own is None else first_day(expression, grain or own)

    def measure(self, measure: Measure) -> Expression:
        """What a measure aggregates."""
        return self._parsed(f"measure {measure.name}", measure.expression)

    def resolve(self, token: Token) -> Expression:
        """The dimension that a condition names, plain or as ``entity__name``. Raises SyntaxFault."""
        name = token.value
        if token.kind is Kind.DIMENSION:
            entity, separator, name = token.value.partition(_SEPARATOR)
            if not separator or entity not in (self.model.entity, self.model.name):
                raise SyntaxFault(
                    token.position, f"dimensions are those of {self.model.entity}, not {token.value}"
                )
        if name not in self.model.dimensions:
            known = ", ".join(self.model.dimensions)
            raise SyntaxFault(token.position, f"unknown dimension {name}; there are {known}")
        return self.dimension(name)

    def column(self, name: str) -> Expression:
        """A documented column."""
        if name not in self.relation.c:
            raise self._fault(f"{self.model.table_name} has no column {name}")
        found: Expression = self.relation.c[name]
        return found

    def _parsed(self, what: str, source: str) -> Expression:
        try:
            return parse_expression(source, lambda token: self._named(token))
        except SyntaxFault as fault:
            raise self._fault(f"{what}, at character {fault.position + 1}: {fault.reason}") from fault

    def _named(self, token: Token) -> Expression:
        if token.value not in self.relation.c:
            raise SyntaxFault(token.position, f"there is no column {token.value}")
        return self.column(token.value)


def first_day(moment: Expression, grain: str) -> Expression:
    """The first day of the period that an instant lies in, in UTC."""
    return cast(func.date_trunc(grain, moment), Date)
