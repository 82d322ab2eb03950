"""Collect rows column by column and turn them into the frame of a declared table."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from contracts.columns import ColumnType, Table
from contracts.findings import Finding
from contracts.rules.schema import OUT_OF_RANGE, WRONG_TYPE
from contracts.schemas import INTEGER_LIMIT, NO_COUNT, json_pointer, polars_schema

EXACT_INTEGERS = 2**53
"""Up to here every integer is a double too."""

_LOOKED_AT = 64
"""Values that tell whether a column repeats what it holds."""
_WITHIN_A_ROW = 12
"""Bytes of text that stand in the row itself, wherever else they do."""


def empty_frame(table: Table) -> pl.DataFrame:
    """A frame of ``table`` without rows."""
    return pl.DataFrame(schema=polars_schema(table))


class FrameBuilder:
    """Gathers rows of one table in batches; each batch shares some constant columns.

    ``add`` takes the varying values in the order of ``columns``; ``flush`` closes a batch.
    Integer columns take integral floats, as engines write counts either way; other numbers
    become null and a finding, given to ``report``.
    """

    def __init__(
        self, table: Table, columns: tuple[str, ...], report: Callable[[Finding], None] | None = None
    ) -> None:
        self._table = table
        self._schema = polars_schema(table)
        self._columns = columns
        self._integers = [
            column.name
            for column in table.columns
            if column.type is ColumnType.INTEGER and column.name in columns
        ]
        self._report = report
        # Values of all rows one after the other: a tuple kept for each row costs more to make and to look up.
        self._values: list[Any] = []
        self._frames: list[pl.DataFrame] = []
        self.add: Callable[[tuple[Any, ...]], None] = self._values.extend

    def flush(self, **constants: str | int | None) -> None:
        """Turn the rows added since the last flush into a frame, ``constants`` on every row."""
        if not self._values:
            return
        schema: dict[str, Any] = {name: self._schema[name] for name in self._columns}
        schema |= dict.fromkeys(self._integers, pl.Float64)
        try:
            frame = _columns(self._values, schema)
        except OverflowError:
            frame = _columns(list(map(_bounded, self._values)), schema)
        # One pass over all columns, here and below: a pass for each costs more than the rows of most files.
        inexact = frame.select_seq(_inexact(name).any() for name in self._integers)
        odd = [
            self._integer_column(frame, name, constants) for name in self._integers if inexact[name].item()
        ]
        self._values.clear()
        if odd:
            frame = frame.with_columns(odd)
        self._frames.append(frame.select_seq(self._declared(constants)))

    def frame(self) -> pl.DataFrame:
        """All batches as one frame with the declared columns."""
        if not self._frames:
            return empty_frame(self._table)
        return pl.concat(self._frames, rechunk=True)

    def _declared(self, constants: dict[str, str | int | None]) -> Iterator[pl.Expr]:
        """Every column of the table: as gathered, constant, or null."""
        for name, dtype in self._schema.items():
            if name in constants:
                yield pl.lit(constants[name], dtype=dtype).alias(name)
            elif name in self._columns:
                yield pl.col(name).cast(dtype)
            else:
                yield pl.lit(None, dtype=dtype).alias(name)

    def _integer_column(
        self, frame: pl.DataFrame, name: str, constants: dict[str, str | int | None]
    ) -> pl.Series:
        position = self._columns.index(name)
        values: list[int | None] = []
        for number, value in enumerate(self._values[position :: len(self._columns)]):
            if value is None or (value == int(value) and abs(value) < INTEGER_LIMIT):
                values.append(None if value is None else int(value))
                continue
            values.append(None)
            line = frame["line_number"][number] if "line_number" in frame.columns else None
            self._reject(name, value, line, constants)
        return pl.Series(name, values, dtype=pl.Int64)

    def _reject(
        self, name: str, value: float, line: float | None, constants: dict[str, str | int | None]
    ) -> None:
        if self._report is None:
            raise ValueError(f"{self._table.name}.{name}: {value} is not a 64-bit integer")
        whole = value == int(value)
        rule = OUT_OF_RANGE if whole else WRONG_TYPE
        self._report(
            rule.finding(
                f"{self._table.name}.{name}: {NO_COUNT['bits' if whole else 'whole']}",
                file=str(constants["source_file"]) if "source_file" in constants else None,
                line=None if line is None else int(line),
                json_path=json_pointer(self._table, name),
                actual=str(value)[:40],
            )
        )


def _inexact(name: str) -> pl.Expr:
    """Where a number is no integer, or one so great that a float may not tell it from its neighbours."""
    value = pl.col(name)
    return (value != value.floor()) | (value.abs() > EXACT_INTEGERS)


def _columns(values: list[Any], schema: dict[str, Any]) -> pl.DataFrame:
    """Rows, whose ``values`` follow each other, as a frame: half the time of handing Polars the rows."""
    return pl.DataFrame(
        [
            _column(name, values[position :: len(schema)], dtype)
            for position, (name, dtype) in enumerate(schema.items())
        ]
    )


def _column(name: str, values: list[Any], dtype: Any) -> pl.Series:
    """A column; text that repeats stands in memory once, and is 16 bytes in each row."""
    if dtype is not pl.String or not _repeats(set(values[:_LOOKED_AT])):
        return pl.Series(name, values, dtype=dtype)
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    rows = pl.Series(list(map(places.__getitem__, values)), dtype=pl.UInt32)
    return pl.Series(name, list(places), dtype=dtype)[rows]


def _repeats(some: set[str | None]) -> bool:
    """Whether a column whose first values are ``some`` tends to repeat texts that are worth sharing."""
    return len(some) <= _LOOKED_AT // 2 and any(text and len(text) > _WITHIN_A_ROW for text in some)


def _bounded(value: Any) -> Any:
    """``value``, an integer of more bits than Polars takes replaced by an infinity."""
    return math.inf if isinstance(value, int) and abs(value) >= INTEGER_LIMIT else value
