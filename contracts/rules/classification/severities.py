"""QC732-QC735: the severity of each classified entity, its range and how it came about."""

from __future__ import annotations

import polars as pl

from contracts.derived import derived
from contracts.findings import Finding, Severity
from contracts.rules.classification.indicators import MOMENTUM_GAPS
from contracts.rules.classification.inputs import foreign_inputs
from contracts.rules.classification.rows import classified, path
from contracts.rules.classification.verdicts import BASELINE, CHRONIC, LEADER, RISK, SUSPECT_DATA, wrong_types
from contracts.rules.demands import Demand, failures, report, rows_of, without
from contracts.rules.rule import Rule
from contracts.run_data import RunData

OUTSIDE_RANGE = Rule(
    "QC732",
    "severity-outside-range",
    Severity.ERROR,
    "The severity lies outside the range of its signal type",
    "Signals are ordered by severity: this one would rank among those of other types",
    "Classify the run again",
)
RANGE_DIFFERS = Rule(
    "QC733",
    "severity-range-differs",
    Severity.ERROR,
    "The severity range is not that of other entities of the signal type",
    "Severities of one type would not be comparable",
    "Classify the run again; each type has one range",
)
CALCULATION = Rule(
    "QC734",
    "severity-calculation-differs",
    Severity.ERROR,
    "Base and refinements do not add up to the final severity",
    "The explanation shown to people would contradict the number beside it",
    "Write base, every refinement and the final severity as they were computed",
)
FORMULA = Rule(
    "QC735",
    "severity-formula-differs",
    Severity.WARNING,
    "The severity is not what the reference engine computes from the inputs",
    "Severities may not be comparable with those of earlier runs",
    "Nothing to fix if the engine was re-tuned on purpose",
)

RULES = (OUTSIDE_RANGE, RANGE_DIFFERS, CALCULATION, FORMULA)

RANGES: dict[str, tuple[int, int]] = {
    LEADER: (13, 25),
    BASELINE: (26, 59),
    RISK: (60, 70),
    SUSPECT_DATA: (50, 50),
    CHRONIC: (81, 90),
}
"""Ranges of the types that reference runs have; those of other types are unknown."""
ACCELERATION_GAP = (0.00900, 0.01027)
"""The second step of acceleration begins somewhere in between."""
DECELERATION_GAP = (-0.01117, -0.00430)
"""Where a smaller step of deceleration could hide: no reference run has a value in between."""

_low, _high, _severity = pl.col("severity_range_min"), pl.col("severity_range_max"), pl.col("severity")
_usual_low, _usual_high = pl.col("usual_low"), pl.col("usual_high")
_range = pl.format("{} to {}", _low, _high)
_SEVERITIES = (
    Demand(
        RANGE_DIFFERS,
        "severity_range_min",
        (_low != _usual_low) | (_high != _usual_high),
        "the range is not that of the type",
        pl.format("{} to {}", _usual_low, _usual_high),
        _range,
    ),
    Demand(
        RANGE_DIFFERS,
        "severity_range_min",
        (_low == _usual_low)
        & (_high == _usual_high)
        & ((_low != pl.col("known_low")) | (_high != pl.col("known_high"))),
        "the range of the type is not that of the reference runs",
        pl.format("{} to {}", "known_low", "known_high"),
        _range,
        lenient=pl.lit(True),
    ),
    Demand(
        OUTSIDE_RANGE,
        "severity",
        ~_severity.is_between(_usual_low, _usual_high),
        "the severity is outside the range of its type",
        pl.format("{} to {}", _usual_low, _usual_high),
    ),
)


# A quotation mark within a text is escaped, so that these match keys alone.
_NUMBER = r"\s*(-?[\d.eE+-]+)"
_base, _final = (
    pl.col("severity_calculation")
    .str.extract(rf'"{name}(?:_severity)?":{_NUMBER}')
    .cast(pl.Float64, strict=False)
    for name in ("base", "final")
)
_steps = pl.col("severity_calculation").str.extract_all(rf'"adjustment":{_NUMBER}')
_total = _steps.list.eval(
    pl.element().str.extract(r"(-?[\d.eE+-]+)$").cast(pl.Float64, strict=False)
).list.sum()
_clamped = pl.min_horizontal(
    pl.max_horizontal(pl.col("base") + pl.col("steps"), _low.cast(pl.Float64)), _high.cast(pl.Float64)
)
HALF = 0.5
"""Severities are integers."""
_CALCULATIONS = (
    Demand(
        CALCULATION,
        "severity_calculation",
        (pl.col("final") - _severity).abs() > HALF,
        "final is not the severity",
        _severity,
        pl.col("final"),
    ),
    Demand(
        CALCULATION,
        "severity_calculation",
        ((pl.col("final") - _severity).abs() <= HALF)
        & ((pl.col("base") + pl.col("steps") - _severity).abs() > HALF)
        & ((_clamped - _severity).abs() > HALF).fill_null(True),
        "base and refinements do not add up to the severity",
        _severity,
        pl.col("base") + pl.col("steps"),
    ),
)


