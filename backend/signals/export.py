"""Lists of signals as CSV, written while they are read."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import StreamingResponse

from backend.db.session import snapshot
from backend.signals import queries
from backend.signals.filters import ExportQuery

COLUMNS = (
    "id", "metric_id", "domain", "facility", "facility_id", "system_name", "service_line", "sub_service_line",
    "groupby_label", "group_value", "description", "metric_value", "peer_mean", "peer_std", "percentile_rank",
    "encounters", "trend_direction", "simplified_signal_type", "simplified_severity", "workflow_status",
    "why_matters_narrative", "detected_at", "active", "run_id",
)  # fmt: skip

_ROWS_A_CHUNK = 500
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CsvResponse(StreamingResponse):
    """A CSV file, in pieces."""

    media_type = "text/csv"


async def rows(engine: AsyncEngine, query: ExportQuery) -> AsyncIterator[str]:
    """The header line, then rows in chunks. All come from one state of the database."""
    async with snapshot(engine) as connection:
        result = await connection.stream(
            queries.matching(query), execution_options={"yield_per": _ROWS_A_CHUNK}
        )
        yield _lines([COLUMNS])
        async for chunk in result.mappings().partitions(_ROWS_A_CHUNK):
            yield _lines([_cells(row) for row in chunk])


async def continued(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    """``first``, then ``rest``."""
    yield first
    async for each in rest:
        yield each


def _cells(row: RowMapping) -> list[Any]:
    return [_cell(row[name]) for name in COLUMNS]


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value.isoformat() if hasattr(value, "isoformat") else value


def _lines(cells: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(cells)
    return text.getvalue()
