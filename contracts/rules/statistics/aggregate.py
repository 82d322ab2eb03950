"""QC610-QC615: statistics of aggregate entities against the entities of their facet."""

from __future__ import annotations

import polars as pl

from contracts.derived import derived, methods, of_method
from contracts.findings import Finding, Severity
from contracts.rules.folding import fold
from contracts.rules.rule import Rule
from contracts.rules.statistics.comparison import Comparison, compare, report
from contracts.rules.statistics.peers import FACET, facet_sizes, facets, midpoint_rank, values
from contracts.run_data import RunData

PEER_MEAN = Rule(
    "QC610",
    "peer-mean-differs",
    Severity.ERROR,
    "peer_mean is not the mean of the facet",
    "The dashboard shows it as the benchmark of the entity",
    "Compute the node again; peers are all entities of the facet, the entity itself included",
)
PEER_STD = Rule(
    "QC611",
    "peer-std-differs",
    Severity.ERROR,
    "peer_std is not the population standard deviation of the facet",
    "z-scores would be too large or too small",
    "Compute the node again; divide by the number of peers, not by one less",
)
SIMPLE_ZSCORE = Rule(
    "QC612",
    "simple-zscore-differs",
    Severity.ERROR,
    "simple_zscore does not follow from value, peer_mean and peer_std",
    "Signals are ranked by this number",
    "Compute the node again: (value - peer_mean) / max(peer_std, std_floor)",
)
ROBUST_ZSCORE = Rule(
    "QC613",
    "robust-zscore-differs",
    Severity.ERROR,
    "robust_zscore does not follow from value, median and scaled MAD of the facet",
    "Signals without a simple z-score are ranked by this number",
    "Compute the node again: (value - median) / max(1.4826 MAD, mad_floor)",
)
PERCENTILE_RANK = Rule(
    "QC614",
    "percentile-rank-differs",
    Severity.ERROR,
    "percentile_rank is not the midpoint rank of the value within its facet",
    "The dashboard shows it as the entity's place among its peers",
    "Compute the node again: 100 (below + equal / 2) / n, the entity itself included",
)
PEER_COUNT = Rule(
    "QC615",
    "peer-count-differs",
    Severity.ERROR,
    "peer_count is not the number of entities of the facet that have statistics",
    "Readers judge a comparison by the number of peers",
    "Compute the node again; temporal methods have no peer_count",
)

RULES = (PEER_MEAN, PEER_STD, SIMPLE_ZSCORE, ROBUST_ZSCORE, PERCENTILE_RANK, PEER_COUNT)

AGGREGATE_METHODS = ("simple_zscore", "robust_zscore")
PEER_COUNT_PATH = "/statistical_methods/{position}/runtime/anomaly_statistics/peer_count"

_WRITTEN = pl.col("metric_value")
_FLOOR = pl.col("std_floor").fill_null(0.0)
_ABSENT_IN_LEGACY = ~pl.col("legacy")


