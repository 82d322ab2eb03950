"""Compare the signals of two runs in the database."""

from __future__ import annotations

import asyncpg
import polars as pl

from backend.enums import WHOLE_MARTS
from backend.services.movement import COMPARED
from contracts.ddl import quote_identifier
from transforms.database import connection as connect_to
from transforms.errors import CompassError, UsageError
from transforms.lifecycle import registry
from transforms.signal_diff import KEY, LABEL, SignalDiff, compare

_TYPES = {"text": pl.String, "float8": pl.Float64, "int8": pl.Int64}


class RunHasNoMarts(CompassError):
    """The run is not built, so there are no signals of it to compare."""

    exit_code = 1

    def __init__(self, run_key: str, state: str) -> None:
        self.run_key = run_key
        self.state = state
        super().__init__(f"{run_key} is {state} and has no signals to compare", "ingest it first")


class GraphsDiffer(UsageError):
    """Signals of different graphs have nothing in common."""

    def __init__(self, before: str, after: str) -> None:
        super().__init__(f"{before} and {after} are runs of different graphs", "name two runs of one graph")


async def diff_runs(database_url: str, before: str, after: str) -> tuple[str, str, SignalDiff]:
    """What ``after`` changed against ``before``: both run keys, and signals added, removed, changed.

    Raises RunUnknown, RunAmbiguous, RunHasNoMarts, GraphsDiffer.
    """
    async with connect_to(database_url) as connection:
        await registry.fail_interrupted(connection)
        # One moment for all of it: a run may be published or pruned meanwhile.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            runs = [await registry.find_run(connection, name) for name in (before, after)]
            for run in runs:
                if run.state not in WHOLE_MARTS:
                    raise RunHasNoMarts(run.run_key, run.state)
            first, second = runs
            if first.graph_name != second.graph_name:
                raise GraphsDiffer(first.run_key, second.run_key)
            frames = [await _signals(connection, run.run_key) for run in runs]
    return first.run_key, second.run_key, compare(*frames)


async def _signals(connection: asyncpg.Connection, run_key: str) -> pl.DataFrame:
    columns = ", ".join(quote_identifier(name) for name in (KEY, *LABEL, *COMPARED))
    statement = await connection.prepare(
        f"select {columns} from public_marts.fct_signals where run_key = $1 order by entity_key"  # noqa: S608
    )
    schema = {each.name: _TYPES[each.type.name] for each in statement.get_attributes()}
    rows = await statement.fetch(run_key)
    return pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
