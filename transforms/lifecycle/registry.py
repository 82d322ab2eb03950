"""The registry of runs: which runs the database holds and where each is in its lifecycle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from backend.enums import RunState
from backend.errors import RunAmbiguous, RunUnknown
from contracts.findings import Report, Severity
from transforms.lifecycle.lock import run_lock_if_free
from transforms.lifecycle.operator import operator
from transforms.lifecycle.published import HELD
from transforms.run import Run


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One row of the registry."""

    run_key: str
    graph_name: str
    run_id: str
    state: RunState
    checksum: str | None
    source_path: str | None
    row_counts: dict[str, int]
    durations: dict[str, float]
    error: str | None
    created_at: datetime | None
    loaded_at: datetime | None
    built_at: datetime | None
    published_at: datetime | None
    preflight: dict[str, int]
    loaded_by: str | None
    published_by: str | None
    failed_checksum: str | None


_COLUMNS = """run_key, graph_name, run_id, state, checksum, source_path, row_counts, durations,
    error, created_at, loaded_at, built_at, published_at, preflight, loaded_by, published_by,
    failed_checksum"""


async def list_runs(connection: asyncpg.Connection) -> list[RunRecord]:
    """Every run of the registry, by graph, newest first."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from public.runs order by graph_name, run_id desc"  # noqa: S608
    )
    return [_record(row) for row in rows]


async def get_run(connection: asyncpg.Connection, run_key: str) -> RunRecord | None:
    """The run with this key, if the registry has it."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from public.runs where run_key = $1",  # noqa: S608
        run_key,
    )
    return None if row is None else _record(row)


async def find_run(connection: asyncpg.Connection, name: str) -> RunRecord:
    """The run that ``name`` (a run key, or a run id alone) means; raises RunUnknown, RunAmbiguous."""
    runs = await list_runs(connection)
    matches = [run for run in runs if name in (run.run_key, run.run_id)]
    if not matches:
        raise RunUnknown(name)
    if len(matches) > 1:
        raise RunAmbiguous(name, [run.run_key for run in matches])
    return matches[0]


async def begin_load(connection: asyncpg.Connection, run: Run, checksum: str | None = None) -> None:
    """Record that ``run`` is being loaded; what an earlier load recorded is replaced.

    ``checksum`` is that of the rows, so it belongs in the transaction that brings them.
    """
    await connection.execute(
        """
        insert into public.runs (run_key, graph_name, run_id, state, source_path, checksum)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (run_key) do update set
            state = excluded.state, source_path = excluded.source_path,
            checksum = excluded.checksum, error = null, failed_checksum = null, updated_at = now()
        """,
        run.run_key,
        run.graph_name,
        run.run_id,
        RunState.LOADING,
        str(run.path),
        checksum,
    )


async def entry(connection: asyncpg.Connection, run_key: str) -> asyncpg.Record | None:
    """What ``begin_load`` would replace of the entry of ``run_key``; None without an entry."""
    return await connection.fetchrow(
        "select state, source_path, checksum, error, failed_checksum from public.runs where run_key = $1",
        run_key,
    )


async def restore(connection: asyncpg.Connection, run_key: str, before: asyncpg.Record | None) -> None:
    """Make the entry of ``run_key`` what ``entry`` found."""
    if before is None:
        await connection.execute("delete from public.runs where run_key = $1", run_key)
    else:
        await connection.execute(
            "update public.runs set state = $2, source_path = $3, checksum = $4, error = $5, "
            "failed_checksum = $6 where run_key = $1",
            run_key,
            *before,
        )


async def set_state(
    connection: asyncpg.Connection, run_key: str, state: RunState, *, error: str | None = None
) -> None:
    """Move ``run_key`` to ``state``; loaded and built stamp their time."""
    await connection.execute(
        """
        update public.runs set
            state = $2, error = $3, updated_at = now(),
            loaded_at = case when $2 = 'loaded' then now() else loaded_at end,
            built_at = case when $2 = 'built' then now() else built_at end
        where run_key = $1
        """,
        run_key,
        state,
        error,
    )


async def published_run(connection: asyncpg.Connection, graph_name: str) -> RunRecord | None:
    """The run that a graph serves."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from public.runs where graph_name = $1 and state = $2",  # noqa: S608
        graph_name,
        RunState.PUBLISHED,
    )
    return None if row is None else _record(row)


async def previous_run(connection: asyncpg.Connection, graph_name: str) -> RunRecord | None:
    """The run of a graph that was published last, of those that no longer are."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from public.runs "  # noqa: S608
        "where graph_name = $1 and state = $2 order by published_at desc nulls last, run_id desc limit 1",
        graph_name,
        RunState.SUPERSEDED,
    )
    return None if row is None else _record(row)


