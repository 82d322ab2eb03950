"""The lock of one run: two commands never work on the same run at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg

from transforms.database import CONNECT_ERRORS
from transforms.errors import CompassError
from transforms.locks import RUN_CLASS

OnBusy = Callable[[str], None]
"""Called with the key of a run that another command works on; the lock is waited for when it
returns."""


class RunBusy(CompassError):
    """Another command is loading, building or publishing the same run."""

    exit_code = 4

    def __init__(self, run_key: str) -> None:
        self.run_key = run_key
        super().__init__(f"another command is working on {run_key}", "try again when it has finished")


def wait(run_key: str) -> None:
    """Wait for a run that is busy, without a word."""


def refuse(run_key: str) -> None:
    """Do not wait for a run that is busy: raises RunBusy."""
    raise RunBusy(run_key)


@asynccontextmanager
async def run_lock(
    connection: asyncpg.Connection, run_key: str, on_busy: OnBusy = wait
) -> AsyncIterator[None]:
    """Hold the lock of ``run_key``; while another command has it, what ``on_busy`` says is done."""
    if not await _try(connection, run_key):
        on_busy(run_key)
        await connection.execute("select pg_advisory_lock($1, hashtext($2))", RUN_CLASS, run_key)
    try:
        yield
    finally:
        await _release(connection, run_key)


@asynccontextmanager
async def run_lock_if_free(connection: asyncpg.Connection, run_key: str) -> AsyncIterator[bool]:
    """Hold the lock of ``run_key`` if no other command has it; says whether that is so."""
    free = await _try(connection, run_key)
    try:
        yield free
    finally:
        if free:
            await _release(connection, run_key)


async def _try(connection: asyncpg.Connection, run_key: str) -> bool:
    return bool(
        await connection.fetchval("select pg_try_advisory_lock($1, hashtext($2))", RUN_CLASS, run_key)
    )


async def _release(connection: asyncpg.Connection, run_key: str) -> None:
    # A lost connection has already given the lock back, and may not know yet that it is lost.
    if not connection.is_closed():
        with suppress(*CONNECT_ERRORS, asyncpg.InternalClientError):
            await connection.execute("select pg_advisory_unlock($1, hashtext($2))", RUN_CLASS, run_key)
