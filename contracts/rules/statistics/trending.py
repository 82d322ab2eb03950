"""QC620-QC627: z-scores of temporal entities against all entities of the node, month by month."""

from __future__ import annotations

import polars as pl

from contracts.derived import by_nodes, derived, of_method, trends
from contracts.findings import Finding, Severity
from contracts.rules.folding import fold
from contracts.rules.rule import Rule
from contracts.rules.statistics.comparison import Comparison, compare, report
from contracts.rules.statistics.peers import MONTH, NODE, midpoint_rank, monthly, months
from contracts.run_data import RunData

PER_PERIOD_SIMPLE = Rule(
    "QC620",
    "per-period-simple-zscore-differs",
    Severity.ERROR,
    "A per-period simple z-score does not follow from the month's value and the month's peers",
    "The dashboard draws these scores under the timeline, and the classification is made of them",
    "Compute the node again: (value - mean) / std over all entities of the node in that month",
)
PER_PERIOD_ROBUST = Rule(
    "QC621",
    "per-period-robust-zscore-differs",
    Severity.ERROR,
    "A per-period robust z-score does not follow from the month's value and the month's peers",
    "The dashboard draws these scores where simple ones are missing",
    "Compute the node again: (value - median) / scaled MAD over all entities of the node in that month",
)
MEAN_ZSCORE = Rule(
    "QC622",
    "mean-zscore-differs",
    Severity.ERROR,
    "A mean z-score is not the mean of the per-period z-scores",
    "Entities are classified by the mean z-score",
    "Compute the node again",
)
LATEST_ZSCORE = Rule(
    "QC623",
    "latest-zscore-differs",
    Severity.ERROR,
    "A latest z-score is not the last of the per-period z-scores",
    "The dashboard shows it as the entity's current state",
    "Compute the node again",
)
TREND_RANK = Rule(
    "QC624",
    "trend-percentile-rank-differs",
    Severity.ERROR,
    "percentile_rank is not the midpoint rank of the mean z-score within the node",
    "The dashboard shows it as the entity's place among its peers",
    "Compute the node again: rank the mean z-scores, not the latest ones",
)
PEER_MEDIAN = Rule(
    "QC625",
    "peer-median-differs",
    Severity.ERROR,
    "peer_median is not the median of the last month",
    "The dashboard shows it as the level of the entity's peers",
    "Compute the node again",
)
PEER_MAD = Rule(
    "QC626",
    "peer-mad-differs",
    Severity.ERROR,
    "peer_mad is not the scaled MAD of the last month",
    "The dashboard shows it as the spread of the entity's peers",
    "Compute the node again; multiply the median absolute deviation by 1.4826",
)
PER_PERIOD_LENGTH = Rule(
    "QC627",
    "per-period-length-differs",
    Severity.ERROR,
    "An array of per-period z-scores has not one element a month",
    "Scores would be drawn under the wrong months",
    "Compute the node again; write null where a month has no value",
)

RULES = (
    PER_PERIOD_SIMPLE,
    PER_PERIOD_ROBUST,
    MEAN_ZSCORE,
    LATEST_ZSCORE,
    TREND_RANK,
    PEER_MEDIAN,
    PEER_MAD,
    PER_PERIOD_LENGTH,
)

MIN_PEERS = 10
"""A month with fewer values may have no scores."""

_RULES = {"simple": (PER_PERIOD_SIMPLE, "mean", "std"), "robust": (PER_PERIOD_ROBUST, "median", "mad")}
_GAPS = pl.col("faceted") & pl.col("gaps")
"""Faceted nodes with missing months or values: how the engine treats them is not settled."""
_WRITTEN = ~pl.col("legacy")


def _readings(location: str, spread: str) -> tuple[pl.Expr, pl.Expr]:
    distance = pl.col("value") - pl.col(location)
    floored = pl.max_horizontal(spread, pl.col(f"{spread}_floor").fill_null(0.0))
    return (
        pl.when(pl.col(spread) > 0).then(distance / pl.col(spread)),
        pl.when(floored > 0).then(distance / floored),
    )


