"""QC931, QC932: the stages of a run follow each other in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from contracts.findings import Finding, Severity
from contracts.json_values import text_at
from contracts.rules.rule import Rule
from contracts.run_data import RunData

STAGE_ORDER = Rule(
    "QC931",
    "stage-order",
    Severity.WARNING,
    "A stage of the run is older than the stage before it",
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


def check_timestamps(data: RunData) -> list[Finding]:
    """Timestamps of the stages, in the order engines run them."""
    findings: list[Finding] = []
    stages: list[tuple[str, int | None, str, datetime]] = []
    for file, line, path, text in _stages(data):
        instant = parse_instant(text)
        if instant is not None:
            stages.append((file, line, path, instant))
        else:
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
