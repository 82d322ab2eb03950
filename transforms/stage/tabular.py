"""Rows of CSV artifacts: cells by column name, with the line each row starts on."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator

from contracts.findings import Severity
from contracts.rules.parsing import INVALID_CSV
from transforms.stage.reader import Source

Row = dict[str, str]


def read_rows(
    source: Source,
    relative: str,
    required: tuple[str, ...],
    severity_of_missing: Severity = Severity.ERROR,
) -> Iterator[tuple[int, Row]]:
    """Line number and cells of each row; none (reported) where a ``required`` column is missing.

    Rows with too few or too many cells are reported and left out.
    """
    lines = source.lines(relative)
    numbers = [0]

    def texts() -> Iterator[str]:
        for number, line in lines:
            numbers[0] = number
            yield line.decode()

    reader = csv.reader(texts(), strict=True)
    header: list[str] | None = None
    start = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            _report(source, relative, numbers[0], str(error), None)
            continue
        if cells is None:
            return
        if header is None:
            header = cells
            if not _complete(source, relative, header, required, numbers[0], severity_of_missing):
                return
        elif len(cells) != len(header):
            message = f"the row has {len(cells)} cells, the header has {len(header)}"
            _report(source, relative, start, message, ",".join(cells))
        else:
            yield start, dict(zip(header, cells, strict=True))
        start = numbers[0] + 1


def finite(text: str | None) -> float | None:
    """The number ``text`` spells; None where it spells none, or NaN or an infinity."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _complete(
    source: Source, relative: str, header: list[str], required: tuple[str, ...], line: int, severity: Severity
) -> bool:
    missing = [name for name in required if name not in header]
    repeated = sorted({name for name in header if header.count(name) > 1})
    if missing:
        _report(source, relative, line, f"column {', '.join(missing)} is missing", ",".join(header), severity)
    if repeated:
        _report(source, relative, line, f"column {', '.join(repeated)} is there twice", ",".join(header))
    return not missing and not repeated


def _report(
    source: Source,
    relative: str,
    line: int,
    message: str,
    actual: str | None,
    severity: Severity = Severity.ERROR,
) -> None:
    excerpt = None if actual is None else actual[:80]
    source.findings.append(
        INVALID_CSV.finding(message, file=relative, line=line, actual=excerpt, severity=severity)
    )
