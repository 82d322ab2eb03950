"""What commands print: data on stdout, progress and messages on stderr."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from transforms.errors import UsageError
from transforms.progress import Advance, NoProgress, Progress

if TYPE_CHECKING:
    import polars as pl


class StdoutFailed(UsageError):
    """Stdout does not take the result: a full disk, say."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"cannot write the result to stdout: {reason}",
            "make room where it goes; `compass runs list` shows what was done to runs",
        )


def write(text: str) -> None:
    """Write ``text`` to stdout, seen at once by whoever reads the other end of a pipe.

    Raises StdoutFailed, and BrokenPipeError when nobody reads any more.
    """
    try:
        # The terminal's own encoding may lack what data holds, and programs expect UTF-8.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _leave_stdout()
        raise
    except OSError as error:
        _leave_stdout()
        raise StdoutFailed(error.strerror or str(error)) from error


def _leave_stdout() -> None:
    """Let what is still to be written go nowhere: at the end of the process it would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def print_json(document: Any) -> None:
    """Write ``document`` to stdout as one JSON document."""
    write(_encode(document, indent=2))


def print_json_line(document: Any) -> None:
    """Write ``document`` to stdout as one JSON document on one line."""
    write(_encode(document, indent=None))


def _encode(document: Any, indent: int | None) -> str:
    return json.dumps(_finite(document), indent=indent, default=str, ensure_ascii=False) + "\n"


def _finite(value: Any) -> Any:
    """``value`` with null for the numbers that JSON lacks: infinities, and what is no number."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def print_text(text: str) -> None:
    """Write a line of the result to stdout."""
    write(text + "\n")


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
