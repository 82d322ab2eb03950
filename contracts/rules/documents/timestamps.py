"""QC931, QC932: the stages of a run follow each other in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl

from contracts.findings import Finding, Severity
from contracts.json_values import text_at
from contracts.rules.folding import fold
from contracts.rules.rule import Rule
from contracts.run_data import RunData

STAGE_ORDER = Rule(
    "QC931",
    "stage-order",
    Severity.WARNING,
    "A stage of the run is older than the stage before it, or a classified row not younger than the last",
    "A document may be left over from an earlier export",
    "Run the later stage again",
)
UNREADABLE_TIME = Rule(
    "QC932",
    "unreadable-timestamp",
    Severity.WARNING,
    "A timestamp cannot be read",
    "It is shown as written and cannot be compared",
    "Write ISO 8601 with an offset, e.g. 2026-01-15T16:52:46+00:00",
)

RULES = (STAGE_ORDER, UNREADABLE_TIME)

SUMMARY = "analysis/classification/classification_summary.csv"
_BEFORE_ROWS = (
    ("run_manifest.json", "started_at"),
    ("metadata_bundle.json", "generated_at"),
    ("run_manifest.semantic.json", "generated_at"),
    ("validation_report.json", "timestamp"),
    ("analysis/contribution/index.json", "generated_at"),
)
_AFTER_ROWS = (
    ("analysis/classification/index.json", "generated_at"),
    ("analysis/classification/manifest.json", "generated_at"),
    ("validation_analytics_report.json", "timestamp"),
)
_OFFSET = "+00:00Z"
_DOUBLED_ZONE = r"\+00:00Z$"


def check_timestamps(data: RunData) -> list[Finding]:
    """Timestamps of the stages, in the order engines run them, and of the rows of the summary."""
    findings = _rows(data)
    stages: list[tuple[str, int | None, str, datetime]] = []
    for file, line, path, text in _stages(data):
        instant = parse_instant(text)
        if instant is not None:
            stages.append((file, line, path, instant))
        elif file != SUMMARY:
            findings.append(
                UNREADABLE_TIME.finding(
                    "the timestamp has no form that is known",
                    file=file,
                    line=line,
                    json_path=path,
                    actual=text,
                )
            )
    for before, after in pairwise(stages):
        if after[3] < before[3]:
            findings.append(
                STAGE_ORDER.finding(
                    f"the timestamp is before that of {before[0]}",
                    file=after[0],
                    line=after[1],
                    json_path=after[2],
                    expected=f"{before[3].isoformat()} or later",
                    actual=after[3].isoformat(),
                )
            )
    return findings


def parse_instant(text: str) -> datetime | None:
    """The instant an engine wrote in any of its four spellings; None for anything else.

    Classification manifests end in ``+00:00Z``, a doubled zone: the ``Z`` is dropped.
    """
    if text.endswith(_OFFSET):
        text = text[:-1]
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if isinstance(instant.utcoffset(), timedelta) else None


def instants(texts: pl.Series) -> pl.Series:
    """What ``parse_instant`` reads in each text, in UTC: the spellings of engines all at once."""
    usual = pl.lit(texts).str.replace(_DOUBLED_ZONE, "+00:00")
    read = pl.select(usual.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)).to_series()
    odd = read.is_null() & texts.is_not_null()
    if not odd.any():
        return read
    rarer = [parse_instant(text) if is_odd else None for text, is_odd in zip(texts, odd, strict=True)]
    in_utc = [None if instant is None else instant.astimezone(UTC) for instant in rarer]
    return pl.select(pl.coalesce(read, pl.Series(in_utc, dtype=read.dtype))).to_series()


def _rows(data: RunData) -> list[Finding]:
    """Rows of the summary whose timestamp cannot be read, or that are not younger than the row above."""
    summary = data.auxiliary["classification_summary"]
    rows = summary.with_columns(instant=instants(summary["classified_at"]))
    unknown = rows.filter(pl.col("instant").is_null() & pl.col("classified_at").is_not_null())
    late = rows.with_columns(before=pl.col("instant").shift(1)).filter(pl.col("instant") <= pl.col("before"))
    return [
        *fold(
            UNREADABLE_TIME,
            unknown,
            "the timestamp has no form that is known",
            json_path="/timestamp",
            actual=lambda row: row["classified_at"],
        ),
        *fold(
            STAGE_ORDER,
            late,
            "the timestamp is not after that of the row above",
            json_path="/timestamp",
            expected=lambda row: f"after {row['before'].isoformat()}",
            actual=lambda row: row["instant"].isoformat(),
        ),
    ]


def _stages(data: RunData) -> Iterator[tuple[str, int | None, str, str]]:
    for file, field in _BEFORE_ROWS:
        yield from _written(data, file, field)
    rows = data.auxiliary["classification_summary"].select("line_number", "classified_at").drop_nulls()
    if rows.height:
        for line, text in dict.fromkeys((rows.row(0), rows.row(-1))):
            yield SUMMARY, line, "/timestamp", text
    for file, field in _AFTER_ROWS:
        yield from _written(data, file, field)


def _written(data: RunData, file: str, field: str) -> Iterator[tuple[str, None, str, str]]:
    text = text_at(data.document(file), field)
    if text is not None:
        yield file, None, f"/{field}", text
