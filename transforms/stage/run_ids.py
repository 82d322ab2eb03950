"""Run ids that the lines of an analysis name: rows are stored under the run's own id, whatever they say."""

from __future__ import annotations

import polars as pl

from contracts.tables.auxiliary import ROW_RUN_IDS
from transforms.stage.frames import FrameBuilder


class RunIds:
    """Gathers the run ids of a file's lines: the first line of each, and how many lines name it."""

    def __init__(self) -> None:
        self._seen: dict[str, list[int]] = {}

    def add(self, run_id: str | None, line: int) -> None:
        """Note what a line says; lines without a run id say nothing."""
        if run_id is None:
            return
        seen = self._seen.get(run_id)
        if seen is None:
            self._seen[run_id] = [1, line]
        else:
            seen[0] += 1

    def frame(self, relative: str) -> pl.DataFrame:
        """One row a run id."""
        builder = FrameBuilder(ROW_RUN_IDS, ("written_run_id", "rows", "line_number"))
        for run_id, (rows, line) in self._seen.items():
            builder.add((run_id, rows, line))
        builder.flush(source_file=relative)
        return builder.frame()
