"""QC820-QC826: values, weights and what is computed of them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from contracts.derived import by_nodes, derived, entities, of_method
from contracts.findings import Finding, Severity
from contracts.rules.contributions.entities import doubtful_files, shares, strayed, unknown_entities
from contracts.rules.contributions.index import PSEUDO_METRICS
from contracts.rules.demands import Demand, failures, report, rows_of, without
from contracts.rules.folding import Row, fold
from contracts.rules.rule import Rule
from contracts.rules.statistics.aggregate import aggregate_defects
from contracts.rules.statistics.comparison import TOLERANCE, differs, number_text
from contracts.run_data import RunData

VALUE = Rule(
    "QC820",
    "contribution-value-differs",
    Severity.ERROR,
    "child_value or parent_value is not the value of the entity",
    "The drill-down would show another number than the entity's own page",
    "Compute the contributions again from the run's results",
)
WEIGHT = Rule(
    "QC821",
    "contribution-weight-differs",
    Severity.ERROR,
    "weight_value is not the entity's own count",
    "Shares would not reflect how large the segments are",
    "Compute the contributions again from the run's results",
)
SHARE = Rule(
    "QC822",
    "weight-share-differs",
    Severity.ERROR,
    "weight_share is not weight_value over the sum of the siblings",
    "Contributions would be given too much or too little weight",
    "Compute the contributions again",
)
SUM = Rule(
    "QC823",
    "weight-shares-do-not-add-up",
    Severity.WARNING,
    "Weight shares of the children of one parent do not sum to one",
    "The children would explain more, or less, than their parent",
    "Look for a child that is missing or was counted twice",
)
COMPONENT = Rule(
    "QC824",
    "contribution-component-differs",
    Severity.ERROR,
    "raw_component or weighted_child_value is not weight_share x child_value",
    "The parts shown for a parent would not be its parts",
    "Compute the contributions again",
)
EXCESS = Rule(
    "QC825",
    "excess-differs",
    Severity.ERROR,
    "excess_over_parent is not weight_share x (child_value - parent_value)",
    "Drivers are ordered by it",
    "Compute the contributions again",
)
METHOD = Rule(
    "QC826",
    "contribution-method",
    Severity.WARNING,
    "Contributions to the metric itself are not computed by weighted_mean",
    "Weights and components of other methods are not checked",
    "Use weighted_mean, or expect the dashboard to show the numbers as they are",
)

RULES = (VALUE, WEIGHT, SHARE, SUM, COMPONENT, EXCESS, METHOD)

SUM_TOLERANCE = 1e-6
"""Thousands of shares, each rounded to a double, add up far closer."""
LOOSE_SUM_TOLERANCE = 0.01
"""Where a child has no value: engines may leave out its weight."""
WEIGHTED_MEAN = "weighted_mean"
SIBLINGS = ("source_file", "parent_node_id", "child_node_id", "metric_id", "parent_entity")
_FIELD = r"^\w+$"

_weight, _share = pl.col("weight_value"), pl.col("weight_share")
_child, _parent = pl.col("child_value"), pl.col("parent_value")
_weighted = pl.col("method") == WEIGHTED_MEAN
_own_metric = pl.col("metric_id") == pl.col("node_metric_id")


def _value(side: str, *readings: pl.Expr) -> Demand:
    """The value of an entity, or one of the further readings."""
    actual, entity = pl.col(f"{side}_value"), pl.col(f"{side}_entity_value")
    foreign = actual.is_not_null() & pl.all_horizontal([value.is_null() for value in (entity, *readings)])
    both_null = actual.is_null() & entity.is_null()
    return Demand(
        VALUE,
        f"{side}_value",
        pl.col(f"{side}_known") & (differs(actual, entity, *readings) | foreign) & ~both_null,
        f"{side}_value is not that of the entity",
        pl.format("{} (tolerance {})", entity.cast(pl.String).fill_null("null"), pl.lit(f"{TOLERANCE:g}")),
        lenient=~_own_metric,
    )


# Engines may take the mean of the children for the value of the parent.
_VALUES = (_value("child"), _value("parent", pl.col("mean_of_children")))
_METHODS = (
    Demand(
        METHOD,
        "method",
        _own_metric & pl.col("method").ne_missing(WEIGHTED_MEAN),
        "the metric is not decomposed by its weighted mean",
        pl.lit(WEIGHTED_MEAN),
    ),
)


@derived
def valued(data: RunData) -> Iterator[pl.DataFrame]:
    """``shares`` with what the results say of parent and child.

    ``*_known`` tells where the entity was read and no rule doubts its numbers.
    """
    numbers = _numbers(data)
    weights = entities(data).select("entity_key", "encounters", "metadata")
    for part in by_nodes(shares(data), column="source_file"):
        frame = part.with_columns(
            mean_of_children=(_weight * _child).sum().over(SIBLINGS)
            / pl.when(_child.is_not_null()).then(_weight).sum().over(SIBLINGS)
        )
        for side in ("child", "parent"):
            own = numbers.rename({name: f"{side}_{name}" for name in ("entity_value", "known")})
            frame = frame.join(
                own,
                left_on=[f"{side}_entity_key", "metric_id"],
                right_on=["entity_key", "metric_id"],
                how="left",
                maintain_order="left",
            )
        frame = frame.join(
            weights, left_on="child_entity_key", right_on="entity_key", how="left", maintain_order="left"
        )
        yield frame.with_columns(entity_weight=_entity_weight(frame)).drop("encounters", "metadata")


def _numbers(data: RunData) -> pl.DataFrame:
    """``entity_value`` of each entity and metric that no rule doubts, pseudo-metrics among them."""
    valueless = pl.col("metric_value").is_null() & pl.col("scored")
    withheld = of_method(data, *PSEUDO_METRICS).filter(valueless).select("entity_key").collect()
    doubted = pl.concat([aggregate_defects(data).select("entity_key"), withheld])
    results = entities(data).select("entity_key", "metric_id", entity_value="metric_value")
    statistics = [
        of_method(data, name)
        # Whether a statistic is suppressed with reason is asked elsewhere.
        .filter(~pl.col("suppressed"))
        .select("entity_key", metric_id=pl.lit(name), entity_value=pl.col(name))
        .collect()
        for name in PSEUDO_METRICS
    ]
    return (
        pl.concat([results, *statistics])
        .join(doubted, on="entity_key", how="anti")
        .unique(["entity_key", "metric_id"], keep="none")
        .with_columns(known=pl.lit(True))
    )


def _entity_weight(frame: pl.DataFrame) -> pl.Expr:
    """The count of the child that ``weight_field`` names."""
    fields = frame["weight_field"].drop_nulls().unique()
    named = fields.filter(fields.str.contains(_FIELD) & (fields != "encounters")).to_list()
    found = [pl.when(pl.col("weight_field") == "encounters").then("encounters")]
    found += [
        pl.when(pl.col("weight_field") == name).then(
            pl.col("metadata").str.json_path_match(f"$.{name}").cast(pl.Float64, strict=False)
        )
        for name in named
    ]
    return pl.coalesce(found)


@derived
def wrong_values(data: RunData) -> pl.DataFrame:
    """Values of rows that stand where they should, but are not those of the entities."""
    return failures(_placed(data), _VALUES)


def _placed(data: RunData) -> pl.DataFrame:
    return without(valued(data), pl.concat([strayed(data), unknown_entities(data)["row"]]))


_sum = _weight.sum().over(SIBLINGS)
_sum_of_valued = pl.when(_child.is_not_null()).then(_weight).sum().over(SIBLINGS)
_readings = [pl.when(total > 0).then(_weight / total) for total in (_sum, _sum_of_valued)]
_strays = differs(_share, *_readings) & ~(_share.is_null() & _child.is_null())
_foreign_weight = _weight.is_not_null() & differs(_weight, pl.col("entity_weight"))
_SHARES = (
    Demand(
        WEIGHT,
        "weight_value",
        _foreign_weight,
        "weight_value is not that of the entity",
        pl.col("entity_weight"),
        # The shares were computed of these weights, wherever those come from.
        lenient=~pl.col("strays").any().over(SIBLINGS),
    ),
    Demand(
        SHARE,
        "weight_share",
        pl.col("strays") & ~_foreign_weight.any().over(SIBLINGS),
        "weight_share is not weight_value over the sum of the siblings",
        pl.format("{} (tolerance {})", _readings[0], pl.lit(f"{TOLERANCE:g}")),
    ),
)


def _grouped(data: RunData) -> pl.DataFrame:
    """Rows of weighted means whose siblings are all there."""
    return (
        valued(data)
        .filter(_weighted)
        .join(doubtful_files(data), on="source_file", how="anti", maintain_order="left")
        .with_columns(strays=_strays.fill_null(False))
    )


@derived
def wrong_shares(data: RunData) -> pl.DataFrame:
    """Weights and shares that do not follow from the entities and from each other."""
    return failures(_grouped(data), _SHARES)


_FORMULAS = (
    *(
        Demand(
            COMPONENT,
            name,
            _weighted & pl.col(name).is_not_null() & differs(pl.col(name), _share * _child),
            f"{name} is not weight_share x child_value",
            pl.format("{} (tolerance {})", _share * _child, pl.lit(f"{TOLERANCE:g}")),
        )
        for name in ("raw_component", "weighted_child_value")
    ),
    Demand(
        EXCESS,
        "excess_over_parent",
        _weighted & differs(pl.col("excess_over_parent"), _share * (_child - _parent)),
        "excess_over_parent is not weight_share x (child_value - parent_value)",
        pl.format("{} (tolerance {})", _share * (_child - _parent), pl.lit(f"{TOLERANCE:g}")),
    ),
)


@derived
def wrong_formulas(data: RunData) -> pl.DataFrame:
    """Components and excess that do not follow from share and values nobody doubts."""
    doubted = [rows_of(wrong_values(data)), rows_of(wrong_shares(data), ["weight_share"])]
    return failures(without(shares(data), pl.concat(doubted)), _FORMULAS)


def check_values(data: RunData) -> list[Finding]:
    """Method, values and weights of every row, and what is computed of them."""
    return [
        *report(failures(shares(data), _METHODS), _METHODS, _path),
        *report(wrong_values(data), _VALUES, _path),
        *report(wrong_shares(data), _SHARES, _path),
        *report(wrong_formulas(data), _FORMULAS, _path),
    ]


def _path(row: Row) -> str:
    return f"/{row['column']}"


def check_sums(data: RunData) -> list[Finding]:
    """Shares of all children of a parent, where each of them is what it should be."""
    wrong = rows_of(wrong_shares(data).filter(~pl.col("lenient")))
    groups = (
        _grouped(data)
        .with_columns(doubted=pl.col("row").is_in(wrong.implode()))
        .group_by(SIBLINGS, maintain_order=True)
        .agg(
            pl.col("line_number", "facility_id").first(),
            entity_dimensions=pl.col("parent_entity").first().alias("entity"),
            total=_share.sum(),
            known=_share.is_not_null().any(),
            doubted=pl.col("doubted").any(),
            gaps=_child.is_null().any(),
        )
    )
    tolerance = pl.when("gaps").then(LOOSE_SUM_TOLERANCE).otherwise(SUM_TOLERANCE)
    return fold(
        SUM,
        groups.filter(pl.col("known") & ~pl.col("doubted") & ((pl.col("total") - 1).abs() > tolerance)),
        "weight shares of the parent's children do not sum to one",
        json_path="/weight_share",
        expected=f"1 (tolerance {SUM_TOLERANCE:g})",
        actual=lambda row: number_text(row["total"]),
    )


CHECKS = (check_values, check_sums)
