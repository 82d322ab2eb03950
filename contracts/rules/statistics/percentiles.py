"""QC640-QC642: percentile bands of the peers, month by month."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import msgspec
import polars as pl

from contracts.derived import by_nodes, nodes
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
_TRENDS = "/statistical_methods/*/summary/global_statistics/percentile_trends"
_PATH = _TRENDS + "/{column}/{period_index}"
_SAMPLED = pl.col("sample_size").is_null() | (pl.col("sample_size") == pl.col("sample_count"))
"""Percentiles of other values than the month's must differ: the sample size tells."""
_MONTH = r"^\d{4}(?:0[1-9]|1[0-2])$"
_MALFORMED = (pl.col("start_period").str.contains(_MONTH) & ~pl.col("period").str.contains(_MONTH)).fill_null(
    False
)
"""A window of months has no other periods; those of quarters or years are spelled in ways of their own."""
_POOLED = pl.col("faceted").fill_null(False)
"""Whether the percentiles of faceted nodes pool the whole node is not settled."""

COMPARISONS = (
    *(
        Comparison(
            PERCENTILE,
            name,
            (pl.col(f"own_{name}"),),
            f"{name} is not that of the month's values",
            path=_PATH,
            when=pl.col(name).is_not_null() & _SAMPLED,
            lenient=_POOLED,
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
        lenient=_POOLED,
    ),
)


def check_percentiles(data: RunData) -> list[Finding]:
    """Percentile trends of temporal nodes against their timelines."""
    found = list(_lengths(data))
    if data.frames["raw_percentile_trends"].is_empty():
        return found
    value = pl.col("sound")
    own = pl.concat(
        part.group_by(MONTH).agg(
            value.count().alias("sample_count"),
            pl.len().alias("entity_count"),
            *(
                value.quantile(percentile / 100, interpolation="linear").alias(f"own_p{percentile}")
                for percentile in _PERCENTILES
            ),
        )
        for part in by_nodes(monthly(data).select(*MONTH, value))
    )
    rows = _placed(data).join(own, on=MONTH, how="left", maintain_order="left")
    sound = rows.filter(~pl.col("descends") & ~pl.col("disordered").any().over("canonical_node_id"))
    return [*found, *report(compare(sound, COMPARISONS), COMPARISONS), *_order(rows), *_periods(rows)]


def _lengths(data: RunData) -> Iterator[Finding]:
    """Arrays that are longer than the periods; a short one lacks the number of a month, which is told so."""
    written = data.frames["raw_node_results"].filter(
        pl.col("percentile_trends").is_not_null(), ~pl.col("source_file").is_in(sorted(data.broken_files))
    )
    for row in written.iter_rows(named=True):
        trends = msgspec.json.decode(row["percentile_trends"])
        periods = len(trends["periods"])
        suppressed = trends.get("suppression_applied", {})
        lengths = {name: len(trends.get(name, ())) for name in (*_NAMES, "sample_sizes")}
        wrong = {name: length for name, length in lengths.items() if length > periods}
        wrong |= {
            f"suppression_applied/{name}": len(flags)
            for name, flags in suppressed.items()
            if len(flags) != periods
        }
        if periods == 0 and row["period_count"]:
            wrong = {"periods": 0}
        if not wrong:
            continue
        first, *others = wrong
        yield PERCENTILE_PERIODS.finding(
            f"{first} does not have one element a period"
            + (f" (also {', '.join(others)})" if others else ""),
            file=row["source_file"],
            line=row["line_number"],
            json_path=f"{_TRENDS}/{first}",
            expected=str(periods or row["period_count"]),
            actual=str(wrong[first]),
        )


def _placed(data: RunData) -> pl.DataFrame:
    """raw_percentile_trends with the node's window, and what is wrong with the order of numbers."""
    windows = nodes(data).select("canonical_node_id", "start_period", "end_period", "period_count", "faceted")
    steps = [pl.col(low) - pl.col(high) > TOLERANCE for low, high in pairwise(_NAMES)]
    return (
        data.frames["raw_percentile_trends"]
        .with_columns(period=pl.col("period").str.replace("-", "", literal=True))
        .join(windows, on="canonical_node_id", how="left", maintain_order="left")
        .with_columns(
            descends=pl.any_horizontal(steps).fill_null(False),
            month=pl.when(~_MALFORMED).then("period"),
            written=pl.len().over("canonical_node_id"),
        )
        .with_columns(before=pl.col("month").shift(1).over("canonical_node_id"))
        .with_columns(disordered=(pl.col("month") <= pl.col("before")).fill_null(False))
    )


def _order(rows: pl.DataFrame) -> list[Finding]:
    return fold(
        PERCENTILE_ORDER,
        rows.filter("descends"),
        lambda row: f"the percentiles of {row['period']} do not ascend",
        json_path=lambda row: _PATH.format(column="p10", **row),
        actual=lambda row: ", ".join(f"{row[name]:.6g}" for name in _NAMES if row[name] is not None),
    )


def _periods(rows: pl.DataFrame) -> list[Finding]:
    arrays = {**{name: name for name in _NAMES}, "sample_size": "sample_sizes"}
    gap = pl.coalesce(pl.when(pl.col(name).is_null()).then(pl.lit(array)) for name, array in arrays.items())
    hidden = pl.col("suppression_applied").str.contains("true", literal=True).fill_null(False)
    wanted = pl.col("sample_count") > 0
    cases = (
        (_MALFORMED, "the period is no month"),
        (pl.col("disordered"), "the period does not follow the one before it"),
        (
            (pl.col("month") < pl.col("start_period")) | (pl.col("month") > pl.col("end_period")),
            "the period lies outside the node's window",
        ),
        (
            (pl.col("written") != pl.col("period_count")) & (pl.col("period_index") == 0),
            "there are not as many periods as the node's window has",
        ),
    )
    found: list[Finding] = []
    for condition, message in cases:
        found += fold(
            PERCENTILE_PERIODS,
            rows.filter(condition),
            message,
            json_path=lambda row: _PATH.format(column="periods", **row),
            actual=lambda row: row["period"],
        )
    return found + fold(
        PERCENTILE_PERIODS,
        rows.with_columns(gap=gap).filter(pl.col("gap").is_not_null() & ~hidden & wanted),
        lambda row: f"{row['gap']} has no number for {row['period']}",
        json_path=lambda row: _PATH.format(column=row["gap"], **row),
    )


CHECKS = (check_percentiles,)