_POINTS = {
    name: Comparison(
        rule,
        name,
        _readings(location, spread),
        f"the {name} z-score of a month does not follow from the month's value and peers",
        path=f"/statistical_methods/{{position}}/statistics/per_period_{name}_zscores/{{index}}",
        when=pl.col(f"{name}_listed")
        & ~(pl.col(name).is_null() & (pl.col("n") < MIN_PEERS))
        & (pl.lit(name == "simple") | pl.col("sound").eq_missing(pl.col("value"))),
        lenient=_GAPS,
    )
    for name, (rule, location, spread) in _RULES.items()
}
_SCORES = {
    name: (
        Comparison(
            MEAN_ZSCORE,
            f"mean_{name}_zscore",
            (pl.col("score_mean"),),
            f"mean_{name}_zscore is not the mean of the per-period z-scores",
            lenient=_GAPS,
        ),
        Comparison(
            LATEST_ZSCORE,
            f"latest_{name}_zscore",
            (pl.col("score_last"), pl.col("score_last_known")),
            f"latest_{name}_zscore is not the last of the per-period z-scores",
            when=pl.col(f"latest_{name}_zscore").is_not_null() | pl.col("score_last").is_not_null(),
            lenient=_GAPS,
        ),
        Comparison(
            TREND_RANK,
            "percentile_rank",
            (pl.col("mean_rank"), pl.col("score_rank")),
            f"percentile_rank is not the midpoint rank of mean_{name}_zscore within the node",
            when=_WRITTEN | pl.col("percentile_rank").is_not_null(),
            lenient=_GAPS,
        ),
    )
    for name in _RULES
}
_PEERS = tuple(
    Comparison(
        rule,
        column,
        (pl.col(f"{own}_own"), pl.col(f"{own}_node")),
        f"{column} is not that of the last month",
        when=pl.col(column).is_not_null() | (_WRITTEN & ~pl.col("gaps")),
        lenient=_GAPS,
    )
    for rule, column, own in ((PEER_MEDIAN, "peer_median", "median"), (PEER_MAD, "peer_mad", "mad"))
)
COMPARISONS = (*_POINTS.values(), *_SCORES["simple"], *_SCORES["robust"], *_PEERS)


@derived
def trend_defects(data: RunData) -> pl.DataFrame:
    """z-scores of temporal entities that follow neither from what is written nor from the values."""
    found = [compare(_with_last_months(data), _PEERS)]
    points = _point_defects(data)
    for name in _RULES:
        wrong_points = points.filter(pl.col("comparison") == _POINTS[name].name)
        scored = _scored(data, name)
        if not wrong_points.is_empty():
            wrong_points = _placed(data, name, wrong_points)
            # Their means may be those of the right scores.
            scored = scored.join(wrong_points.lazy(), on="entity_key", how="anti", maintain_order="left")
        found += [wrong_points, compare(scored, _SCORES[name])]
    return pl.concat(found, how="diagonal")


def _point_defects(data: RunData) -> pl.DataFrame:
    """Defects of points, by the statistics of their month and the node's floors."""
    floors = (
        data.frames["raw_global_statistics"]
        .filter(pl.col("method_name").is_in(["trending_simple_zscore", "trending_robust_zscore"]))
        .group_by("canonical_node_id")
        .agg(pl.col("std_floor", "mad_floor").drop_nulls().first())
    )
    peers = months(data).join(floors, on="canonical_node_id", how="left")
    found = [
        compare(part.join(peers, on=MONTH, how="left", maintain_order="left"), tuple(_POINTS.values()))
        for part in by_nodes(monthly(data))
    ]
    return pl.concat(found, how="diagonal")


