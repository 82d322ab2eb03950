"""QC660-QC663: which statistics are withheld, and that withheld means null."""

from __future__ import annotations

import polars as pl

from contracts.derived import of_method, trends
from contracts.findings import Finding, Severity
from contracts.rules.folding import fold
from contracts.rules.rule import Rule
from contracts.rules.statistics.aggregate import AGGREGATE_METHODS
from contracts.rules.statistics.peers import FACET, facet_sizes
from contracts.rules.statistics.slopes import LEAST_MONTHS
from contracts.run_data import RunData

SUPPRESSED_NUMBER = Rule(
    "QC660",
    "suppressed-number",
    Severity.WARNING,
    "A suppressed method has a score",
    "The number is withheld from the dashboard although the engine wrote it",
    "Write null, or do not suppress the method",
)
SLOPE_SUPPRESSION = Rule(
    "QC661",
    "slope-suppression",
    Severity.ERROR,
    "A slope is given for fewer than 6 months",
    "A line through so few points says little, and its rank disturbs those of the others",
    "Suppress the method below 6 months",
)
PEER_SUPPRESSION = Rule(
    "QC662",
    "peer-suppression",
    Severity.WARNING,
    "Statistics are given for a facet with too few entities, or withheld although there are enough",
    "Comparisons with a handful of peers mislead",
    "Suppress aggregate methods below min_peer_count entities, and only then",
)
SCORE_WITHOUT_VALUE = Rule(
    "QC663",
    "score-without-value",
    Severity.ERROR,
    "An entity without a value has a score",
    "The score cannot have been computed from this entity",
    "Suppress the method, or write the value",
)

RULES = (SUPPRESSED_NUMBER, SLOPE_SUPPRESSION, PEER_SUPPRESSION, SCORE_WITHOUT_VALUE)


_METHODS = (
    *AGGREGATE_METHODS,
    "trending_simple_zscore",
    "trending_robust_zscore",
    "slope_percentile",
)


def check_suppression(data: RunData) -> list[Finding]:
    """Suppressed methods, and those that should be."""
    rows = of_method(data, *_METHODS)
    found = fold(
        SUPPRESSED_NUMBER,
        rows.filter(pl.col("suppressed") & pl.col("scored")).collect(),
        lambda row: f"{row['method_name']} is suppressed and has a score",
        json_path=lambda row: f"/statistical_methods/{row['position']}/statistics",
    )
    found += fold(
        SCORE_WITHOUT_VALUE,
        rows.filter(pl.col("valueless") & pl.col("scored") & ~pl.col("suppressed")).collect(),
        lambda row: f"the entity has no value, but a score of {row['method_name']}",
        json_path=lambda row: f"/statistical_methods/{row['position']}/statistics",
    )
    return found + _slopes(data) + _peers(data)


def _slopes(data: RunData) -> list[Finding]:
    lists = trends(data).select("entity_key", "timeline_length", "observed")
    rows = of_method(data, "slope_percentile").join(lists.lazy(), on="entity_key", maintain_order="left")
    given = ~pl.col("suppressed") & (pl.col("slope").is_not_null() | ~pl.col("legacy"))
    withheld = pl.col("suppressed") & (pl.col("observed") >= LEAST_MONTHS)
    found: list[Finding] = []
    for condition, message, severity in (
        (given & (pl.col("timeline_length") < LEAST_MONTHS), "a slope is given", None),
        (withheld, "the slope is withheld", Severity.WARNING),
    ):
        found += fold(
            SLOPE_SUPPRESSION,
            rows.filter(condition).collect(),
            lambda row, message=message: f"{message} for {row['timeline_length']} months",  # type: ignore[misc]
            json_path=lambda row: f"/statistical_methods/{row['position']}/statistics/suppressed",
            severity=severity,
        )
    return found


def _peers(data: RunData) -> list[Finding]:
    sizes = facet_sizes(data).filter("counted")
    rows = of_method(data, *AGGREGATE_METHODS).join(sizes.lazy(), on=FACET, maintain_order="left")
    given = ~pl.col("suppressed") & (pl.col("size") < pl.col("min_peer_count"))
    withheld = (
        ~pl.col("live") & pl.col("metric_value").is_not_null() & (pl.col("known") >= pl.col("min_peer_count"))
    )
    return fold(
        PEER_SUPPRESSION,
        rows.filter((given | withheld) & ~pl.col("legacy")).collect(),
        lambda row: f"{row['method_name']} is {'withheld' if row['suppressed'] else 'given'}",
        json_path=lambda row: f"/statistical_methods/{row['position']}/statistics/suppressed",
        expected=lambda row: f"suppressed below {row['min_peer_count']} entities",
        actual=lambda row: f"{row['size']} entities, {row['known']} with a value",
    )


CHECKS = (check_suppression,)