async def record_error(connection: asyncpg.Connection, run_key: str, error: str) -> None:
    """Note what went wrong with a run that stays as it was."""
    await connection.execute(
        "update public.runs set error = $2, updated_at = now() where run_key = $1", run_key, error
    )


def failure(step: str, error: BaseException) -> str:
    """What the registry says of a ``step`` that ended with ``error``; Ctrl-C is not an Exception."""
    if not isinstance(error, Exception):
        return f"the {step} was interrupted"
    return f"the {step} failed: {str(error) or type(error).__name__}"


async def fail_interrupted_builds(connection: asyncpg.Connection) -> None:
    """Record runs that still count as building as failed; call it while holding the build turn.

    Whoever was building them is gone, or it would have the turn.
    """
    await connection.execute(
        "update public.runs set state = $1, error = $3, updated_at = now() where state = $2",
        RunState.FAILED,
        RunState.BUILDING,
        _INTERRUPTED[RunState.BUILDING],
    )


_INTERRUPTED = {
    RunState.LOADING: "the load was interrupted",
    RunState.BUILDING: "the build was interrupted",
}


async def fail_interrupted(connection: asyncpg.Connection) -> None:
    """Record runs as failed that count as loading or building though no command works on them.

    A command that was killed could not say so itself; its lock went with its connection.
    """
    rows = await connection.fetch(
        "select run_key, state from public.runs where state = any($1::text[])", list(_INTERRUPTED)
    )
    for row in rows:
        async with run_lock_if_free(connection, row["run_key"]) as free:
            if free:
                await connection.execute(
                    "update public.runs set state = $3, error = $4, updated_at = now() "
                    "where run_key = $1 and state = $2",
                    row["run_key"],
                    row["state"],
                    RunState.FAILED,
                    _INTERRUPTED[RunState(row["state"])],
                )


async def record_load(
    connection: asyncpg.Connection, run_key: str, row_counts: dict[str, int], report: Report | None
) -> None:
    """Record the rows of each raw table, what their check found, and who loads them."""
    await connection.execute(
        "update public.runs set row_counts = $2::jsonb, preflight = $3::jsonb, loaded_by = $4 "
        "where run_key = $1",
        run_key,
        json.dumps(row_counts),
        _summary(report),
        operator(),
    )


async def record_refusal(
    connection: asyncpg.Connection, run: Run, checksum: str, error: str, report: Report | None
) -> None:
    """Record that the files of ``run`` could not be brought in, so that nobody tries them again.

    A run that is held stays as it was. The caller holds the run's lock.
    """
    await connection.execute(
        """
        insert into public.runs as r
            (run_key, graph_name, run_id, state, source_path, error, failed_checksum, preflight)
        values ($1, $2, $3, $4, $5, $6, $7, $8::jsonb)
        on conflict (run_key) do update set
            state = case when r.state = any($9::text[]) then r.state else excluded.state end,
            preflight = case when r.state = any($9::text[]) then r.preflight
                else coalesce(excluded.preflight, r.preflight) end,
            error = excluded.error, failed_checksum = excluded.failed_checksum, updated_at = now()
        """,
        run.run_key,
        run.graph_name,
        run.run_id,
        RunState.FAILED,
        str(run.path),
        error,
        checksum,
        _summary(report),
        list(HELD),
    )


def _summary(report: Report | None) -> str | None:
    """What the registry keeps of a check: how many rules ran, and findings by severity."""
    if report is None:
        return None
    counts = {f"{severity}s": report.count(severity) for severity in Severity}
    return json.dumps({"rules_run": report.rules_run, **counts})


async def record_durations(connection: asyncpg.Connection, run_key: str, durations: dict[str, float]) -> None:
    """Merge the seconds that steps took into those known."""
    await connection.execute(
        "update public.runs set durations = coalesce(durations, '{}'::jsonb) || $2::jsonb where run_key = $1",
        run_key,
        json.dumps(durations),
    )


def _record(row: asyncpg.Record) -> RunRecord:
    values: dict[str, Any] = dict(row)
    for name in ("row_counts", "durations", "preflight"):
        values[name] = json.loads(values[name]) if values[name] else {}
    return RunRecord(**values | {"state": RunState(values["state"])})
