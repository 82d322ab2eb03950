"""QC710-QC716: what an entity is classified by, against its timeline and its suppression."""

from __future__ import annotations

import polars as pl

from contracts.derived import derived, of_method, trends
from contracts.findings import Finding, Severity
from contracts.rules.classification.rows import classified, path
from contracts.rules.demands import Demand, failures, report, rows_of, without
from contracts.rules.rule import Rule
from contracts.rules.statistics.comparison import TOLERANCE, differs
from contracts.rules.statistics.slopes import LEAST_MONTHS, slope_defects
from contracts.rules.statistics.trending import trend_defects
from contracts.run_data import RunData

ZSCORE_INPUT = Rule(
    "QC710",
    "classified-zscore-differs",
    Severity.ERROR,
    "aggregate_zscore is not the mean z-score of the entity's timeline",
    "The position, and with it the signal type, would rest on another number than the timeline shows",
    "Classify the run again; despite its name the input is mean_simple_zscore of the temporal node",
)
SLOPE_INPUT = Rule(
    "QC711",
    "classified-slope-differs",
    Severity.ERROR,
    "slope_percentile or acceleration is not that of the entity's temporal node",
    "Trend and momentum would contradict the timeline",
    "Classify the run again",
)
SPREAD_INPUT = Rule(
    "QC712",
    "classified-spread-differs",
    Severity.ERROR,
    "zscore_std or max_abs_deviation does not follow from the z-scores of the timeline",
    "Consistency and spikes would contradict the timeline",
    "Classify the run again: the population deviation, and the greatest absolute value",
)
PERIOD_COUNT = Rule(
    "QC713",
    "classified-periods-differ",
    Severity.ERROR,
    "period_count is not the number of points in the entity's timeline",
    "Entities with fewer than 3 points are withheld from the signals",
    "Classify the run again",
)
SUPPRESSED = Rule(
    "QC714",
    "classified-suppression-differs",
    Severity.ERROR,
    "suppressed is not the suppression of the aggregate node's simple z-score",
    "Suppressed entities are shown as suspect data, others by their numbers",
    "Classify the run again",
)
IMPOSSIBLE_INPUTS = Rule(
    "QC715",
    "classification-inputs-impossible",
    Severity.ERROR,
    "Mean, deviation and greatest value cannot belong to one list of z-scores",
    "No timeline has such numbers, so at least one of them is wrong",
    "Classify the run again",
)
PREMATURE_INPUTS = Rule(
    "QC716",
    "classification-inputs-premature",
    Severity.WARNING,
    "A slope, an acceleration or a deviation is given for a timeline that is too short for one",
    "The trend of a handful of months says little",
    "Write null: slopes need 6 months, accelerations 12; one month has no deviation",
)

RULES = (
    ZSCORE_INPUT,
    SLOPE_INPUT,
    SPREAD_INPUT,
    PERIOD_COUNT,
    SUPPRESSED,
    IMPOSSIBLE_INPUTS,
    PREMATURE_INPUTS,
)

ACCELERATION_MONTHS = 12
"""Each half of the timeline needs 6 months."""


@derived
def witnessed(data: RunData) -> pl.DataFrame:
    """``classified`` with what the nodes say of the entity, in columns ``node_*``.

    ``timed`` and ``sloped`` tell where the temporal node has sound numbers to compare with, and
    ``weighed`` where the aggregate node has. An aggregate node that trends to several temporal
    nodes is compared with none: nothing says which of them it was classified by.
    """
    edges = data.frames["raw_node_edges"].filter(pl.col("edge_type") == "trends_to")
    temporal = edges.group_by(canonical_node_id="source_node_id").agg(
        pl.col("target_node_id").unique().first(), targets=pl.col("target_node_id").n_unique()
    )
    simple = of_method(data, "simple_zscore").filter(~pl.col("temporal"))
    aggregate = (
        simple.select(
            "entity_key",
            node_suppressed=pl.col("suppressed"),
            weighed=pl.col("suppressed") != pl.col("scored"),
        )
        .unique("entity_key", keep="none")
        .collect()
    )
    return (
        classified(data)
        .join(temporal.filter(pl.col("targets") == 1), on="canonical_node_id", how="left")
        .join(
            _timelines(data),
            on=["target_node_id", "facility_id", "entity_dimensions_hash"],
            how="left",
            maintain_order="left",
        )
        .join(aggregate, on="entity_key", how="left", maintain_order="left")
    )


