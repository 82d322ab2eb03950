"""What a metric is computed from: the measures below it, and the formula above them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import literal

from backend.metrics.errors import MetricUnusable
from backend.metrics.expressions import Expression, divide, parse_expression
from backend.metrics.semantic import Json, Measure, Metric, SemanticLayer, SemanticModel, filters_of
from backend.metrics.tokens import SyntaxFault, Token

Formula = Callable[[Sequence[Expression]], Expression]
"""The metric's value, from the values of its measures."""

_UNSUPPORTED = ("fill_nulls_with", "offset_window", "offset_to_grain")
_ADDED_UP = "cumulative_type_params"


@dataclass(frozen=True, slots=True)
class Accumulation:
    """How far back a running total reaches: ``count`` grains, to the start of ``to_grain``, or all."""

    count: int | None = None
    grain: str | None = None
    to_grain: str | None = None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A measure with all filters that apply to it."""

    model: SemanticModel
    measure: Measure
    filters: tuple[str, ...]
    accumulation: Accumulation | None


@dataclass(slots=True)
class Plan:
    """The leaves of a metric, each once, and its formula over them."""

    layer: SemanticLayer
    metric: Metric
    leaves: list[Leaf] = field(default_factory=list)
    formula: Formula = field(init=False)

    def __post_init__(self) -> None:
        self.formula = self._formula(self.metric, (), ())
        if not self.leaves:
            raise self.unusable("it has no measure")

    def unusable(self, reason: str) -> MetricUnusable:
        """The error that the metric cannot be computed."""
        return MetricUnusable(self.metric.name, reason)

    def _formula(self, metric: Metric, inherited: tuple[str, ...], above: tuple[str, ...]) -> Formula:
        if metric.name in above:
            raise self.unusable(f"{metric.name} is defined by itself")
        filters = tuple(dict.fromkeys((*inherited, *metric.filters)))
        above = (*above, metric.name)
        match metric.kind:
            case "simple":
                return self._leaf(metric, filters, None)
            case "cumulative":
                return self._leaf(metric, filters, _accumulation(metric.params))
            case "ratio":
                dividend = self._input(metric.params.get("numerator", {}), filters, above)
                divisor = self._input(metric.params.get("denominator", {}), filters, above)
                return lambda values: divide(dividend(values), divisor(values))
            case "derived":
                return self._derived(metric.params, filters, above)
        raise self.unusable(f"there are no metrics of type {metric.kind}")

    def _leaf(self, metric: Metric, filters: tuple[str, ...], accumulation: Accumulation | None) -> Formula:
        used = metric.params.get("measure", {})
        self._refuse(used)
        name = used.get("name", "")
        owner = self.layer.owner(name)
        if owner is None:
            raise self.unusable(f"there is no measure {name or '(none)'}")
        leaf = Leaf(owner, owner.measures[name], (*filters, *filters_of(used)), accumulation)
        if leaf not in self.leaves:
            self.leaves.append(leaf)
        position = self.leaves.index(leaf)
        return lambda values: values[position]

    def _input(self, used: Json, filters: tuple[str, ...], above: tuple[str, ...]) -> Formula:
        self._refuse(used)
        metric = self.layer.metrics.get(used.get("name", ""))
        if metric is None:
            raise self.unusable(f"there is no metric {used.get('name', '(none)')}")
        return self._formula(metric, (*filters, *filters_of(used)), above)

    def _derived(self, params: Json, filters: tuple[str, ...], above: tuple[str, ...]) -> Formula:
        inputs = {
            used.get("alias", used["name"]): self._input(used, filters, above)
            for used in params.get("metrics", ())
        }
        source = params.get("expr", "")

        def compute(resolve: Callable[[Token], Expression]) -> Expression:
            try:
                return parse_expression(source, resolve)
            except SyntaxFault as fault:
                raise self.unusable(f"its expression, at character {fault.position + 1}: {fault}") from fault

        def checked(token: Token) -> Formula:
            if token.value not in inputs:
                raise SyntaxFault(token.position, f"there is no input {token.value}")
            return inputs[token.value]

        # Once without values, so that a wrong expression is found before anything is asked.
        compute(lambda token: (checked(token), literal(0))[1])
        return lambda values: compute(lambda token: checked(token)(values))

    def _refuse(self, used: Json) -> None:
        said = [name for name in _UNSUPPORTED if used.get(name) is not None]
        if said:
            raise self.unusable(f"{said[0]} is not supported")


def _accumulation(params: Json) -> Accumulation:
    added_up: Any = {**params, **params.get(_ADDED_UP, {})}
    window = added_up.get("window", {})
    return Accumulation(
        count=window.get("count"), grain=window.get("granularity"), to_grain=added_up.get("grain_to_date")
    )
