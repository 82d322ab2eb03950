"""QC720-QC724: what the numbers of a classification say, in words.

The bounds were measured, not documented: each is known to lie between the last number with one
label and the first with the next. A number within such a gap may have either label.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from contracts.derived import derived
from contracts.findings import Finding, Severity
from contracts.rules.classification.inputs import foreign_inputs, odd_inputs
from contracts.rules.classification.rows import classified, path
from contracts.rules.demands import Demand, failures, report, rows_of
from contracts.rules.rule import Rule
from contracts.rules.statistics.comparison import TOLERANCE
from contracts.run_data import RunData

POSITION = Rule(
    "QC720",
    "position-differs",
    Severity.ERROR,
    "The position does not follow from aggregate_zscore",
    "Signal types are chosen by position and trend",
    "Classify the run again",
)
TREND = Rule(
    "QC721",
    "trend-differs",
    Severity.ERROR,
    "The trend does not follow from slope_percentile",
    "Signal types are chosen by position and trend",
    "Classify the run again; without a slope the trend is stable",
)
MOMENTUM = Rule(
    "QC722",
    "momentum-label-differs",
    Severity.ERROR,
    "The momentum does not follow from acceleration",
    "People read it as whether things get worse faster",
    "Classify the run again; without an acceleration the momentum is neutral",
)
CONSISTENCY = Rule(
    "QC723",
    "consistency-differs",
    Severity.ERROR,
    "The consistency does not follow from zscore_std",
    "People read it as how far to trust a single month",
    "Classify the run again",
)
SPIKE = Rule(
    "QC724",
    "spike-differs",
    Severity.WARNING,
    "has_spike does not follow from max_abs_deviation by any bound",
    "A month would be shown as standing out, or not, for no reason",
    "Classify the run again",
)

RULES = (POSITION, TREND, MOMENTUM, CONSISTENCY, SPIKE)

Bounds = Sequence[tuple[float, float]]
POSITIONS = ("excellent", "favorable", "normal", "marginal", "elevated", "severe")
POSITION_GAPS: Bounds = (
    (-1.506, -1.497),
    (-0.5005, -0.49999),
    (0.49991, 0.50068),
    (0.99968, 1.01137),
    (1.7615, float("inf")),
)
TRENDS = ("rapidly_improving", "improving", "stable", "worsening", "rapidly_worsening")
TREND_GAPS: Bounds = ((9.994, 10.024), (29.98, 30.01), (69.988, 70.018), (89.976, 90.006))
MOMENTA = ("decelerating", "neutral", "accelerating")
MOMENTUM_GAPS: Bounds = ((-0.00622, -0.00478), (0.00461, 0.00625))
CONSISTENCIES = ("consistent", "variable")
CONSISTENCY_GAPS: Bounds = ((0.49938, 0.50118),)
GREATEST_WITHOUT_SPIKE = 1.8532
"""The greatest deviation that is known not to be a spike."""
MEASURED_METRIC = "losIndex"
"""Steps of acceleration were measured on this metric alone; others differ in unit and spread."""


def _labels(number: str, gaps: Bounds, labels: Sequence[str]) -> tuple[pl.Expr, pl.Expr]:
    """The first and the last label that ``number`` may have."""
    value = pl.col(number)
    found = []
    for side, bounds in (("left", [high for _, high in gaps]), ("right", [low for low, _ in gaps])):
        place = pl.lit(pl.Series(bounds, dtype=pl.Float64)).search_sorted(value, side=side)  # type: ignore[arg-type]
        found.append(pl.lit(pl.Series(labels)).gather(place))
    return found[0], found[1]


def _label(
    rule: Rule, column: str, number: str, gaps: Bounds, labels: Sequence[str], missing: str | None = None
) -> Demand:
    known = pl.col(number).is_not_null()
    first, last = (
        pl.when(known).then(label).otherwise(pl.lit(missing, dtype=pl.String))
        for label in _labels(number, gaps, labels)
    )
    wrong = (pl.col(column) != first) & (pl.col(column) != last) & ~pl.col(f"{number}_doubted")
    return Demand(
        rule,
        column,
        wrong,
        f"{column} does not follow from {number}",
        pl.format("{} (for {})", first, pl.col(number).cast(pl.String).fill_null("null")),
        lenient=pl.lit(rule is MOMENTUM) & (pl.col("metric_id") != MEASURED_METRIC),
    )


_extreme = pl.col("max_abs_deviation")
_clear = pl.col("has_spike") & (_extreme > GREATEST_WITHOUT_SPIKE)
_least_spike = _extreme.filter(_clear).min()
_DEMANDS = (
    _label(POSITION, "position", "aggregate_zscore", POSITION_GAPS, POSITIONS),
    _label(TREND, "trend", "slope_percentile", TREND_GAPS, TRENDS, "stable"),
    _label(MOMENTUM, "momentum", "acceleration", MOMENTUM_GAPS, MOMENTA, "neutral"),
    _label(CONSISTENCY, "consistency", "zscore_std", CONSISTENCY_GAPS, CONSISTENCIES),
    Demand(
        SPIKE,
        "has_spike",
        pl.col("has_spike") & (_extreme <= GREATEST_WITHOUT_SPIKE),
        "so small a deviation is no spike",
        pl.format("false (for {})", _extreme),
    ),
    Demand(
        SPIKE,
        "has_spike",
        ~pl.col("has_spike") & (_extreme > _least_spike + TOLERANCE),
        "the deviation is no spike, though a smaller one of another entity is",
        pl.format("true (for {})", _extreme),
    ),
)


@derived
def wrong_labels(data: RunData) -> pl.DataFrame:
    """Indicators that do not follow from inputs nobody doubts."""
    foreign, odd = foreign_inputs(data), odd_inputs(data)
    impossible = odd.filter(pl.col("column") == "max_abs_deviation")
    frame = classified(data).with_columns(
        (
            pl.col("row").is_in(rows_of(foreign, [number]).implode())
            | pl.col("row").is_in(rows_of(impossible).implode())
        ).alias(f"{number}_doubted")
        for number in ("aggregate_zscore", "slope_percentile", "acceleration", "zscore_std")
    )
    return failures(frame, _DEMANDS)


def check_indicators(data: RunData) -> list[Finding]:
    """Position, trend, momentum, consistency and spikes of every classified entity."""
    return report(wrong_labels(data), _DEMANDS, path)


CHECKS = (check_indicators,)
