"""The lock of one run: two commands never work on the same run at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from transforms.errors import CompassError
from transforms.locks import RUN_CLASS


class RunBusy(CompassError):
    """Another command is loading, building or publishing the same run."""

    exit_code = 4

    def __init__(self, run_key: str) -> None:
        self.run_key = run_key
        super().__init__(f"another command is working on {run_key}", "try again when it has finished")


@asynccontextmanager
async def run_lock(connection: asyncpg.Connection, run_key: str) -> AsyncIterator[None]:
    """Hold the lock of ``run_key``; raises RunBusy when another command has it."""
    taken = await connection.fetchval("select pg_try_advisory_lock($1, hashtext($2))", RUN_CLASS, run_key)
    if not taken:
        raise RunBusy(run_key)
    try:
        yield
    finally:
        # A lost connection has already given the lock back.
        if not connection.is_closed():
            await connection.execute("select pg_advisory_unlock($1, hashtext($2))", RUN_CLASS, run_key)
