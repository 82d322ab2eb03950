"""QC645-QC648: timelines, and the counts that are kept of them."""

from __future__ import annotations

import polars as pl

from contracts.derived import of_method, points, trends
from contracts.findings import Finding, Severity
from contracts.rules.folding import Row, fold
from contracts.rules.rule import Rule
from contracts.rules.statistics.comparison import Comparison, compare, report
from contracts.run_data import RunData

TIMELINE_ORDER = Rule(
    "QC645",
    "timeline-order",
    Severity.ERROR,
    "The months of a timeline do not ascend",
    "Slopes and latest values assume that time goes on",
    "Sort the points by period and write each month once",
)
TIMELINE_WINDOW = Rule(
    "QC646",
    "timeline-window",
    Severity.ERROR,
    "A timeline leaves the node's window, or lacks months although all are said to be observed",
    "The dashboard draws every timeline of a node on the same axis",
    "Compute the node again, or correct the temporal context in index and header",
)
OBSERVED_COUNTS = Rule(
    "QC647",
    "temporal-runtime-differs",
    Severity.ERROR,
    "observed_count, missing_count or coverage_ratio are not those of the timeline",
    "Readers judge a trend by how complete it is",
    "Compute the node again",
)
PERIOD_COUNTS = Rule(
    "QC648",
    "period-counts-differ",
    Severity.WARNING,
    "observations, periods, period_count or latest_period are not those of the timeline",
    "Readers judge a trend by how many months it has",
    "Compute the node again; months without a value may explain a difference",
)

RULES = (TIMELINE_ORDER, TIMELINE_WINDOW, OBSERVED_COUNTS, PERIOD_COUNTS)

TIMELINE_PATH = "/metric/0/values/timeline"

_OBSERVED = (pl.col("observed_count") == pl.col("observed")).fill_null(True)
"""Other counts follow from this one."""
_RUNTIME = tuple(
    Comparison(
        OBSERVED_COUNTS,
        column,
        (expected,),
        f"{column} is not that of the timeline",
        path="/metric/0/temporal_runtime/{column}",
        when=pl.col(column).is_not_null() & told,
    )
    for column, expected, told in (
        ("observed_count", pl.col("observed"), pl.lit(True)),
        ("missing_count", pl.col("timeline_length") - pl.col("observed"), _OBSERVED),
        ("coverage_ratio", pl.col("observed") / pl.col("timeline_length"), _OBSERVED),
    )
)
_SLOPE = pl.col("method_name") == "slope_percentile"
_GIVEN = ~pl.col("suppressed") & ~pl.col("legacy") & pl.col("readable")
"""Whether a method must say how many months it has, under its own names, and nothing it said was refused."""
_PERIODS = tuple(
    Comparison(
        PERIOD_COUNTS,
        column,
        (expected,),
        f"{column} is not that of the timeline",
        when=pl.col(column).is_not_null() | (_GIVEN & own),
    )
    for column, expected, own in (
        ("observations", pl.col("observed"), ~_SLOPE),
        ("periods", pl.col("timeline_length"), ~_SLOPE),
        ("period_count", pl.col("timeline_length"), _SLOPE),
    )
)


def check_timeline_counts(data: RunData) -> list[Finding]:
    """Order and window of timelines, and counts of their points."""
    timelines = trends(data)
    if timelines.is_empty():
        return []
    last = pl.col("periods").list.last()
    astray = pl.any_horizontal("disordered", "outside", "lacking")
    lists = timelines.filter(~astray & _OBSERVED).select(
        "entity_key", "observed", "timeline_length", last=last
    )
    names = ("trending_simple_zscore", "trending_robust_zscore", "slope_percentile")
    readable = ~pl.col("source_file").is_in(sorted(data.broken_files))
    rows = (
        of_method(data, *names)
        .join(lists.lazy(), on="entity_key", maintain_order="left")
        .with_columns(readable=readable)
    )
    return [
        *_order(data),
        *_windows(timelines),
        *report(compare(timelines.filter(~astray), _RUNTIME), _RUNTIME),
        *report(compare(rows, _PERIODS), _PERIODS),
        *_latest_periods(rows),
    ]


def _order(data: RunData) -> list[Finding]:
    wrong = trends(data).filter("disordered")
    before = points(data).join(wrong.select("entity", *_PLACE), on="entity", maintain_order="left")
    late = before.with_columns(before=pl.col("period").shift(1).over("entity")).filter(
        pl.col("period") <= pl.col("before")
    )
    return fold(
        TIMELINE_ORDER,
        late.unique("entity", keep="first", maintain_order=True),
        "the month does not follow the one before it",
        json_path=lambda row: f"{TIMELINE_PATH}/{row['index']}/period",
        expected=lambda row: f"after {row['before']}",
        actual=lambda row: row["period"],
    )


_PLACE = ("source_file", "line_number", "facility_id", "entity_dimensions")


def _windows(timelines: pl.DataFrame) -> list[Finding]:
    found = fold(
        TIMELINE_WINDOW,
        timelines.filter("outside"),
        "the timeline leaves the node's window",
        json_path=TIMELINE_PATH,
        expected=_window,
        actual=lambda row: f"{row['periods'][0]} to {row['periods'][-1]}",
    )
    return found + fold(
        TIMELINE_WINDOW,
        timelines.filter("lacking"),
        "the timeline lacks months although all are said to be observed",
        json_path=TIMELINE_PATH,
        expected=_window,
        actual=lambda row: f"{row['timeline_length']} months",
    )


def _window(row: Row) -> str:
    return f"{row['start_period']} to {row['end_period']}"


def _latest_periods(rows: pl.LazyFrame) -> list[Finding]:
    written = pl.col("latest_period").str.replace("-", "", literal=True)
    told = _GIVEN & ~_SLOPE & pl.col("last").is_not_null()
    return fold(
        PERIOD_COUNTS,
        rows.filter((written != pl.col("last")) | (written.is_null() & told)).collect(),
        "latest_period is not the last month of the timeline",
        json_path=lambda row: f"/statistical_methods/{row['position']}/statistics/latest_period",
        expected=lambda row: row["last"],
        actual=lambda row: row["latest_period"] or "null",
    )


CHECKS = (check_timeline_counts,)
