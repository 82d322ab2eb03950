"""QC606-QC608: the facets that a header must have under each method, and what each must hold."""

from __future__ import annotations

import polars as pl

from contracts.derived import entities, nodes
from contracts.findings import Finding, Severity
from contracts.names import method_name
from contracts.rules.folding import Row, fold
from contracts.rules.rule import Rule
from contracts.rules.statistics.comparison import differs
from contracts.rules.statistics.headers import (
    FACET_COUNTS,
    FACET_PATH,
    METHOD,
    facets_without,
    headers,
    listed_methods,
)
from contracts.rules.statistics.peers import FACET, NODE
from contracts.run_data import RunData

FACET_MISSING = Rule(
    "QC607",
    "facet-missing",
    Severity.WARNING,
    "Entities and facets of the header do not match",
    "The entities of a facet that the header lacks have no benchmark",
    "Compute the node again",
)
NO_STATISTICS = Rule(
    "QC608",
    "header-statistics-missing",
    Severity.ERROR,
    "The header has no facet under a method that compares entities with their peers",
    "No entity of the node would have a benchmark",
    "Compute the node again; slope methods alone have no summary",
)

RULES = (FACET_MISSING, NO_STATISTICS)

_COMPARING = ("simple_zscore", "robust_zscore", "trending_simple_zscore", "trending_robust_zscore")
_COUNTS = ("record_count", "entity_count", "entity_with_statistics_count")
_GLOBAL_PATH = "/statistical_methods/{method}/summary/global_statistics/aggregate_statistics"


def check_facets(data: RunData) -> list[Finding]:
    """Facets of node headers, there and complete."""
    found = _without_statistics(data)
    frame = headers(data)
    if frame.is_empty():
        return found
    absent = facets_without(data, frame)
    return [
        *found,
        *_foreign(frame),
        *_missing(data, absent),
        *_uncounted(frame),
        *_records(frame.join(absent, on=METHOD, how="anti", maintain_order="left")),
    ]


def _without_statistics(data: RunData) -> list[Finding]:
    """Methods of headers that have no facet, though the node has entities."""
    described = nodes(data).select("canonical_node_id", "legacy")
    listed = listed_methods(data)
    comparing = [name for name in listed["statistical_method"].unique() if method_name(name) in _COMPARING]
    silent = (
        listed.filter(pl.col("statistical_method").is_in(comparing))
        .join(described, on=NODE, maintain_order="left")
        .join(data.frames["raw_global_statistics"].select(METHOD).unique(), on=METHOD, how="anti")
        .filter(~pl.col("legacy"))
        .with_columns(line_number=pl.lit(1))
    )
    return fold(
        NO_STATISTICS,
        silent,
        lambda row: f"the header has no statistics of {method_name(row['statistical_method'])}",
        json_path=lambda row: f"/statistical_methods/{row['method']}/summary",
    )


def _foreign(frame: pl.DataFrame) -> list[Finding]:
    """Facets without entities; the whole node is a facet of facility nodes and of pooled trends."""
    whole = pl.col("facet_dimensions") == "{}"
    foreign = frame.filter(pl.col("complete") & pl.col("entities").is_null() & ~(whole & pl.col("temporal")))
    found = fold(
        FACET_COUNTS,
        foreign.filter(~pl.col("faceted")),
        "a node without further dimensions has a facet with facet_values",
        json_path=lambda row: f"{FACET_PATH.format(**row)}/facet_values",
        expected="{}",
        actual=_dimensions,
    )
    return found + fold(
        FACET_MISSING,
        foreign.filter("faceted"),
        "no entity has the dimension values of the facet",
        json_path=lambda row: f"{FACET_PATH.format(**row)}/facet_values",
        actual=_dimensions,
    )


def _dimensions(row: Row) -> str:
    return str(row["facet_dimensions"])


def _missing(data: RunData, absent: pl.DataFrame) -> list[Finding]:
    """Entities without a facet, each once however many methods lack it."""
    if absent.is_empty():
        return []
    own = entities(data).select(*FACET, "facility_id", "entity_dimensions", "source_file", "line_number")
    return fold(
        FACET_MISSING,
        own.join(absent.unique(FACET, keep="first", maintain_order=True), on=FACET, maintain_order="left"),
        "the header has no facet for the entity",
        json_path="/entity",
        expected=lambda row: f"a facet under {row['statistical_method']}",
    )


def _uncounted(frame: pl.DataFrame) -> list[Finding]:
    """Facets that lack a count; legacy headers may."""
    lacking = pl.any_horizontal(pl.col(name).is_null() for name in _COUNTS)
    return fold(
        FACET_COUNTS,
        frame.filter(lacking & ~pl.col("legacy").fill_null(False)),
        lambda row: f"the facet lacks {', '.join(name for name in _COUNTS if row[name] is None)}",
        json_path=lambda row: f"{FACET_PATH.format(**row)}/facet_counts",
        expected=", ".join(_COUNTS),
    )


def _records(frame: pl.DataFrame) -> list[Finding]:
    """Records of a whole node, which its facets have together; how faceted nodes count is not settled."""
    summed = frame.group_by(*METHOD, "method", "source_file", "line_number", maintain_order=True).agg(
        pl.col("global_record_count", "faceted", "legacy", "complete").first(),
        pl.col("record_count").sum(),
        pl.col("most_records").sum(),
        counted=pl.col("record_count").is_not_null().all(),
    )
    written = pl.col("global_record_count")
    wrong = summed.filter(
        "counted",
        pl.when(written.is_null())
        .then(~pl.col("legacy") & ~pl.col("faceted"))
        .otherwise(differs(written, pl.col("record_count"), pl.col("most_records"))),
    )
    found: list[Finding] = []
    for faceted, severity in ((False, None), (True, Severity.WARNING)):
        found += fold(
            FACET_COUNTS,
            wrong.filter(pl.col("faceted") == faceted),
            "global_record_count is not the number of records of the facets",
            json_path=lambda row: f"{_GLOBAL_PATH.format(**row)}/global_record_count",
            expected=lambda row: str(row["record_count"]),
            actual=lambda row: (
                "null" if row["global_record_count"] is None else f"{row['global_record_count']:.0f}"
            ),
            severity=severity,
        )
    return found


CHECKS = (check_facets,)