def _timelines(data: RunData) -> pl.DataFrame:
    scores = pl.col("simple").list.drop_nulls()
    faulty = pl.any_horizontal("disordered", "outside", "lacking", "misaligned")
    frame = trends(data).select(
        "entity_key",
        "facility_id",
        "entity_dimensions_hash",
        target_node_id="canonical_node_id",
        node_periods=pl.when(~faulty).then("timeline_length"),
        scored=pl.col("simple").is_not_null(),
        node_mean=scores.list.mean(),
        node_std=scores.list.std(ddof=0),
        node_extreme=scores.list.eval(pl.element().abs()).list.max(),
    )
    zscores = of_method(data, "trending_simple_zscore").select(
        "entity_key", node_zscore=pl.col("mean_simple_zscore"), timed=pl.lit(True)
    )
    slopes = of_method(data, "slope_percentile").select(
        "entity_key",
        node_slope=pl.col("slope_percentile"),
        node_acceleration=pl.col("acceleration"),
        withheld=pl.col("suppressed"),
        sloped=pl.lit(True),
    )
    for methods, defects in ((zscores, trend_defects(data)), (slopes, slope_defects(data))):
        sound = methods.collect().unique("entity_key", keep="none").join(defects, on="entity_key", how="anti")
        frame = frame.join(sound, on="entity_key", how="left", maintain_order="left")
    return frame.with_columns(spread=pl.col("scored") & pl.col("timed")).drop("entity_key", "scored")


def _input(rule: Rule, column: str, when: str, *readings: str, withheld: pl.Expr | None = None) -> Demand:
    """``column`` is one of the readings, and null where there is none."""
    known = [pl.col(name) for name in readings]
    foreign = pl.col(column).is_not_null() & pl.all_horizontal([value.is_null() for value in known])
    wrong = differs(pl.col(column), *known) | foreign
    if withheld is not None:
        wrong &= ~(withheld & pl.col(column).is_null())
    return Demand(
        rule,
        column,
        pl.col(when) & wrong,
        f"{column} is not that of the entity's temporal node",
        pl.coalesce(*known).cast(pl.String).fill_null("null") + f" (tolerance {TOLERANCE:g})",
    )


_mean, _std, _extreme = pl.col("aggregate_zscore"), pl.col("zscore_std"), pl.col("max_abs_deviation")
_FROM_NODES = (
    _input(ZSCORE_INPUT, "aggregate_zscore", "timed", "node_zscore", "node_mean"),
    # A slope that is suppressed and written all the same may be read as withheld or as given.
    _input(SLOPE_INPUT, "slope_percentile", "sloped", "node_slope", withheld=pl.col("withheld")),
    _input(SLOPE_INPUT, "acceleration", "sloped", "node_acceleration", withheld=pl.col("withheld")),
    _input(SPREAD_INPUT, "zscore_std", "spread", "node_std"),
    _input(SPREAD_INPUT, "max_abs_deviation", "spread", "node_extreme"),
    Demand(
        PERIOD_COUNT,
        "period_count",
        pl.col("period_count") != pl.col("node_periods"),
        "period_count is not the length of the timeline",
        pl.col("node_periods"),
    ),
    Demand(
        SUPPRESSED,
        "suppressed",
        pl.col("weighed") & (pl.col("suppressed") != pl.col("node_suppressed")),
        "suppressed is not that of the aggregate node's simple z-score",
        pl.col("node_suppressed"),
    ),
)
_ALONE = (
    Demand(
        IMPOSSIBLE_INPUTS,
        "max_abs_deviation",
        pl.max_horizontal(_mean.abs(), (_mean**2 + _std**2).sqrt()) > _extreme + TOLERANCE,
        "no z-score is as great as mean and deviation demand",
        (_mean**2 + _std**2).sqrt().cast(pl.String),
    ),
    Demand(
        PREMATURE_INPUTS,
        "slope_percentile",
        pl.col("slope_percentile").is_not_null() & (pl.col("period_count") < LEAST_MONTHS),
        f"a slope is given for fewer than {LEAST_MONTHS} months",
        pl.lit("null"),
    ),
    Demand(
        PREMATURE_INPUTS,
        "acceleration",
        pl.col("acceleration").is_not_null() & (pl.col("period_count") < ACCELERATION_MONTHS),
        f"an acceleration is given for fewer than {ACCELERATION_MONTHS} months",
        pl.lit("null"),
    ),
    Demand(
        PREMATURE_INPUTS,
        "zscore_std",
        (_std > TOLERANCE) & (pl.col("period_count") == 1),
        "a deviation is given for a single month",
        pl.lit("0"),
    ),
)


@derived
def foreign_inputs(data: RunData) -> pl.DataFrame:
    """Inputs that the nodes contradict."""
    return failures(witnessed(data), _FROM_NODES)


@derived
def odd_inputs(data: RunData) -> pl.DataFrame:
    """Inputs that contradict each other, of rows that no node contradicts."""
    return failures(without(classified(data), rows_of(foreign_inputs(data))), _ALONE)


def check_inputs(data: RunData) -> list[Finding]:
    """Five numbers, the length of the timeline and the suppression of every classified entity."""
    return [
        *report(foreign_inputs(data), _FROM_NODES, path),
        *report(odd_inputs(data), _ALONE, path),
    ]


CHECKS = (check_inputs,)
