"""From arrays, where a missing number is NaN, to JSON values, where it is null."""

from __future__ import annotations

from transforms.synth.streams import FloatArray


def nullable(values: FloatArray) -> list[float | None]:
    """Elements of a one-dimensional array; None for NaN."""
    return [None if value != value else value for value in values.tolist()]


def nullable_rows(values: FloatArray) -> list[list[float | None]]:
    """Rows of a matrix; None for NaN."""
    return [[None if value != value else value for value in row] for row in values.tolist()]
