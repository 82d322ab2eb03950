"""QC601-QC606: statistics and counts that node headers give for each facet."""

from __future__ import annotations

import polars as pl

from contracts.derived import derived, entities, nodes
from contracts.findings import Finding, Severity
from contracts.rules.folding import fold
from contracts.rules.rule import Rule
from contracts.rules.statistics.comparison import Comparison, compare, report
from contracts.rules.statistics.peers import FACET, NODE, facets, monthly, peer_statistics
from contracts.run_data import RunData

HEADER_MEAN = Rule(
    "QC601",
    "header-mean-differs",
    Severity.ERROR,
    "global_metric_mean is not the mean of the facet",
    "The dashboard shows it as the benchmark of every entity of the facet",
    "Compute the node again",
)
HEADER_STD = Rule(
    "QC602",
    "header-std-differs",
    Severity.ERROR,
    "global_metric_std is not the population standard deviation of the facet",
    "z-scores would be too large or too small",
    "Compute the node again; divide by the number of values, not by one less",
)
HEADER_MEDIAN = Rule(
    "QC603",
    "header-median-differs",
    Severity.ERROR,
    "global_metric_median is not the median of the facet",
    "Robust z-scores are distances from it",
    "Compute the node again",
)
HEADER_MAD = Rule(
    "QC604",
    "header-mad-differs",
    Severity.ERROR,
    "global_mad is not the scaled median absolute deviation of the facet",
    "Robust z-scores are measured in it",
    "Compute the node again; multiply the median absolute deviation by 1.4826",
)
FLOOR_FLAG = Rule(
    "QC605",
    "floor-flag-differs",
    Severity.WARNING,
    "A floor is said to be applied where the spread is above it, or the other way round",
    "Readers cannot tell whether z-scores were damped",
    "Compute the node again",
)
FACET_COUNTS = Rule(
    "QC606",
    "facet-counts-differ",
    Severity.ERROR,
    "A header does not count the entities and records of a facet, or of all facets, as they are",
    "Readers judge a comparison by the number of peers",
    "Compute the node again",
)

RULES = (HEADER_MEAN, HEADER_STD, HEADER_MEDIAN, HEADER_MAD, FLOOR_FLAG, FACET_COUNTS)

METHOD = (*NODE, "statistical_method")
FACET_PATH = "/statistical_methods/{method}/summary/global_statistics/facets/{facet}"
_STATISTICS = f"{FACET_PATH}/method_statistics/{{column}}"
_COUNTS_PATH = f"{FACET_PATH}/facet_counts/{{column}}"
_SMALL = pl.min_horizontal("entity_count", "with_value") < pl.col("min_peer_count").fill_null(0)
"""Statistics of facets without enough peers may be null."""
_ALL = "all"
_COUNTED = pl.col("entity_count").is_null() | (
    (pl.col("entity_count") == pl.col("entities")) | (pl.col("entity_count") == pl.col(f"entities_{_ALL}"))
).fill_null(False)
"""Where entities are missing from a facet or have joined it, its statistics must differ."""
_LEFT = (pl.col("entity_count") > pl.col("entities")).fill_null(False) & pl.col("strays").is_not_null()
"""Facets that entities without a facet may have left: the finding is about those entities."""

_STATISTIC_COMPARISONS = tuple(
    Comparison(
        rule,
        column,
        (pl.col(own), pl.col(f"{own}_{_ALL}")),
        f"{column} is not that of the facet's values",
        path=_STATISTICS,
        when=pl.col("complete") & _COUNTED & (pl.col(column).is_not_null() | (~_SMALL & needed)),
    )
    for rule, column, own, needed in (
        (HEADER_MEAN, "global_metric_mean", "mean", pl.lit(True)),
        (HEADER_STD, "global_metric_std", "std", ~pl.col("robust")),
        (HEADER_MEDIAN, "global_metric_median", "median", pl.col("robust")),
        (HEADER_MAD, "global_mad", "mad", pl.col("robust")),
    )
)
_COUNT_COMPARISONS = (
    Comparison(
        FACET_COUNTS,
        "entity_count",
        (pl.col("entities"), pl.col(f"entities_{_ALL}")),
        "entity_count is not the number of entities of the facet",
        path=_COUNTS_PATH,
        when=pl.col("complete") & pl.col("entity_count").is_not_null() & ~_LEFT,
    ),
    Comparison(
        FACET_COUNTS,
        "entity_with_statistics_count",
        (pl.col("with_value"), pl.col(f"with_value_{_ALL}"), pl.col("entities"), pl.col("none")),
        "entity_with_statistics_count is not the number of entities with a value",
        path=_COUNTS_PATH,
        when=pl.col("complete") & pl.col("entity_with_statistics_count").is_not_null() & ~_LEFT,
    ),
    Comparison(
        FACET_COUNTS,
        "record_count",
        (pl.col("most_records"),),
        "record_count exceeds entities times periods, or falls short of the known values",
        path=_COUNTS_PATH,
        when=pl.col("complete")
        & ~_LEFT
        & ((pl.col("record_count") > pl.col("most_records")) | (pl.col("record_count") < pl.col("n"))),
    ),
)
COMPARISONS = (*_STATISTIC_COMPARISONS, *_COUNT_COMPARISONS)


