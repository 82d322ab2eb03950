"""Whose turn it is: one build at a time works on a database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from transforms.database import connection
from transforms.locks import BUILD

BUILD_SETTINGS = {
    "application_name": "compass build",
    # Commits are flushed in order, so the registry's own (synchronous) commit that says "built"
    # can not outlive a crash that loses these.
    "synchronous_commit": "off",
    # Models run side by side already; workers of one statement would only take from another's core.
    "max_parallel_workers_per_gather": "0",
}
"""Server settings of a build's connections, on top of those of every command."""


@dataclass(frozen=True, slots=True)
class BuildTurn:
    """Proof that the caller has the database to itself, as far as builds go."""

    database_url: str


@asynccontextmanager
async def build_turn(
    database_url: str, on_waiting: Callable[[], None] | None = None
) -> AsyncIterator[BuildTurn]:
    """Wait for the turn to build on a database, and have it until the end of the block.

    Take it around what belongs to a build without being one, such as marking runs as building, and
    hand it to ``Engine.build``; an engine without one takes its own. ``on_waiting`` is called once
    when another build has the turn. Raises DatabaseUnavailable.
    """
    async with connection(database_url, BUILD_SETTINGS) as held:
        if not await held.fetchval("select pg_try_advisory_lock($1::bigint)", BUILD):
            if on_waiting is not None:
                on_waiting()
            await held.execute("select pg_advisory_lock($1::bigint)", BUILD)
        yield BuildTurn(database_url)


@asynccontextmanager
async def joined(
    turn: BuildTurn | None, database_url: str, on_waiting: Callable[[], None]
) -> AsyncIterator[None]:
    """Go on in the caller's ``turn``, or take one for the block."""
    if turn is not None:
        if turn.database_url != database_url:
            raise ValueError("the turn is one on another database")
        yield
        return
    async with build_turn(database_url, on_waiting):
        yield
