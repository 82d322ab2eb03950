"""Rows of the marts, computed beside the database while the run is loaded into it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from transforms.engines.context import ComputedRows
from transforms.engines.errors import BuildFailed

if TYPE_CHECKING:
    from contracts.run_data import RunData


class Computing:
    """DuckDB at work in a thread, from the moment on that the run is staged."""

    def __init__(self, data: RunData) -> None:
        self._task = asyncio.create_task(asyncio.to_thread(_compute, data))
        # A run that turns out not to be loadable leaves nobody to ask.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def rows(self) -> tuple[ComputedRows, str | None]:
        """The rows, or none and why: PostgreSQL then selects them, and says so too if it cannot."""
        try:
            return await asyncio.shield(self._task), None
        except BuildFailed as error:
            return {}, f"DuckDB could not compute the marts, PostgreSQL did: {error}"


def _compute(data: RunData) -> ComputedRows:
    # DuckDB takes a while to import; the run is on its way meanwhile.
    from transforms.engines.computed import compute_rows

    return compute_rows(data)
