"""QC640-QC642: percentile bands of the peers, month by month."""

from __future__ import annotations

import polars as pl

from contracts.derived import nodes
from contracts.findings import Finding, Severity
from contracts.rules.folding import fold
from contracts.rules.rule import Rule
from contracts.rules.statistics.comparison import TOLERANCE, Comparison, compare, report
from contracts.rules.statistics.peers import MONTH, monthly
from contracts.run_data import RunData

PERCENTILE = Rule(
    "QC640",
    "percentile-trend-differs",
    Severity.ERROR,
    "A percentile or sample size of a month is not that of the month's values",
    "The dashboard draws the peers' band behind each timeline",
    "Compute the node again; interpolate linearly between ranks",
)
PERCENTILE_ORDER = Rule(
    "QC641",
    "percentile-order",
    Severity.ERROR,
    "The percentiles of a month do not ascend from p10 to p90",
    "The peers' band would be turned inside out",
    "Compute the node again",
)
PERCENTILE_PERIODS = Rule(
    "QC642",
    "percentile-periods-differ",
    Severity.ERROR,
    "The periods of the percentile trends are not the node's months in order, each with all values",
    "The peers' band would have holes, or be drawn under the wrong months",
    "Compute the node again; write one element a period in every array",
)

RULES = (PERCENTILE, PERCENTILE_ORDER, PERCENTILE_PERIODS)

_PERCENTILES = (10, 25, 50, 75, 90)
_NAMES = tuple(f"p{percentile}" for percentile in _PERCENTILES)
_PATH = "/statistical_methods/*/summary/global_statistics/percentile_trends/{column}/{period_index}"

COMPARISONS = (
    *(
        Comparison(
            PERCENTILE,
            name,
            (pl.col(f"own_{name}"),),
            f"{name} is not that of the month's values",
            path=_PATH,
            when=pl.col(name).is_not_null(),
        )
        for name in _NAMES
    ),
    Comparison(
        PERCENTILE,
        "sample_size",
        (pl.col("sample_count"), pl.col("entity_count")),
        "the sample size is not the number of the month's values",
        path=_PATH.replace("{column}", "sample_sizes"),
        when=pl.col("sample_size").is_not_null(),
    ),
)


def check_percentiles(data: RunData) -> list[Finding]:
    """Percentile trends of temporal nodes against their timelines."""
    trends = data.frames["raw_percentile_trends"]
    if trends.is_empty():
        return []
    own = (
        monthly(data)
        .group_by(MONTH)
        .agg(
            pl.col("sound").count().alias("sample_count"),
            pl.len().alias("entity_count"),
            *(
                pl.col("sound").quantile(percentile / 100, interpolation="linear").alias(f"own_p{percentile}")
                for percentile in _PERCENTILES
            ),
        )
    )
    rows = trends.with_columns(
        period=pl.col("period").str.replace("-", "", literal=True)
    ).join(own, on=MONTH, how="left", maintain_order="left")
    found = report(compare(rows, COMPARISONS), COMPARISONS)
    return [*found, *_order(rows, found), *_periods(data, rows)]


def _order(rows: pl.DataFrame, found: list[Finding]) -> list[Finding]:
    """Percentiles that descend, unless recomputing them told so already."""
    told = sorted({finding.file for finding in found if finding.file})
    known = rows.filter(~pl.col("source_file").is_in(told))
    steps = [
        pl.col(low) - pl.col(high) > TOLERANCE for low, high in zip(_NAMES, _NAMES[1:], strict=False)
    ]
    return fold(
        PERCENTILE_ORDER,
        known.filter(pl.any_horizontal(steps)),
        lambda row: f"the percentiles of {row['period']} do not ascend",
        json_path=lambda row: _PATH.format(column="p10", **row),
        actual=lambda row: ", ".join(f"{row[name]:.6g}" for name in _NAMES if row[name] is not None),
    )


def _periods(data: RunData, rows: pl.DataFrame) -> list[Finding]:
    windows = nodes(data).select("canonical_node_id", "start_period", "end_period", "period_count", "complete")
    number = pl.len().over("canonical_node_id")
    placed = rows.join(windows, on="canonical_node_id", how="left", maintain_order="left").with_columns(
        before=pl.col("period").shift(1).over("canonical_node_id"),
        written=number,
    )
    missing = pl.any_horizontal([pl.col(name).is_null() for name in (*_NAMES, "sample_size")])
    hidden = pl.col("suppression_applied").str.contains("true", literal=True).fill_null(False)
    wanted = pl.col("sample_count") > 0
    cases = (
        (pl.col("period") <= pl.col("before"), "the period does not follow the one before it"),
        (
            (pl.col("period") < pl.col("start_period")) | (pl.col("period") > pl.col("end_period")),
            "the period lies outside the node's window",
        ),
        (
            (pl.col("written") != pl.col("period_count")) & (pl.col("period_index") == 0),
            "there are not as many periods as the node's window has",
        ),
        (missing & ~hidden & wanted, "the period lacks a percentile or its sample size"),
    )
    found: list[Finding] = []
    for condition, message in cases:
        found += fold(
            PERCENTILE_PERIODS,
            placed.filter(condition),
            message,
            json_path=lambda row: _PATH.format(column="periods", **row),
            actual=lambda row: row["period"],
        )
    return found


CHECKS = (check_percentiles,)
