"""Definitions of metrics become one statement, or an error that says what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Double, column
from sqlalchemy.dialects import postgresql

from backend.metrics.compile import compile_question
from backend.metrics.errors import (
    DatesReversed,
    DimensionUnknown,
    GrainUnusable,
    MetricUnusable,
    NoTimeDimension,
    WhereInvalid,
)
from backend.metrics.expressions import parse_expression
from backend.metrics.formulas import Plan
from backend.metrics.question import Question
from backend.metrics.semantic import Dimension, Measure, Metric, SemanticLayer, SemanticModel
from backend.metrics.tokens import SyntaxFault

_COLUMNS = {
    "run_key": "text",
    "kind": "text",
    "size": "bigint",
    "share": "double precision",
    "at": "timestamptz",
}


def _model(name: str, dimensions: list[Dimension], measures: list[Measure], **columns: str) -> SemanticModel:
    return SemanticModel(
        name=name,
        description="",
        entity=name.removesuffix("s"),
        schema_name="marts",
        table_name=f"fct_{name}",
        columns={**_COLUMNS, **columns},
        dimensions={each.name: each for each in dimensions},
        measures={each.name: each for each in measures},
    )


_THINGS = _model(
    "things",
    [
        Dimension("kind", "kind", None),
        Dimension("at", "at", "day"),
        Dimension("odd", "upper(kind)", None),
        Dimension("lost", "gone", None),
    ],
    [
        Measure("thing_count", "count", "kind", "at"),
        Measure("size_sum", "sum", "size", "at"),
        Measure("typical", "median", "size", "at"),
        Measure("broken", "sum", "size +", "at"),
    ],
)
_PLACES = _model(
    "places",
    [Dimension("kind", "kind", None)],
    [Measure("place_count", "count", "kind", None)],
)
_NO_RUNS = SemanticModel(
    "bare",
    "",
    "bare",
    "marts",
    "fct_bare",
    {"kind": "text"},
    {},
    {"bare_count": Measure("bare_count", "count", "kind", None)},
)


def _metric(name: str, kind: str, params: Mapping[str, Any], *filters: str) -> Metric:
    return Metric(name, kind, name, "", None, None, filters, params)


def _simple(name: str, measure: str, *filters: str) -> Metric:
    return _metric(name, "simple", {"measure": {"name": measure}}, *filters)


_METRICS = (
    _simple("things", "thing_count"),
    _simple("big", "thing_count", "{{ Dimension('thing__kind') }} = 'big'"),
    _simple("size", "size_sum"),
    _simple("places", "place_count"),
    _simple("typical", "typical"),
    _simple("broken", "broken"),
    _simple("bare", "bare_count"),
    _simple("measureless", "nothing"),
    _simple("misfiltered", "thing_count", "kind = 5"),
    _simple("foreign", "thing_count", "{{ Dimension('place__kind') }} = 'x'"),
    _metric("filled", "simple", {"measure": {"name": "thing_count", "fill_nulls_with": 0}}),
    _metric("converted", "conversion", {}),
    _metric("itself", "derived", {"expr": "itself", "metrics": [{"name": "itself"}]}),
    _metric("lost", "derived", {"expr": "gone", "metrics": [{"name": "gone"}]}),
    _metric("misspelt", "derived", {"expr": "thing + 1", "metrics": [{"name": "things"}]}),
    _metric("unclosed", "derived", {"expr": "(things", "metrics": [{"name": "things"}]}),
    _metric("constant", "derived", {"expr": "1 + 1", "metrics": []}),
    _metric(
        "shifted", "derived", {"expr": "things", "metrics": [{"name": "things", "offset_window": "1 day"}]}
    ),
    _metric("grown", "cumulative", {"measure": {"name": "place_count"}}),
    _metric(
        "fortnight",
        "cumulative",
        {"measure": {"name": "thing_count"}, "window": {"count": 1, "granularity": "fortnight"}},
    ),
    _metric("share", "ratio", {"numerator": {"name": "big"}, "denominator": {"name": "things"}}),
    _metric(
        "spread", "derived", {"expr": "things / places", "metrics": [{"name": "things"}, {"name": "places"}]}
    ),
)
_LAYER = SemanticLayer(
    {model.name: model for model in (_THINGS, _PLACES, _NO_RUNS)},
    {metric.name: metric for metric in _METRICS},
)


def _sql(metric: str, **question: Any) -> tuple[str, list[Any]]:
    plan = Plan(_LAYER, _LAYER.metrics[metric])
    statement = compile_question(plan, Question(**question))
    compiled = statement.compile(dialect=postgresql.asyncpg.dialect())
    return str(compiled), list(compiled.params.values())


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ("typical", "there is no aggregation median"),
        ("broken", "measure broken, at character 7: expected a value, found the end"),
        ("bare", "fct_bare has no column run_key"),
        ("measureless", "there is no measure nothing"),
        ("misfiltered", "its filter, at character 8: the dimension is compared with a text in quotes"),
        ("foreign", "dimensions are those of thing, not place__kind"),
        ("filled", "fill_nulls_with is not supported"),
        ("converted", "there are no metrics of type conversion"),
        ("itself", "itself is defined by itself"),
        ("lost", "there is no metric gone"),
        ("misspelt", "its expression, at character 1: there is no input thing"),
        ("unclosed", "expected ')', found the end"),
        ("constant", "it has no measure"),
        ("shifted", "offset_window is not supported"),
        ("fortnight", "there is no grain fortnight"),
    ],
)
def test_unusable_definitions_say_why(metric: str, reason: str) -> None:
    with pytest.raises(MetricUnusable) as caught:
        _sql(metric)
    assert caught.value.status == 400
    assert caught.value.name == metric
    assert reason in caught.value.message


@pytest.mark.parametrize(
    ("name", "reason"),
    [("odd", "there is no function upper"), ("lost", "there is no column gone")],
)
def test_dimensions_are_computed_by_an_allow_list(name: str, reason: str) -> None:
    with pytest.raises(MetricUnusable, match=reason):
        _sql("things", group_by=(name,))


def test_no_value_of_a_question_is_part_of_the_statement() -> None:
    sql, values = _sql(
        "share", group_by=("kind", "at"), where="kind <> 'zq'", start=date(2026, 1, 2), limit=7, grain="week"
    )
    for value in ("zq", "big", "2026", "week", "published"):
        assert value not in sql
    assert {"zq", "big", 7, "week", "published"} <= set(values)


def test_measures_of_one_table_take_one_scan() -> None:
    sql, _ = _sql("share", group_by=("kind",))
    assert sql.count("FROM marts.fct_things") == 1
    assert "UNION" not in sql


def test_measures_of_two_tables_are_put_side_by_side() -> None:
    sql, _ = _sql("spread", group_by=("kind",))
    assert sql.count("FROM marts.fct_things") == 1
    assert sql.count("FROM marts.fct_places") == 1
    assert "UNION ALL" in sql


def test_a_dimension_must_be_one_of_every_table() -> None:
    with pytest.raises(DimensionUnknown) as caught:
        _sql("spread", group_by=("at",))
    assert caught.value.known == ("kind",)


def test_a_condition_must_hold_for_every_table() -> None:
    with pytest.raises(WhereInvalid, match="unknown dimension at"):
        _sql("spread", where="at is null")


@pytest.mark.parametrize("metric", ["places", "grown"])
def test_dates_need_a_dimension_of_time(metric: str) -> None:
    with pytest.raises(NoTimeDimension):
        _sql(metric, end=date(2026, 1, 1))


def test_a_grain_needs_a_dimension_of_time() -> None:
    with pytest.raises(GrainUnusable):
        _sql("things", group_by=("kind",), grain="month")


def test_reversed_dates_are_refused() -> None:
    with pytest.raises(DatesReversed):
        Question(start=date(2026, 1, 2), end=date(2026, 1, 1))


def test_the_last_day_of_all_days_ends_nothing() -> None:
    assert Question(end=date.max).until is None
    sql, _ = _sql("things", end=date.max)
    assert "fct_things.at <" not in sql


@pytest.mark.parametrize(
    ("source", "position", "reason"),
    [
        ("a + ", 4, "expected a value"),
        ("a b", 2, "expected the end"),
        ("pg_sleep(1)", 0, "there is no function pg_sleep"),
        ("nullif(a)", 0, "nullif takes 2 arguments"),
        ("case else 1 end", 5, "expected WHEN"),
        ("case when a then 1 end", 12, "expected a comparison"),
        ("case when a = 1 then 1", 22, "expected END"),
        ("a; drop table users", 1, "unexpected ';'"),
        ("a || a", 2, "unexpected '|'"),
        ("a::text", 1, "unexpected ':'"),
    ],
)
def test_expressions_outside_of_the_grammar_are_refused(source: str, position: int, reason: str) -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse_expression(source, lambda token: column(token.value, Double()))
    assert caught.value.position == position
    assert reason in caught.value.reason
