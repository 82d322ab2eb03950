"""What commands print: data on stdout, progress and messages on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from transforms.progress import Advance, NoProgress, Progress

if TYPE_CHECKING:
    import polars as pl


def print_json(document: Any) -> None:
    """Write ``document`` to stdout as one JSON document."""
    sys.stdout.write(json.dumps(document, indent=2, default=str, ensure_ascii=False) + "\n")


def print_text(text: str) -> None:
    """Write a line of the result to stdout."""
    sys.stdout.write(text + "\n")


def print_line(text: str) -> None:
    """As ``print_text``, seen at once by whoever reads the other end of a pipe."""
    print_text(text)
    sys.stdout.flush()


def note(text: str) -> None:
    """Write a message to people to stderr."""
    sys.stderr.write(text + "\n")


def print_table(headers: list[str], rows: list[list[str]]) -> None:
    """Write ``rows`` as aligned columns to stdout."""
    widths = [max(len(row[index]) for row in [headers, *rows]) for index in range(len(headers))]
    for row in [headers, *rows]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print_text("  ".join(cells).rstrip())


def print_frame(frame: pl.DataFrame) -> None:
    """Write a frame as aligned columns to stdout; floats with four significant digits."""
    rows = [[_cell(value) for value in row] for row in frame.iter_rows()]
    print_table([name.upper() for name in frame.columns], rows)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Progress on stderr where that is a terminal, none elsewhere."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield NoProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<20}"), BarColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        yield _RichProgress(bars)


class _RichProgress:
    def __init__(self, bars: Any) -> None:
        self._bars = bars

    @contextmanager
    def step(self, name: str, total: int | None = None) -> Iterator[Advance]:
        task = self._bars.add_task(name, total=total)
        yield lambda amount: self._bars.advance(task, amount)
        # Estimates (bytes of files not read, say) may stop short of the end.
        self._bars.update(task, total=total or 1, completed=total or 1)
