"""A question about a metric as one statement.

Every measure below the metric is aggregated by the dimensions that are asked for: measures of one
table in one scan, those of several tables, and running totals, side by side in a union that is
grouped once more. All literals are bound.
"""

from __future__ import annotations

from sqlalchemy import Subquery, cast, func, null, select, union_all

from backend.metrics.errors import DimensionUnknown, GrainUnusable
from backend.metrics.expressions import Expression
from backend.metrics.formulas import Leaf, Plan
from backend.metrics.question import Question
from backend.metrics.scans import COUNTS, Rows, scan, scans_of


def compile_question(plan: Plan, question: Question) -> Rows:
    """The statement: one column a dimension, in order, then the metric.

    Raises DimensionUnknown, WhereInvalid, GrainUnusable, NoTimeDimension, MetricUnusable.
    """
    _require_dimensions(plan, question)
    scans = scans_of(plan.leaves)
    parts = [scan(plan, leaves, question) for leaves in scans]
    count = len(question.group_by)
    joined = parts[0].subquery("measures") if len(parts) == 1 else _side_by_side(plan, scans, parts, count)
    columns = list(joined.c)
    keys, values = columns[:count], columns[count:]
    if len(parts) == 1:
        answer: Rows = select(*keys, plan.formula(values))
    else:
        once = [_once(leaf, value) for leaf, value in zip(plan.leaves, values, strict=True)]
        answer = select(*keys, plan.formula(once)).group_by(*keys)
    return answer.order_by(*(key.nulls_last() for key in keys)).limit(question.limit)


def _require_dimensions(plan: Plan, question: Question) -> None:
    models = [leaf.model for leaf in plan.leaves]
    common = [name for name in models[0].dimensions if all(name in model.dimensions for model in models)]
    for name in question.group_by:
        if name not in common:
            raise DimensionUnknown(name, common)
    if question.grain is not None and all(
        models[0].dimensions[name].grain is None for name in question.group_by
    ):
        raise GrainUnusable()


def _side_by_side(plan: Plan, scans: list[list[Leaf]], parts: list[Rows], count: int) -> Subquery:
    """The parts below each other: one column a dimension, then one a leaf, null in all parts but its own."""
    tables = [part.subquery(f"part_{position}") for position, part in enumerate(parts)]
    found = {
        plan.leaves.index(leaf): (number, column)
        for number, (leaves, each) in enumerate(zip(scans, tables, strict=True))
        for leaf, column in zip(leaves, list(each.c)[count:], strict=True)
    }
    rows = [
        select(
            *list(each.c)[:count],
            *(
                column if owner == number else cast(null(), column.type).label(f"value_{position}")
                for position, (owner, column) in sorted(found.items())
            ),
        )
        for number, each in enumerate(tables)
    ]
    return union_all(*rows).subquery("measures")


def _once(leaf: Leaf, value: Expression) -> Expression:
    """The value of a leaf in a group: that of the one row that has it; a count of nothing is 0."""
    found: Expression = func.max(value, type_=value.type)
    return func.coalesce(found, 0, type_=value.type) if leaf.measure.aggregation in COUNTS else found
