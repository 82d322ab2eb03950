"""Publish runs, and copy their signals from the marts into the table that the API serves.

Everything happens in the caller's transaction: readers see the state before or after, never
between. A signal keeps its id, its times, its assignment, its events and what people wrote.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, CursorResult, exists, func, literal, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.db import session
from backend.db.locks import HYDRATION
from backend.db.models import ActivityEvent, Run, Signal
from backend.enums import WHOLE_MARTS, RunState
from backend.errors import MartsMissing, MartValueInvalid, RunNotBuilt, RunNotPublished, RunUnknown
from backend.services import event_sql, hydration_state
from backend.services import hydration_sql as sql
from backend.services.bulk import filling
from backend.services.runs import published_runs

PUBLISHED_CHANNEL: Final = "compass_published"
"""Channel of NOTIFY; the payload is the key of the run that was published."""

_DATA_EXCEPTION, _INTEGRITY_VIOLATION = "22", "23"
_UNDEFINED = ("42703", "42P01", "3F000")


@dataclass(frozen=True, slots=True)
class HydrationResult:
    """What a hydration did, in signals; ``processed`` counts all rows that were read.

    ``skipped`` rows have no metric value; ``deactivated`` signals are gone from the run.
    """

    processed: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deactivated: int = 0
    skipped: int = 0

    def __add__(self, other: HydrationResult) -> HydrationResult:
        return HydrationResult(
            *(getattr(self, field.name) + getattr(other, field.name) for field in fields(self))
        )

    def as_dict(self) -> dict[str, int]:
        """The counters as commands print them."""
        return {f"signals_{field.name}": getattr(self, field.name) for field in fields(self)}


async def publish(connection: AsyncConnection, run_key: str) -> HydrationResult:
    """Make ``run_key`` the published run of its graph and hydrate its signals.

    A run that was published before can be published again, which is how to roll back. Listeners
    on PUBLISHED_CHANNEL hear of it at the commit. Raises RunUnknown, RunNotBuilt, and what
    ``hydrate`` raises.
    """
    await _lock(connection)
    run = await _registered(connection, run_key)
    if run.state not in WHOLE_MARTS:
        raise RunNotBuilt(run_key, run.state)
    # The former run first: two published runs of a graph would break the index that forbids them.
    await connection.execute(
        update(Run)
        .where(Run.graph_name == run.graph_name, Run.state == RunState.PUBLISHED, Run.run_key != run_key)
        .values(state=RunState.SUPERSEDED)
    )
    await connection.execute(
        update(Run)
        .where(Run.run_key == run_key)
        .values(state=RunState.PUBLISHED, published_at=_after_the_others(run.graph_name), error=None)
    )
    result = await hydrate(connection, run_key)
    await connection.execute(select(func.pg_notify(PUBLISHED_CHANNEL, run_key)))
    return result


def _after_the_others(graph_name: str) -> ColumnElement[datetime]:
    """Now, or just after the latest publish, where the clock has gone back since: rollback goes by it."""
    latest = select(func.max(Run.published_at)).where(Run.graph_name == graph_name).scalar_subquery()
    return func.greatest(func.now(), latest + timedelta(microseconds=1))


async def hydrate(
    connection: AsyncConnection,
    run_key: str,
    *,
    facility_ids: Sequence[str] | None = None,
    limit: int | None = None,
) -> HydrationResult:
    """Bring the signals of a published run's graph to what the marts say.

    New entities are inserted, known ones updated where a value differs, those that the run no
    longer has become inactive. ``facility_ids`` leaves other facilities alone; ``limit`` takes the
    most severe rows only and makes none inactive. Raises RunUnknown, RunNotPublished,
    MartsMissing, MartValueInvalid.
    """
    await _lock(connection)
    run = await _registered(connection, run_key)
    if run.state != RunState.PUBLISHED:
        raise RunNotPublished(run_key, run.state)
    if not await connection.scalar(text(sql.MARTS_EXIST)):
        raise MartsMissing(run_key, "public_marts.fct_signals or public_marts.fct_node_edges is not there")
    scope = {"run_key": run_key, "facility_ids": None if facility_ids is None else list(facility_ids)}
    async with _explained(run_key):
        if not await connection.scalar(text(sql.RUN_HAS_ROWS), {"run_key": run_key}):
            raise MartsMissing(run_key, "the marts hold no row of this run")
        return await _copy(connection, run.graph_name, scope, limit)


async def hydrate_if_empty(engine: AsyncEngine) -> HydrationResult | None:
    """Hydrate all published runs when there is no signal yet; None when there was nothing to do.

    Of several processes one hydrates; the others wait and find the table filled. Raises what
    ``hydrate`` raises; nothing is stored then.
    """
    async with session.connect(engine) as connection:
        if not await _is_to_fill(connection):
            return None
    async with session.begin(engine) as connection:
        await _lock(connection)
        if not await _is_to_fill(connection):
            return None
        total = HydrationResult()
        for run in await published_runs(connection):
            total += await hydrate(connection, run.run_key)
        return total


async def count_signals(connection: AsyncConnection, facility_id: str | None = None) -> int:
    """Active signals, of one facility or of all."""
    query = select(func.count()).select_from(Signal).where(Signal.active)
    if facility_id is not None:
        query = query.where(Signal.facility_id == facility_id)
    return await connection.scalar(query) or 0


async def _copy(
    connection: AsyncConnection, graph_name: str, scope: dict[str, Any], limit: int | None
) -> HydrationResult:
    within = {**scope, "graph_name": graph_name}
    whole = scope["facility_ids"] is None and limit is None

    async def run(statement: str, **more: Any) -> CursorResult[Any]:
        clause = text(statement)
        names = clause.compile().params
        return await connection.execute(clause, {name: {**within, **more}[name] for name in names})

    counted = (await run(sql.COUNT_ROWS)).mappings().one()
    rows, usable = counted["rows"], counted["usable"]
    if whole and await hydration_state.stands(connection, within):
        return HydrationResult(processed=rows, unchanged=usable, skipped=rows - usable)
    taken = usable if limit is None else min(limit, usable)
    await run(sql.REMEMBER)
    there = (await run(sql.THERE)).mappings().one()
    write = sql.MERGE if there["of_graph"] else sql.INSERT
    async with filling(connection, Signal.__table__, taken):
        await run(write if limit is None else sql.MERGE_MOST_SEVERE, row_limit=limit)
    async with filling(connection, ActivityEvent.__table__, taken):
        created = (await run(event_sql.ANNOUNCE_NEW)).scalar_one()
    updated = deactivated = 0
    # What is inserted into a graph that had no signals knows its parents and children already.
    if there["of_graph"]:
        updated = (await run(sql.COUNT_UPDATED)).scalar_one()
        if updated:
            await run(event_sql.ANNOUNCE_MOVED)
        if limit is None:
            deactivated = (await run(sql.DEACTIVATE_ABSENT)).scalar_one()
        if deactivated:
            await run(event_sql.ANNOUNCE_GONE)
        if created or updated or deactivated:
            await run(sql.UPDATE_HIERARCHY)
    if there["of_any"] and (created or updated or deactivated):
        await run(sql.UPDATE_RELATED)
    await run(sql.FORGET)
    if whole:
        await hydration_state.remember(connection, within)
    skipped = rows - usable
    return HydrationResult(
        processed=taken + skipped,
        created=created,
        updated=updated,
        unchanged=taken - created - updated,
        deactivated=deactivated,
        skipped=skipped,
    )


async def _lock(connection: AsyncConnection) -> None:
    # However long it takes: a limit meant for requests must not end a publish.
    await connection.execute(text("set local statement_timeout = 0"))
    # A graph's signals without documents, some hundred bytes each, are sorted and joined in memory. Of
    # what a statement makes itself the planner knows too little to see that hashing beats sorting.
    await connection.execute(text("set local work_mem = '256MB'"))
    await connection.execute(text("set local enable_mergejoin = off"))
    await connection.execute(select(func.pg_advisory_xact_lock(HYDRATION)))


async def _registered(connection: AsyncConnection, run_key: str) -> Any:
    query = select(Run.graph_name, Run.state).where(Run.run_key == run_key).with_for_update()
    run = (await connection.execute(query)).one_or_none()
    if run is None:
        raise RunUnknown(run_key)
    return run


async def _is_to_fill(connection: AsyncConnection) -> bool:
    return bool(
        await connection.scalar(
            select(
                exists(select(literal(1)).select_from(Run).where(Run.state == RunState.PUBLISHED))
                & ~exists(select(literal(1)).select_from(Signal))
            )
        )
    )


@asynccontextmanager
async def _explained(run_key: str) -> AsyncIterator[None]:
    """Turn what PostgreSQL says about the marts' shape and values into errors of ours."""
    try:
        yield
    except DBAPIError as error:
        code = str(getattr(error.orig, "sqlstate", ""))
        reason = _first_line(error)
        if code in _UNDEFINED:
            raise MartsMissing(run_key, reason) from error
        if code[:2] in (_DATA_EXCEPTION, _INTEGRITY_VIOLATION):
            raise MartValueInvalid(run_key, reason) from error
        raise


def _first_line(error: DBAPIError) -> str:
    cause = getattr(error.orig, "__cause__", None) or error.orig
    return str(cause).splitlines()[0]