_SIMPLE = (
    Comparison(
        PEER_MEAN,
        "peer_mean",
        (pl.col("mean"),),
        "peer_mean is not the mean of the facet's values",
        when=_ABSENT_IN_LEGACY | pl.col("peer_mean").is_not_null(),
    ),
    Comparison(
        PEER_STD,
        "peer_std",
        (pl.col("std"),),
        "peer_std is not the standard deviation of the facet's values",
        when=_ABSENT_IN_LEGACY | pl.col("peer_std").is_not_null(),
    ),
    Comparison(
        SIMPLE_ZSCORE,
        "simple_zscore",
        (
            (_WRITTEN - pl.col("peer_mean")) / pl.max_horizontal("peer_std", _FLOOR),
            (_WRITTEN - pl.col("mean")) / pl.max_horizontal("std", _FLOOR),
        ),
        "simple_zscore does not follow from value, peer_mean and peer_std",
    ),
    Comparison(
        PERCENTILE_RANK,
        "percentile_rank",
        (pl.col("value_rank"), pl.col("score_rank")),
        "percentile_rank is not the midpoint rank of the value within its facet",
        when=_ABSENT_IN_LEGACY | pl.col("percentile_rank").is_not_null(),
    ),
)
_ROBUST = (
    Comparison(
        ROBUST_ZSCORE,
        "robust_zscore",
        tuple(
            (_WRITTEN - pl.col(median)) / pl.max_horizontal(mad, pl.col("mad_floor").fill_null(0.0))
            for median, mad in (("global_metric_median", "global_mad"), ("median", "mad"))
        ),
        "robust_zscore does not follow from value, median and MAD of the facet",
        when=~pl.col("winsor_applied").fill_null(False) & ~pl.col("repaired"),
    ),
)
_COUNTS = (
    Comparison(
        PEER_COUNT,
        "peer_count",
        (pl.col("entity_with_statistics_count"), pl.col("n"), pl.col("none")),
        "peer_count is not the number of peers with statistics",
        path=PEER_COUNT_PATH,
        when=pl.col("peer_count").is_not_null() | (pl.col("live") & _ABSENT_IN_LEGACY),
    ),
)
COMPARISONS = (*_SIMPLE, *_ROBUST, *_COUNTS)


@derived
def aggregate_defects(data: RunData) -> pl.DataFrame:
    """Statistics of aggregate entities that follow neither from what is written nor from the values."""
    own = of_method(data, *AGGREGATE_METHODS).filter(~pl.col("temporal"))
    sound = values(data).select("entity_key", repaired=pl.col("sound").ne_missing(pl.col("value")))
    rows = (
        own.join(_headers(data).lazy(), on=(*FACET, "statistical_method"), how="left", maintain_order="left")
        .join(facets(data).lazy(), on=FACET, how="left", maintain_order="left")
        .join(facet_sizes(data).lazy(), on=FACET, how="left", maintain_order="left")
        .filter(pl.col("counted").fill_null(True))
        .join(sound.lazy(), on="entity_key", how="left", maintain_order="left")
        .with_columns(
            pl.col("repaired").fill_null(False),
            none=pl.when(pl.col("known") < pl.col("min_peer_count")).then(0),
        )
    )
    by = (*FACET, "method_name")
    live = rows.filter("live").with_columns(
        value_rank=midpoint_rank("metric_value", by), score_rank=midpoint_rank("simple_zscore", by)
    )
    # Too few peers or no value, and no score: that it should be suppressed is for others to tell.
    void = ~pl.col("scored") & (
        (pl.col("known") < pl.col("min_peer_count")) | pl.col("metric_value").is_null()
    )
    judged = live.filter(~pl.col("suppressed") & ~void.fill_null(False))
    simple, robust = (judged.filter(pl.col("method_name") == name) for name in AGGREGATE_METHODS)
    return pl.concat(
        [compare(simple, _SIMPLE), compare(robust, _ROBUST), compare(rows, _COUNTS)], how="diagonal"
    )


def _headers(data: RunData) -> pl.DataFrame:
    return data.frames["raw_global_statistics"].select(
        "canonical_node_id",
        "statistical_method",
        "entity_with_statistics_count",
        "global_metric_median",
        "global_mad",
        "std_floor",
        "mad_floor",
        "winsor_applied",
        entity_dimensions_hash="facet_dimensions_hash",
    )


def check_aggregates(data: RunData) -> list[Finding]:
    """Peer statistics, z-scores, ranks and counts of aggregate entities."""
    temporal = methods(data).lazy().filter(pl.col("temporal") & pl.col("peer_count").is_not_null())
    return report(aggregate_defects(data), COMPARISONS) + fold(
        PEER_COUNT,
        temporal.collect(),
        "a method of a temporal node has a peer_count",
        json_path=lambda row: PEER_COUNT_PATH.format(**row),
        actual=lambda row: str(row["peer_count"]),
    )


CHECKS = (check_aggregates,)