def _step(number: str, *bounds: float) -> pl.Expr:
    """From -2 to 2: two low bounds, inclusive, and two high bounds, inclusive."""
    low = pl.lit(pl.Series(bounds[:2])).search_sorted(pl.col(number), side="left")
    high = pl.lit(pl.Series(bounds[2:])).search_sorted(pl.col(number), side="right")
    return low.cast(pl.Int64) + high.cast(pl.Int64) - 2


def _between(first: pl.Expr, last: pl.Expr) -> pl.Expr:
    """Whether the severity lies between the least and the greatest reading, within the range."""
    low, high = pl.col("known_low"), pl.col("known_high")
    return _severity.is_between(
        pl.max_horizontal(pl.min_horizontal(first, high), low),
        pl.max_horizontal(pl.min_horizontal(last, high), low),
    )


def _formula() -> Demand:
    zscore = _step("aggregate_zscore", -1.0, -0.5, 0.5, 1.0)
    bins = pl.lit(pl.Series([20.0, 40.0, 60.0, 80.0])).search_sorted(pl.col("slope_percentile"), side="right")
    slope = pl.when(pl.col("slope_percentile").is_null()).then(0).otherwise(bins.cast(pl.Int64) - 2)
    speed = pl.col("acceleration").fill_null(0.0)
    slowing = [pl.when(speed < bound).then(-2).otherwise(0) for bound in reversed(DECELERATION_GAP)]
    rising = [
        (speed > MOMENTUM_GAPS[1][number]).cast(pl.Int64) + (speed >= bound).cast(pl.Int64)
        for number, bound in ((1, ACCELERATION_GAP[1]), (0, ACCELERATION_GAP[0]))
    ]
    risk = 65 + pl.max_horizontal(zscore, pl.lit(0)) + slope
    kind = pl.col("signal_type")
    fits = (
        pl.when(kind == LEADER)
        .then(_between(19 + slope + slowing[0], 19 + slope + slowing[1]))
        .when(kind == BASELINE)
        .then(_between(42 + zscore + slope, 42 + zscore + slope))
        .when(kind == RISK)
        .then(_between(risk + rising[0], risk + rising[1]))
        .when(kind == SUSPECT_DATA)
        .then(_severity == RANGES[SUSPECT_DATA][0])
    )
    return Demand(
        FORMULA,
        "severity",
        ~fits,
        "the severity does not follow from z-score, slope and acceleration",
    )


_FORMULA = (_formula(),)


def _ranged(data: RunData) -> pl.DataFrame:
    """``classified`` with the range of each type: that of the reference, or else the most frequent."""
    frame = without(classified(data), rows_of(wrong_types(data)))
    known = pl.DataFrame(
        [(name, *bounds) for name, bounds in RANGES.items()],
        schema={"signal_type": pl.String, "known_low": pl.Int64, "known_high": pl.Int64},
        orient="row",
    )
    bounds = ["severity_range_min", "severity_range_max"]
    usual = (
        frame.drop_nulls(bounds)
        .group_by("signal_type", *bounds)
        .len()
        .join(known, on="signal_type", how="left")
        .with_columns(kept=((_low == pl.col("known_low")) & (_high == pl.col("known_high"))).fill_null(False))
        .sort("kept", "len", *bounds, descending=[True, True, False, False])
        .unique("signal_type", keep="first", maintain_order=True)
        .select("signal_type", "known_low", "known_high", usual_low=_low, usual_high=_high)
    )
    return frame.join(usual, on="signal_type", how="left", maintain_order="left")


@derived
def wrong_severities(data: RunData) -> pl.DataFrame:
    """Ranges and severities that do not fit types nobody doubts."""
    return failures(_ranged(data), _SEVERITIES)


@derived
def wrong_calculations(data: RunData) -> pl.DataFrame:
    """Explanations that do not fit the severity."""
    frame = without(classified(data), rows_of(wrong_severities(data).filter(~pl.col("lenient"))))
    explained = frame.filter(pl.col("severity_calculation").is_not_null()).with_columns(
        base=_base,
        final=_final,
        steps=_total,
    )
    return failures(explained, _CALCULATIONS)


@derived
def wrong_formulas(data: RunData) -> pl.DataFrame:
    """Severities that other engines might compute; where no rule finds anything else wrong."""
    doubtful = [
        rows_of(wrong_severities(data).filter(~pl.col("lenient"))),
        rows_of(wrong_calculations(data)),
        rows_of(foreign_inputs(data)),
    ]
    return failures(without(_ranged(data), pl.concat(doubtful)), _FORMULA)


def check_severities(data: RunData) -> list[Finding]:
    """Range, severity and its calculation of every classified entity."""
    return [
        *report(wrong_severities(data), _SEVERITIES, path),
        *report(wrong_calculations(data), _CALCULATIONS, path),
        *report(wrong_formulas(data), _FORMULA, path),
    ]


CHECKS = (check_severities,)
