"""classification_summary.csv, named and typed as the classifications it sums up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
_BOOLEANS = {"True": True, "False": False, "true": True, "false": False}


def stage_classification_summary(source: Source, keys: KeyRing, grouped_by: frozenset[str]) -> Shard:
    """Rows of the summary that can be read; empty where the run was not classified.

    ``grouped_by`` are the fields that nodes group by: columns of those names are dimensions.
    """
    builder = FrameBuilder(
        CLASSIFICATION_SUMMARY,
        tuple(name for name in CLASSIFICATION_SUMMARY.column_names if name != "source_file"),
        source.findings.append,
    )
    dimensions = grouped_by | {*DIMENSION_TITLES, FACILITY}
    cells = [(column.name, _READERS[column.type]) for column in _VALUES]
    for line, row in read_rows(source, CLASSIFICATION_SUMMARY_FILE, _REQUIRED):
        values = {name: read(row[name]) if row[name] else None for name, read in cells}
        wrong = [name for name, value in values.items() if value is None and row[name]]
        if wrong:
            _bad_cells(source, line, wrong, row)
        else:
            identity = _identity(row, keys, dimensions)
            builder.add((*identity, *values.values(), row.get("timestamp") or None, line))
    builder.flush(source_file=CLASSIFICATION_SUMMARY_FILE)
    return Shard({CLASSIFICATION_SUMMARY.name: builder.frame()})


def _identity(row: Row, keys: KeyRing, dimensions: frozenset[str]) -> tuple[str, ...]:
    facility = row[FACILITY]
    found = keys.dimensions((name, text) for name, text in row.items() if text and name in dimensions)
    return (
        row["run_id"],
        keys.entity_key(row["metric_id"], row["node_id"], facility, found.hash),
        row["node_id"],
        row["metric_id"],
        facility,
        found.text,
        found.hash,
    )


def _bad_cells(source: Source, line: int, columns: list[str], row: Row) -> None:
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


_READERS: dict[ColumnType, Callable[[str], Any]] = {
    ColumnType.TEXT: str,
    ColumnType.INTEGER: finite,
    ColumnType.FLOAT: finite,
    ColumnType.BOOLEAN: _BOOLEANS.get,
}
