"""Classified entities as the rules over them see them."""

from __future__ import annotations

import polars as pl

from contracts.derived import derived
from contracts.rules.folding import Row
from contracts.run_data import RunData
from contracts.schemas import json_pointer
from contracts.tables.analysis import CLASSIFICATIONS as TABLE
from contracts.tables.analysis import SIGNAL_TYPES

CLASSIFICATIONS = "analysis/classification/classifications.jsonl"
SUMMARY = "analysis/classification/classification_summary.csv"
INDEX = "analysis/classification/index.json"
MANIFEST = "analysis/classification/manifest.json"

INPUTS = ("aggregate_zscore", "slope_percentile", "acceleration", "zscore_std", "max_abs_deviation")
VALUES = (
    "metric_id",
    "signal_type",
    "severity",
    "severity_range_min",
    "severity_range_max",
    *INPUTS,
    "position",
    "trend",
    "momentum",
    "consistency",
    "has_spike",
    "suppressed",
    "period_count",
)
"""Columns that lines and summary rows share."""


@derived
def classified(data: RunData) -> pl.DataFrame:
    """One row a classified entity, numbered by ``row``; those the schemas refuse are left out.

    The lines of classifications.jsonl, or the rows of the summary where the run lacks that file.
    """
    lines = data.frames["raw_classifications"]
    if CLASSIFICATIONS not in data.files:
        lines = pl.concat([lines.clear(), data.auxiliary["classification_summary"]], how="diagonal")
    bounded = [
        pl.col(column.name).is_between(column.minimum, column.maximum or float("inf")).fill_null(True)
        for column in TABLE.columns
        if column.minimum is not None
    ]
    sound = pl.all_horizontal(pl.col("signal_type").is_in(SIGNAL_TYPES), *bounded)
    return (
        lines.filter(sound)
        .unique("entity_key", keep="first", maintain_order=True)
        .with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
    )


def path(row: Row) -> str | None:
    """Where the column of a failing row stands in its line, or which cell of the summary it is."""
    column: str = row["column"]
    return f"/{column}" if row["source_file"] == SUMMARY else json_pointer(TABLE, column)
