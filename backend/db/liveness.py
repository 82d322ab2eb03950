"""Connections that died unnoticed are found out, and nobody waits for them.

A network that swallows packets closes nothing: whoever waits for an answer waits for ever. So a
connection of the pool is asked whether it lives before it is used, and an answer that does not
come in time means that the connection is lost.
"""

from __future__ import annotations

from typing import Any, Final

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine

LOST: Final = (OSError, asyncpg.InternalClientError)
"""What is raised, unwrapped, when a connection breaks or an answer does not come in time.

TimeoutError is an OSError. The other is what asyncpg says when it is used while it learns that
the connection is gone.
"""

_PING_SECONDS: Final = 2.0
_NEW: Final = "new"


def watch(engine: AsyncEngine) -> None:
    """Have connections of ``engine`` asked before each use, and given up when they do not answer."""
    event.listen(engine.sync_engine, "connect", _remember_new)
    event.listen(engine.sync_engine, "checkout", _require_answer)
    event.listen(engine.sync_engine, "handle_error", _give_up)


def _remember_new(connection: Any, record: Any) -> None:
    record.info[_NEW] = True


def _require_answer(connection: Any, record: Any, _: Any) -> None:
    if record.info.pop(_NEW, False):
        return
    driver = connection.driver_connection
    try:
        # One round trip; the pool's own check takes three.
        connection.run_async(lambda opened: opened.execute("select 1", timeout=_PING_SECONDS))
    except (*LOST, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        # A polite end would wait for the server again.
        driver.terminate()
        # The others of the pool are as old, and likely as dead: they are replaced before use.
        raise InvalidatePoolError from error


def _give_up(context: ExceptionContext) -> None:
    """Let a connection that broke be thrown away, rather than rolled back, which would wait again."""
    if not isinstance(context.original_exception, LOST):
        return
    held = context.connection
    if held is not None and not held.invalidated and not held.closed:
        driver = held.connection.driver_connection
        if driver is not None:
            driver.terminate()
    context.is_disconnect = True