def _placed(data: RunData, name: str, wrong: pl.DataFrame) -> pl.DataFrame:
    """Defects of points, with the entity and the position of the method that has the scores."""
    own = trends(data).select(
        "entity", "entity_key", "facility_id", "entity_dimensions", "source_file", "line_number"
    )
    placed = own.join(_places(data, name), on="entity_key", how="left")
    kept = [column for column in wrong.columns if column == "entity" or column not in placed.columns]
    return wrong.select(kept).join(placed, on="entity", maintain_order="left")


def _places(data: RunData, name: str) -> pl.DataFrame:
    """Where entities have the method with these scores."""
    places = of_method(data, f"trending_{name}_zscore").select("entity_key", "statistical_method", "position")
    return places.collect()


def _scored(data: RunData, name: str) -> pl.LazyFrame:
    """Rows of a trending method with mean, last element and rank of their own scores.

    Where an entity that should have a score has none, nobody can tell the ranks of the others.
    """
    scores = pl.col(name)
    lists = trends(data).select(
        "entity_key",
        "gaps",
        "observed",
        score_mean=scores.list.mean(),
        score_last=scores.list.last(),
        score_last_known=scores.list.drop_nulls().list.last(),
    )
    live = of_method(data, f"trending_{name}_zscore").filter("live")
    rows = live.join(lists.lazy(), on="entity_key", how="left", maintain_order="left")
    due = ~pl.col("suppressed") & (pl.col("observed") > 0)
    return rows.with_columns(
        pl.when(~(due & pl.col(score).is_null()).any().over(NODE))
        .then(midpoint_rank(score, NODE))
        .alias(rank)
        for rank, score in (("mean_rank", f"mean_{name}_zscore"), ("score_rank", "score_mean"))
    ).filter(~pl.col("suppressed"))


def _with_last_months(data: RunData) -> pl.LazyFrame:
    """Rows of the robust method with median and MAD of the entity's and of the node's last month."""
    last = trends(data).select(
        "entity_key", "canonical_node_id", "gaps", period=pl.col("periods").list.last()
    )
    statistics = months(data).select(*MONTH, "median", "mad")
    ends = (
        last.group_by("canonical_node_id")
        .agg(pl.col("period").max())
        .join(statistics, on=MONTH)
        .select("canonical_node_id", pl.col("median", "mad").name.suffix("_node"))
    )
    return (
        of_method(data, "trending_robust_zscore")
        .filter(~pl.col("suppressed"))
        .join(last.drop("canonical_node_id").lazy(), on="entity_key", how="left", maintain_order="left")
        .join(
            statistics.rename({"median": "median_own", "mad": "mad_own"}).lazy(),
            on=MONTH,
            how="left",
            maintain_order="left",
        )
        .join(ends.lazy(), on="canonical_node_id", how="left", maintain_order="left")
    )


def check_trends(data: RunData) -> list[Finding]:
    """Per-period z-scores, their means, last values and ranks, and the last month's peers."""
    return [*report(trend_defects(data), COMPARISONS), *_lengths(data)]


def _lengths(data: RunData) -> list[Finding]:
    found: list[Finding] = []
    for name in _RULES:
        written = trends(data).filter(pl.col(f"{name}_written").is_not_null())
        wrong = written.filter(
            pl.col(name).is_null()
            & (pl.col(f"{name}_written") | ~pl.col("legacy"))
            & ~pl.any_horizontal("disordered", "outside", "lacking")
        )
        found += fold(
            PER_PERIOD_LENGTH,
            wrong.join(_places(data, name), on="entity_key", how="left", maintain_order="left"),
            f"per_period_{name}_zscores has not one element a month",
            json_path=lambda row, name=name: (  # type: ignore[misc]
                f"/statistical_methods/{row['position']}/statistics/per_period_{name}_zscores"
            ),
            expected=lambda row: f"{row['timeline_length']} elements",
        )
    return found


CHECKS = (check_trends,)
