"""What the database announces: one connection of a process listens, whoever wants to know is called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import asyncpg
import structlog

from backend.config import without_driver
from backend.db.session import CONNECT_ERRORS

CHANNEL: Final = "compass_data_changed"
"""Channel on which triggers name the scope of data that a transaction changed, at its commit."""

EVERYTHING: Final = ""
"""Scope that is told when announcements may have been missed: anything may have changed."""

_RETRY_SECONDS = 1.0
_ALIVE_SECONDS = 5.0
_CONNECT_SECONDS = 4.0
_ANSWER_SECONDS = 2.0

logger: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Listener:
    """Listens for changed data until it is stopped; a lost connection is made again.

    ``connected`` says whether announcements arrive now. Subscribers are called on the event loop
    with a scope, or with EVERYTHING after a connection was made.
    """

    def __init__(self, database_url: str) -> None:
        self._dsn = without_driver(database_url)
        self._subscribers: list[Callable[[str], None]] = []
        self._task: asyncio.Task[None] | None = None
        self.connected = False

    def subscribe(self, told: Callable[[str], None]) -> Callable[[], None]:
        """Call ``told`` with every scope that changes; the function returned ends that."""
        self._subscribers.append(told)
        return lambda: self._subscribers.remove(told)

    async def start(self) -> None:
        """Begin to listen; returns at once, connected or not."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop listening and close the connection."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except CONNECT_ERRORS as error:
                logger.warning("not listening to the database", reason=type(error).__name__)
            self.connected = False
            await asyncio.sleep(_RETRY_SECONDS)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=_CONNECT_SECONDS,
            command_timeout=_ANSWER_SECONDS,
            server_settings={"application_name": "quality-compass-listener"},
        )
        closed = asyncio.Event()
        connection.add_termination_listener(lambda _: closed.set())
        try:
            await connection.add_listener(CHANNEL, lambda *told: self._tell(str(told[3])))
            self.connected = True
            self._tell(EVERYTHING)
            while not closed.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(closed.wait(), _ALIVE_SECONDS)
                # A network that swallows packets closes nothing: ask from time to time.
                if not closed.is_set():
                    await connection.execute("select 1")
        finally:
            self.connected = False
            with suppress(*CONNECT_ERRORS):
                await connection.close(timeout=1)

    def _tell(self, scope: str) -> None:
        for told in tuple(self._subscribers):
            told(scope)
