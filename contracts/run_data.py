"""A run in memory: one typed Polars frame per raw table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contracts.findings import Finding

if TYPE_CHECKING:
    import polars as pl


@dataclass(slots=True)
class RunData:
    """Staged rows of one run.

    ``frames`` holds every declared raw table, empty where the run lacks the family; columns are
    those of the declaration. ``findings`` are what parsing already found wrong: lines that
    could not be read are reported there and absent from the frames.
    """

    run_key: str
    graph_name: str
    run_id: str
    frames: dict[str, pl.DataFrame]
    findings: list[Finding] = field(default_factory=list)

    @property
    def row_counts(self) -> dict[str, int]:
        """Rows per raw table."""
        return {name: frame.height for name, frame in self.frames.items()}
