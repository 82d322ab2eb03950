"""QC630-QC636: the line through each timeline."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from contracts.derived import by_nodes, derived, of_method, trends
from contracts.findings import Finding, Severity
from contracts.rules.folding import fold
from contracts.rules.rule import Rule
from contracts.rules.statistics.comparison import TOLERANCE, Comparison, compare, report
from contracts.rules.statistics.peers import NODE, midpoint_rank, monthly
from contracts.run_data import RunData

SLOPE = Rule(
    "QC630",
    "slope-differs",
    Severity.ERROR,
    "slope is not the least-squares slope of the timeline",
    "Trend direction, slope percentile and signal type follow from it",
    "Compute the node again: fit the values, not their z-scores, on 0, 1, 2, ...",
)
SLOPE_WEIGHTED = Rule(
    "QC631",
    "slope-weighted-differs",
    Severity.ERROR,
    "slope_weighted is not slope",
    "No weights are configured, so the two must be equal",
    "Compute the node again",
)
ACCELERATION = Rule(
    "QC632",
    "acceleration-differs",
    Severity.ERROR,
    "acceleration is not the slope of the last six months less that of the first six",
    "Momentum and severity follow from it",
    "Compute the node again",
)
END_START_DELTA = Rule(
    "QC633",
    "end-start-delta-differs",
    Severity.ERROR,
    "end_start_delta is not the mean of the last two months less that of the first two",
    "The dashboard shows it as the change over the window",
    "Compute the node again",
)
SLOPE_RANK = Rule(
    "QC634",
    "slope-percentile-differs",
    Severity.ERROR,
    "slope_percentile and percentile_rank are not the midpoint rank of the slope within the node",
    "Entities are classified by it",
    "Compute the node again: 100 (below + equal / 2) / n over all entities of the node",
)
TREND_DIRECTION = Rule(
    "QC635",
    "trend-direction-differs",
    Severity.WARNING,
    "trend_direction is not the sign of the slope",
    "The dashboard would draw the arrow the wrong way",
    "Compute the node again",
)
MOMENTUM = Rule(
    "QC636",
    "momentum-differs",
    Severity.WARNING,
    "momentum is not the sign of the acceleration",
    "The dashboard would call a trend that loses pace gaining",
    "Compute the node again",
)

RULES = (SLOPE, SLOPE_WEIGHTED, ACCELERATION, END_START_DELTA, SLOPE_RANK, TREND_DIRECTION, MOMENTUM)

LEAST_MONTHS = 6
"""Shorter timelines have no slope."""
YEAR = 12
"""Acceleration is defined on twelve complete points."""
_HALF = YEAR // 2
_HALF_SPREAD = sum((month - (_HALF - 1) / 2) ** 2 for month in range(_HALF))
"""Sum of squared distances of six months from their middle."""

_COMPLETE = pl.col("observed") == pl.col("timeline_length")
_WHOLE_YEAR = _COMPLETE & (pl.col("timeline_length") == YEAR)
_WRITTEN = ~pl.col("legacy")
_GAPS = pl.col("faceted") & pl.col("gaps")

COMPARISONS = (
    Comparison(
        SLOPE,
        "slope",
        (pl.col("fitted"), pl.col("fitted_compact")),
        "slope is not the least-squares slope of the timeline",
        lenient=_GAPS,
    ),
    Comparison(
        SLOPE_WEIGHTED,
        "slope_weighted",
        (pl.col("slope"), pl.col("fitted")),
        "slope_weighted is not slope",
        when=_WRITTEN | pl.col("slope_weighted").is_not_null(),
        lenient=_GAPS,
    ),
    Comparison(
        ACCELERATION,
        "acceleration",
        (pl.col("second_half") - pl.col("first_half"),),
        "acceleration is not the slope of the last six months less that of the first six",
        when=_WHOLE_YEAR & (_WRITTEN | pl.col("acceleration").is_not_null()),
    ),
    Comparison(
        END_START_DELTA,
        "end_start_delta",
        (pl.col("last_two") - pl.col("first_two"),),
        "end_start_delta is not the mean of the last two months less that of the first two",
        # How many points are averaged, and whether any are, is known for twelve months only.
        when=_COMPLETE
        & (pl.col("timeline_length") > 1)
        & (pl.col("end_start_delta").is_not_null() | (_WRITTEN & _WHOLE_YEAR)),
        lenient=pl.col("timeline_length") != YEAR,
    ),
    *(
        Comparison(
            SLOPE_RANK,
            column,
            (pl.col("slope_rank"), pl.col("fitted_rank")),
            f"{column} is not the midpoint rank of the slope within the node",
            when=_WRITTEN | pl.col(column).is_not_null(),
            lenient=_GAPS,
        )
        for column in ("slope_percentile", "percentile_rank")
    ),
)


def slopes(data: RunData) -> pl.LazyFrame:
    """Live rows of the slope method with what the timeline says, one a temporal entity.

    Slopes of timelines that are too short for one are no peers of the others.
    """
    live = of_method(data, "slope_percentile").filter("live")
    lists = trends(data).select("entity_key", "entity", "timeline_length", "observed", "gaps")
    rows = (
        live.join(lists.lazy(), on="entity_key", how="left", maintain_order="left")
        .join(_fits(data).lazy(), on="entity", how="left", maintain_order="left")
        .join(_compact_fits(data).lazy(), on="entity", how="left", maintain_order="left")
    )
    enough = ~(pl.col("timeline_length") < LEAST_MONTHS).fill_null(False)
    return (
        rows.filter(enough)
        .with_columns(slope_rank=midpoint_rank("slope", NODE), fitted_rank=midpoint_rank("fitted", NODE))
        .filter(~pl.col("suppressed"))
    )


@derived
def slope_defects(data: RunData) -> pl.DataFrame:
    """Numbers of the slope method that do not follow from the timeline."""
    return compare(slopes(data), COMPARISONS)


@derived
def _fits(data: RunData) -> Iterator[pl.DataFrame]:
    """Least squares over known points, each at its place in the timeline."""
    for part in by_nodes(
        monthly(data).select("canonical_node_id", "entity", "timeline_length", "index", "sound")
    ):
        yield _fitted(part)


def _fitted(months: pl.DataFrame) -> pl.DataFrame:
    value, index = pl.col("sound"), pl.col("index")
    known = months.filter(value.is_not_null())
    x = index - (pl.col("timeline_length") - 1) / 2
    first = pl.when(index < _HALF).then((index - (_HALF - 1) / 2) * value)
    second = pl.when(index >= _HALF).then((index - _HALF - (_HALF - 1) / 2) * value)
    from_end = pl.col("timeline_length") - 1 - index
    sums = (
        known.with_columns(
            x=x, xx=x * x, xy=x * value, first=first, second=second,
            start=pl.when(index < 2).then(value), end=pl.when(from_end < 2).then(value),
        )
        .group_by("entity")
        .agg(
            pl.len().alias("count"),
            pl.col("x", "xx", "xy", "sound").sum(),
            first_half=pl.col("first").sum() / _HALF_SPREAD,
            second_half=pl.col("second").sum() / _HALF_SPREAD,
            first_two=pl.col("start").mean(),
            last_two=pl.col("end").mean(),
        )
    )  # fmt: skip
    return sums.select("entity", "first_half", "second_half", "first_two", "last_two", fitted=_slope())


def _slope() -> pl.Expr:
    spread = pl.col("xx") - pl.col("x") ** 2 / pl.col("count")
    product = pl.col("xy") - pl.col("x") * pl.col("sound") / pl.col("count")
    return pl.when((pl.col("count") > 1) & (spread > 0)).then(product / spread)


@derived
def _compact_fits(data: RunData) -> pl.DataFrame:
    """Slopes of timelines with nulls, fitted as if the other points stood side by side."""
    gaps = monthly(data).filter(pl.col("sound").is_null().any().over("entity"))
    x = pl.int_range(pl.len()).over("entity")
    known = gaps.filter(pl.col("sound").is_not_null()).with_columns(x=x.cast(pl.Float64))
    sums = (
        known.with_columns(xx=pl.col("x") ** 2, xy=pl.col("x") * pl.col("sound"))
        .group_by("entity")
        .agg(pl.len().alias("count"), pl.col("x", "xx", "xy", "sound").sum())
    )
    return sums.select("entity", fitted_compact=_slope())


def check_slopes(data: RunData) -> list[Finding]:
    """The slope family of each timeline, and the words for its signs."""
    return [*report(slope_defects(data), COMPARISONS), *_words(data)]


def _words(data: RunData) -> list[Finding]:
    found: list[Finding] = []
    wrong_numbers = slope_defects(data).select("entity_key", "statistical_method")
    sound = slopes(data).join(wrong_numbers.lazy(), on=["entity_key", "statistical_method"], how="anti")
    for rule, column, number, above, below in (
        (TREND_DIRECTION, "trend_direction", "slope", "increasing", "decreasing"),
        (MOMENTUM, "momentum", "acceleration", "gaining", "slowing"),
    ):
        value = pl.col(number)
        expected = pl.when(value > TOLERANCE).then(pl.lit(above)).when(value < -TOLERANCE).then(pl.lit(below))
        rows = sound.with_columns(expected=expected)
        absent = pl.col(column).is_null() & pl.col("expected").is_not_null() & _WHOLE_YEAR
        wrong = rows.filter(((pl.col(column) != pl.col("expected")) | absent) & _WRITTEN)
        found += fold(
            rule,
            wrong.collect(),
            f"{column} is not the sign of {number}",
            json_path=lambda row, column=column: (  # type: ignore[misc]
                f"/statistical_methods/{row['position']}/statistics/{column}"
            ),
            expected=lambda row: row["expected"],
            actual=lambda row, column=column: row[column] or "null",  # type: ignore[misc]
        )
    return found


CHECKS = (check_slopes,)
