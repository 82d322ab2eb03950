"""One scan of a table of the marts: measures aggregated by dimensions.

Most measures of a table share a scan. One of its own takes a running total, and a measure that
counts each entity once, however many rows it has (its newest or oldest row stands for it).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    Double,
    Interval,
    Select,
    and_,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.types import Integer

from backend.metrics.errors import NoTimeDimension, WhereInvalid
from backend.metrics.expressions import Expression
from backend.metrics.formulas import Accumulation, Leaf, Plan
from backend.metrics.question import Question
from backend.metrics.tables import ModelTable
from backend.metrics.where import Condition, parse_where

Rows = Select[*tuple[Any, ...]]
Keys = Sequence[ColumnElement[Any]]

COUNTS = ("count", "count_distinct")
"""Aggregations of which nothing makes 0."""

_NUMERIC = ("sum", "average", "avg")
_AGGREGATIONS: dict[str, Callable[[Expression], Any]] = {
    "count": func.count,
    "count_distinct": lambda value: func.count(value.distinct()),
    "sum": func.sum,
    "average": func.avg,
    "avg": func.avg,
    "min": func.min,
    "max": func.max,
}
_PERIODS = {"day": (0, 0, 1), "week": (0, 1, 0), "month": (1, 0, 0), "quarter": (3, 0, 0), "year": (12, 0, 0)}
"""Months, weeks and days of each grain."""


def scans_of(leaves: Sequence[Leaf]) -> list[list[Leaf]]:
    """The leaves, those together that one scan can aggregate."""
    scans: dict[object, list[Leaf]] = {}
    for position, leaf in enumerate(leaves):
        shared = leaf.accumulation is None and leaf.measure.once is None
        scans.setdefault((leaf.model.name, leaf.measure.time) if shared else position, []).append(leaf)
    return list(scans.values())


def scan(plan: Plan, leaves: list[Leaf], question: Question) -> Rows:
    """One column a dimension, then one a leaf."""
    source = ModelTable(leaves[0].model, plan.unusable)
    keys = [
        source.grouped(name, question.grain).label(f"key_{position}")
        for position, name in enumerate(question.group_by)
    ]
    if leaves[0].accumulation is not None or leaves[0].measure.once is not None:
        return _alone(plan, leaves[0], source, keys, question)
    filters = [_filter(plan, source, leaf) for leaf in leaves]
    values = [
        _aggregate(plan, leaf, source.measure(leaf.measure), only if len(leaves) > 1 else None)
        for leaf, only in zip(leaves, filters, strict=True)
    ]
    conditions = _conditions(plan, leaves[0], source, question, question.since)
    # A group in which no measure finds a row is no group.
    conditions.append(or_(*(true() if only is None else only for only in filters)))
    return (
        select(*keys, *values)
        .select_from(source.relation)
        .where(*conditions)
        .group_by(*_positions(len(keys)))
    )


def _alone(plan: Plan, leaf: Leaf, source: ModelTable, keys: Keys, question: Question) -> Rows:
    once = leaf.measure.once
    moment_name = leaf.measure.time if once is None else once.time
    if moment_name is None:
        raise NoTimeDimension(plan.metric.name)
    since = question.since if leaf.accumulation is None else None
    only = _filter(plan, source, leaf)
    entities = [] if once is None else [source.column(each) for each in once.columns]
    facts = (
        select(
            *keys,
            source.dimension(moment_name).label("moment"),
            source.measure(leaf.measure).label("value"),
            *(entity.label(f"entity_{position}") for position, entity in enumerate(entities)),
        )
        .select_from(source.relation)
        .where(*_conditions(plan, leaf, source, question, since), true() if only is None else only)
        .cte(f"facts_{plan.leaves.index(leaf)}")
    )
    rows = select(*facts.c) if leaf.accumulation is None else _running(plan, leaf, facts, question)
    if once is not None:
        found = rows.subquery().c
        order = found.moment.desc() if once.newest else found.moment
        each = [column for column in found if column.name.startswith(("key_", "entity_"))]
        rank = func.row_number().over(partition_by=each, order_by=order).label("rank")
        ranked = select(*found, rank).subquery()
        rows = select(*ranked.c).where(ranked.c.rank == 1)
    chosen = rows.subquery().c
    return select(
        *(chosen[key.name] for key in facts.c if key.name.startswith("key_")),
        _aggregate(plan, leaf, chosen.value, None),
    ).group_by(*_positions(len(keys)))


def _running(plan: Plan, leaf: Leaf, facts: CTE, question: Question) -> Rows:
    """All facts up to the end of each period that has any, or of the last one.

    Periods are those of the dimension of time, where it is grouped by. The start of a question
    chooses the periods that are shown, not the facts that are counted.
    """
    reach = leaf.accumulation or Accumulation()
    moment, time = facts.c.moment, leaf.measure.time or ""
    shown = f"key_{question.group_by.index(time)}" if time in question.group_by else None
    grain = "day" if shown is None else question.grain or leaf.model.dimensions[time].grain
    chosen = select(_truncated(grain, func.max(moment) if shown is None else moment).label("period"))
    if shown is not None and question.since is not None:
        chosen = chosen.where(moment >= question.since)
    periods = chosen.distinct().subquery()
    period = periods.c.period
    until = period + _interval(plan, grain, 1)
    reached = [moment < until]
    if reach.count is not None:
        reached.append(moment >= until - _interval(plan, reach.grain, reach.count))
    if reach.to_grain is not None:
        reached.append(moment >= _truncated(reach.to_grain, period))
    columns = [cast(period, Date).label(each.name) if each.name == shown else each for each in facts.c]
    return select(*columns).select_from(periods.join(facts, and_(*reached)))


def _conditions(
    plan: Plan, leaf: Leaf, source: ModelTable, question: Question, since: datetime | None
) -> list[Condition]:
    """What rows must meet to count: published, as asked, in time."""
    conditions = [source.published]
    if question.where:
        conditions.append(parse_where(question.where, source.resolve))
    if question.start is not None or question.end is not None:
        if leaf.measure.time is None:
            raise NoTimeDimension(plan.metric.name)
        moment = source.dimension(leaf.measure.time)
        if since is not None:
            conditions.append(moment >= since)
        if question.until is not None:
            conditions.append(moment < question.until)
    return conditions


def _filter(plan: Plan, source: ModelTable, leaf: Leaf) -> Condition | None:
    """The filters of a leaf, joined by AND."""
    try:
        return and_(*(parse_where(each, source.resolve) for each in leaf.filters)) if leaf.filters else None
    except WhereInvalid as error:
        raise plan.unusable(f"its filter, at character {error.position + 1}: {error.reason}") from error


def _aggregate(plan: Plan, leaf: Leaf, value: Expression, only: Condition | None) -> Expression:
    """``value`` aggregated over the rows that meet ``only``, as a whole number or floating point."""
    aggregation = _AGGREGATIONS.get(leaf.measure.aggregation)
    if aggregation is None:
        raise plan.unusable(f"there is no aggregation {leaf.measure.aggregation}")
    result = aggregation(value)
    if only is not None:
        result = result.filter(only)
    if leaf.measure.aggregation in COUNTS:
        result = cast(result, BigInteger)
    elif leaf.measure.aggregation in _NUMERIC:
        # PostgreSQL sums and averages whole numbers to numeric.
        whole = leaf.measure.aggregation == "sum" and isinstance(value.type, Integer)
        result = cast(result, BigInteger if whole else Double)
    labelled: Expression = result.label(f"value_{plan.leaves.index(leaf)}")
    return labelled


def _truncated(grain: str | None, moment: Expression) -> Expression:
    return func.date_trunc(grain, moment, type_=DateTime(timezone=True))


def _interval(plan: Plan, grain: str | None, count: int) -> Expression:
    if grain not in _PERIODS:
        raise plan.unusable(f"there is no grain {grain}")
    months, weeks, days = _PERIODS[grain]
    return func.make_interval(0, months * count, weeks * count, days * count, type_=Interval())


def _positions(count: int) -> list[Expression]:
    """What GROUP BY takes for the first columns: expressions with bound values are never the same twice."""
    return [literal_column(str(position)) for position in range(1, count + 1)]
