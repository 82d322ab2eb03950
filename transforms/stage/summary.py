"""classification_summary.csv, named and typed as the classifications it sums up."""

from __future__ import annotations

import math
from operator import itemgetter

from contracts.columns import ColumnType
from contracts.rules.parsing import INVALID_CSV
from contracts.tables.auxiliary import CLASSIFICATION_SUMMARY
from transforms.stage.classifications import CLASSIFICATION_DIRECTORY
from transforms.stage.frames import FrameBuilder
from transforms.stage.keys import DIMENSION_TITLES, FACILITY, KeyRing
from transforms.stage.reader import Source
from transforms.stage.shards import Shard
from transforms.stage.tabular import Row, finite, read_rows

CLASSIFICATION_SUMMARY_FILE = f"{CLASSIFICATION_DIRECTORY}/classification_summary.csv"

_VALUES = CLASSIFICATION_SUMMARY.columns[7:-3]
_REQUIRED = (
    "run_id",
    "node_id",
    "metric_id",
    FACILITY,
    *(column.name for column in _VALUES),
)
_BOOLEANS: dict[str, bool | None] = {"": None, "True": True, "False": False, "true": True, "false": False}


def _named(*types: ColumnType) -> tuple[str, ...]:
    return tuple(column.name for column in _VALUES if column.type in types)


_TEXTS = _named(ColumnType.TEXT)
_NUMBERS = _named(ColumnType.INTEGER, ColumnType.FLOAT)
_TRUTHS = _named(ColumnType.BOOLEAN)
_texts, _numbers, _truths = (itemgetter(*names) for names in (_TEXTS, _NUMBERS, _TRUTHS))
_COLUMNS = (
    *CLASSIFICATION_SUMMARY.column_names[:7],
    *_TEXTS,
    *_NUMBERS,
    *_TRUTHS,
    "classified_at",
    "line_number",
)


def stage_classification_summary(source: Source, keys: KeyRing, grouped_by: frozenset[str]) -> Shard:
    """Rows of the summary that can be read; empty where the run was not classified.

    ``grouped_by`` are the fields that nodes group by: columns of those names are dimensions.
    """
    builder = FrameBuilder(CLASSIFICATION_SUMMARY, _COLUMNS, source.findings.append)
    known = (grouped_by | {*DIMENSION_TITLES}) - {FACILITY}
    dimensions: list[str] | None = None
    for line, row in read_rows(source, CLASSIFICATION_SUMMARY_FILE, _REQUIRED):
        if dimensions is None:
            dimensions = [name for name in row if name in known]
        try:
            values = _values(row)
        except (ValueError, KeyError):
            _bad_cells(source, line, row)
        else:
            identity = _identity(row, keys, dimensions)
            builder.add((*identity, *values, row.get("timestamp") or None, line))
    builder.flush(source_file=CLASSIFICATION_SUMMARY_FILE)
    return Shard({CLASSIFICATION_SUMMARY.name: builder.frame()})


def _values(row: Row) -> tuple[object, ...]:
    """Values of the row's cells, in the order of columns. Raises ValueError or KeyError where one is none."""
    numbers = [float(cell) if cell else None for cell in _numbers(row)]
    # Hardly ever a sum is not finite; only then each number is looked at.
    if not math.isfinite(sum(filter(None, numbers))) and not all(map(math.isfinite, filter(None, numbers))):
        raise ValueError("a number is not finite")
    return (
        *[cell or None for cell in _texts(row)],
        *numbers,
        *[_BOOLEANS[cell] for cell in _truths(row)],
    )


def _identity(row: Row, keys: KeyRing, dimensions: list[str]) -> tuple[str, ...]:
    facility = row[FACILITY]
    found = keys.dimensions([(name, row[name]) for name in dimensions if row[name]])
    return (
        row["run_id"],
        keys.entity_key(row["metric_id"], row["node_id"], facility, found.hash),
        row["node_id"],
        row["metric_id"],
        facility,
        found.text,
        found.hash,
    )


def _bad_cells(source: Source, line: int, row: Row) -> None:
    columns = [
        column.name
        for column in _VALUES
        if (column.name in _NUMBERS and row[column.name] and finite(row[column.name]) is None)
        or (column.name in _TRUTHS and row[column.name] not in _BOOLEANS)
    ]
    verb = "holds" if len(columns) == 1 else "hold"
    source.findings.append(
        INVALID_CSV.finding(
            f"{', '.join(columns)} {verb} no value of the column's type",
            file=CLASSIFICATION_SUMMARY_FILE,
            line=line,
            json_path=f"/{columns[0]}",
            actual=row[columns[0]][:80],
        )
    )
