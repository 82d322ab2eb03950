"""The registry of runs, as far as the service reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db.models import Run
from backend.enums import WHOLE_ROWS, RunState
from backend.errors import RunAmbiguous, RunUnknown


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """The run that a graph serves."""

    run_key: str
    graph_name: str
    run_id: str
    published_at: datetime | None


async def published_runs(connection: AsyncConnection) -> list[PublishedRun]:
    """The published run of every graph that has one, by graph."""
    rows = await connection.execute(
        select(Run.run_key, Run.graph_name, Run.run_id, Run.published_at)
        .where(Run.state == RunState.PUBLISHED)
        .order_by(Run.graph_name)
    )
    return [PublishedRun(*row) for row in rows]


async def find_run_key(connection: AsyncConnection, name: str) -> str:
    """Key of the run that ``name``, a run key or a run id, means. Raises RunUnknown, RunAmbiguous."""
    rows = await connection.scalars(
        select(Run.run_key).where(or_(Run.run_key == name, Run.run_id == name)).order_by(Run.run_key)
    )
    found = list(rows)
    if not found:
        raise RunUnknown(name)
    if len(found) > 1:
        raise RunAmbiguous(name, found)
    return found[0]


def is_configured(setting: str) -> ColumnElement[bool]:
    """Whether a run is the one that ``setting`` (INSIGHT_GRAPH_RUN) names, and its rows are whole.

    The setting is a path below RUNS_ROOT: folders above ``<graph>/<run_id>`` do not name the run.
    """
    folders, _, run_id = setting.rstrip("/").rpartition("/")
    named = tuple_(Run.graph_name, Run.run_id) == tuple_(folders.rpartition("/")[2], run_id)
    return named & Run.state.in_(WHOLE_ROWS)