@derived
def headers(data: RunData) -> pl.DataFrame:
    """raw_global_statistics with positions in the header and statistics of the facet's entities.

    Columns that end in ``_all`` hold those of the whole node for temporal nodes, whose headers
    may pool a facet or the node.
    """
    names = listed_methods(data).unique(METHOD, keep="first").select(*METHOD, "method", "global_record_count")
    number = pl.int_range(pl.len()).over("canonical_node_id", "statistical_method")
    return (
        data.frames["raw_global_statistics"]
        .with_columns(facet=number, entity_dimensions_hash="facet_dimensions_hash")
        .join(names, on=["canonical_node_id", "statistical_method"], how="left", maintain_order="left")
        .join(
            nodes(data).select(
                "canonical_node_id", "temporal", "faceted", "complete", "legacy", "period_count"
            ),
            on="canonical_node_id",
            maintain_order="left",
        )
        .join(_facet_entities(data), on=FACET, how="left", maintain_order="left")
        .join(
            _facet_entities(data, _ALL).filter(pl.col("temporal_all")).drop("temporal_all"),
            on="canonical_node_id",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.col("complete").fill_null(False),
            robust=pl.col("method_name").str.contains("robust", literal=True),
            most_records=pl.coalesce("entities", f"entities_{_ALL}")
            * pl.when("temporal").then(pl.col("period_count")).otherwise(1),
            none=pl.when(_SMALL & pl.col("with_value").is_not_null()).then(0),
        )
    )


def listed_methods(data: RunData) -> pl.DataFrame:
    """One row a method that a header lists, with its position (``method``) and its count of records."""
    ids, counts = (
        pl.col(name).str.json_decode(pl.List(kind))
        for name, kind in (("statistical_methods", pl.String), ("record_counts", pl.Float64))
    )
    return (
        data.auxiliary["node_headers"]
        .select("canonical_node_id", "source_file", statistical_method=ids, global_record_count=counts)
        .with_columns(method=pl.int_ranges(0, pl.col("statistical_method").list.len()))
        .filter(pl.col("statistical_method").list.len() > 0)
        .explode("statistical_method", "global_record_count", "method")
    )


def _facet_entities(data: RunData, suffix: str = "") -> pl.DataFrame:
    """Counts and statistics of the entities of each facet, or of each whole node."""
    by = NODE if suffix else FACET
    has_value = pl.coalesce(pl.col("metric_value").is_not_null(), False) | (pl.col("known") > 0)
    own = entities(data).select(*FACET, "metric_value", "temporal", known=_known_points())
    counts = own.group_by(by).agg(
        pl.len().alias("entities"),
        has_value.sum().alias("with_value"),
        pl.col("temporal").first(),
    )
    pooled = peer_statistics(monthly(data), by)
    statistics = pooled if suffix else pl.concat([facets(data), pooled])
    joined = counts.join(statistics, on=by, how="left")
    if not suffix:
        return joined.drop("temporal")
    return joined.rename({name: f"{name}_{suffix}" for name in joined.columns if name not in by})


def _known_points() -> pl.Expr:
    """Points of a timeline that have a value; 0 where there is no timeline."""
    nulls = pl.col("timeline").str.count_matches('"value":null', literal=True)
    return (pl.col("timeline_length") - nulls).fill_null(0)


def check_headers(data: RunData) -> list[Finding]:
    """Facets of node headers against the entities below them."""
    frame = headers(data)
    if frame.is_empty():
        return []
    strays = facets_without(data, frame).select(METHOD).unique().with_columns(strays=True)
    frame = frame.join(strays, on=METHOD, how="left", maintain_order="left")
    return [*report(compare(frame, COMPARISONS), COMPARISONS), *_floors(frame)]


def facets_without(data: RunData, frame: pl.DataFrame) -> pl.DataFrame:
    """Facets of entities that methods of the header lack; one facet of a whole temporal node has all."""
    pooled = frame.filter(pl.col("temporal") & (pl.col("facet_dimensions") == "{}")).select(METHOD)
    by_facet = frame.select(METHOD).unique(maintain_order=True).join(pooled, on=METHOD, how="anti")
    own = entities(data).lazy().filter("complete").select(FACET).unique()
    missing = own.join(by_facet.lazy(), on="canonical_node_id").join(
        frame.lazy().select(*FACET, "statistical_method"), on=(*FACET, "statistical_method"), how="anti"
    )
    return missing.collect()


def _floors(frame: pl.DataFrame) -> list[Finding]:
    found: list[Finding] = []
    for flag, floor, spread, own in (
        ("std_floor_applied", "std_floor", "global_metric_std", "std"),
        ("mad_floor_applied", "mad_floor", "global_mad", "mad"),
    ):
        # A wrong spread has its own finding.
        readings = [pl.col(name) for name in (spread, own, f"{own}_{_ALL}")]
        fits = [(pl.col(flag) == (reading < pl.col(floor))).fill_null(False) for reading in readings]
        wrong = frame.filter(
            pl.col(spread).is_not_null() & pl.col(floor).is_not_null() & ~pl.any_horizontal(fits)
        )
        found += fold(
            FLOOR_FLAG,
            wrong,
            f"{flag} does not follow from {spread} and {floor}",
            json_path=lambda row, flag=flag: _STATISTICS.format(**row, column=flag),  # type: ignore[misc]
            expected=lambda row, flag=flag: "false" if row[flag] else "true",  # type: ignore[misc]
            actual=lambda row, flag=flag: "true" if row[flag] else "false",  # type: ignore[misc]
        )
    return found


CHECKS = (check_headers,)
