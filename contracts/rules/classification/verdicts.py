"""QC730, QC731: the signal type of each classified entity."""

from __future__ import annotations

import polars as pl

from contracts.derived import derived
from contracts.findings import Finding, Severity
from contracts.rules.classification.indicators import TRENDS, wrong_labels
from contracts.rules.classification.inputs import foreign_inputs
from contracts.rules.classification.rows import classified, path
from contracts.rules.demands import Demand, failures, report, rows_of, without
from contracts.rules.rule import Rule
from contracts.run_data import RunData

SUSPECT = Rule(
    "QC730",
    "suspect-data-differs",
    Severity.ERROR,
    "suspect_data is not just what is suppressed or has fewer than 3 periods",
    "Entities without enough data would raise alarms, or sound ones would be hidden",
    "Classify the run again",
)
SIGNAL_TYPE = Rule(
    "QC731",
    "signal-type-differs",
    Severity.ERROR,
    "The signal type does not follow from position and trend",
    "The dashboard would show the entity in the wrong group",
    "Classify the run again",
)
RULES = (SUSPECT, SIGNAL_TYPE)

LEAST_PERIODS = 3
LEADER, BASELINE, RISK, CHRONIC, SUSPECT_DATA = (
    "improving_leader",
    "baseline",
    "emerging_risk",
    "chronic_underperformer",
    "suspect_data",
)
OBSERVED_TYPES: dict[str, tuple[str | None, str | None, str | None, str | None, str | None]] = {
    "favorable": (LEADER, LEADER, BASELINE, BASELINE, BASELINE),
    "normal": (LEADER, LEADER, BASELINE, RISK, RISK),
    "marginal": (BASELINE, BASELINE, BASELINE, RISK, RISK),
    "elevated": (None, None, BASELINE, None, CHRONIC),
}
"""Type by position and trend, from the best trend to the worst; None where none was ever seen."""


def _cells() -> pl.DataFrame:
    rows = [
        (position, trend, signal_type)
        for position, types in OBSERVED_TYPES.items()
        for trend, signal_type in zip(TRENDS, types, strict=True)
    ]
    return pl.DataFrame(rows, schema=["position", "trend", "usual_type"], orient="row")


_withheld = pl.col("suppressed") | (pl.col("period_count") < LEAST_PERIODS)
_suspect = pl.col("signal_type") == SUSPECT_DATA
# No reference run has a spike, which may make any entity a volatility alert, and only two elevated
# entities have a slope, which decides whether they are chronic.
_seldom = pl.col("has_spike") | (
    (pl.col("position") == "elevated") & pl.col("slope_percentile").is_not_null()
)
_TYPES = (
    Demand(
        SUSPECT,
        "signal_type",
        _withheld & ~_suspect,
        f"the entity is suppressed or has fewer than {LEAST_PERIODS} periods",
        pl.lit(SUSPECT_DATA),
    ),
    Demand(
        SUSPECT,
        "signal_type",
        ~_withheld & _suspect,
        f"the entity is not suppressed and has {LEAST_PERIODS} periods or more",
        pl.coalesce("usual_type", pl.lit("another type")),
    ),
    Demand(
        SIGNAL_TYPE,
        "signal_type",
        ~_withheld & ~_suspect & (pl.col("signal_type") != pl.col("usual_type")),
        "the type does not follow from position and trend",
        pl.format("{} ({}, {})", "usual_type", "position", "trend"),
        lenient=_seldom,
    ),
)


@derived
def wrong_types(data: RunData) -> pl.DataFrame:
    """Signal types that do not follow from indicators nobody doubts."""
    doubtful = pl.concat(
        [
            rows_of(wrong_labels(data), ["position", "trend", "has_spike"]),
            rows_of(foreign_inputs(data), ["suppressed", "period_count"]),
        ]
    )
    frame = classified(data).join(_cells(), on=["position", "trend"], how="left", maintain_order="left")
    return failures(without(frame, doubtful), _TYPES)


def check_types(data: RunData) -> list[Finding]:
    """Signal type of every classified entity."""
    return report(wrong_types(data), _TYPES, path)


CHECKS = (check_types,)
