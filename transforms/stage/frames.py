"""Collect rows column by column and turn them into the frame of a declared raw table."""

from __future__ import annotations

from typing import Any

import polars as pl

from contracts.columns import Table
from contracts.schemas import polars_schema

def empty_frame(table: Table) -> pl.DataFrame:
    """A frame of ``table`` without rows."""
    return pl.DataFrame(schema=polars_schema(table))


class FrameBuilder:
    """Gathers rows of one table in batches; each batch shares some constant columns.

    ``add`` takes the varying values in the order of ``columns``; ``flush`` closes a batch.
    """

    def __init__(self, table: Table, columns: tuple[str, ...]) -> None:
        self._table = table
        self._schema = polars_schema(table)
        self._columns = columns
        self._rows: list[tuple[Any, ...]] = []
        self._frames: list[pl.DataFrame] = []
        self.add = self._rows.append

    def flush(self, **constants: str | int | None) -> None:
        """Turn the rows added since the last flush into a frame, ``constants`` on every row."""
        if not self._rows:
            return
        schema = {name: self._schema[name] for name in self._columns}
        frame = pl.DataFrame(self._rows, schema=schema, orient="row")
        self._rows.clear()
        fixed = [pl.lit(value, dtype=self._schema[name]).alias(name) for name, value in constants.items()]
        self._frames.append(frame.with_columns(fixed).select(_complete(self._schema, frame, constants)))

    def frame(self) -> pl.DataFrame:
        """All batches as one frame with the declared columns."""
        if not self._frames:
            return empty_frame(self._table)
        return pl.concat(self._frames, rechunk=True)


def _complete(
    schema: dict[str, type[pl.DataType]], frame: pl.DataFrame, constants: dict[str, str | int | None]
) -> list[pl.Expr]:
    present = set(frame.columns) | set(constants)
    return [
        pl.col(name) if name in present else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in schema.items()
    ]
