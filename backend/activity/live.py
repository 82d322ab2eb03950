"""Events as they happen: one reader of new events in a process, whatever the number of streams.

The database announces that the feed changed; then one query reads what is new and every stream is
handed it. A stream that is behind (it begins in the past, or its client is slow) reads for itself
until it has caught up. Positions become visible in ascending order, so that nothing is missed
between the two, and what comes twice is known by its position.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import RowMapping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.activity import queries, render
from backend.activity.errors import TooManyStreams
from backend.activity.filters import EventFilters
from backend.activity.shutdown import told_of_shutdown
from backend.db.listener import EVERYTHING, Listener
from backend.db.session import snapshot
from backend.errors import DomainError

MAX_STREAMS = 200
"""Streams that a process sends at most."""
_BATCH = 500
_PENDING = 1000
_RETRY_SECONDS = 1.0
_SCOPE = "feed"

logger: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """An event on its way to clients."""

    position: int
    signal_id: UUID | None
    event_type: str
    json: str


class Stream:
    """Events after ``position`` that pass the filters, one after the other."""

    def __init__(
        self, engine: AsyncEngine, reader: UUID | None, filters: EventFilters, position: int
    ) -> None:
        self.position = position
        self._engine = engine
        self._reader = reader
        self._filters = filters
        self._pending: deque[LiveEvent] = deque()
        self._told = asyncio.Event()
        self._behind = True
        self._ended = False

    def offer(self, event: LiveEvent) -> None:
        """Hand over what is new; when too much waits, the stream reads it itself later."""
        if self._behind:
            return
        if len(self._pending) == _PENDING:
            self._behind = True
            self._pending.clear()
        elif self._passes(event):
            self._pending.append(event)
        self._told.set()

    def end(self) -> None:
        """Finish: what was not sent yet, the client finds when it comes back."""
        self._ended = True
        self._told.set()

    async def events(self, seconds: float) -> AsyncIterator[LiveEvent]:
        """Events for at most ``seconds``; ends early when the service stops or its database does."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not self._ended:
            if self._behind:
                try:
                    batch = await self._catch_up()
                except DomainError as error:
                    logger.warning("a stream of the feed ends early", reason=error.message)
                    return
            elif self._pending:
                batch = [self._pending.popleft()]
            else:
                self._told.clear()
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._told.wait()
                except TimeoutError:
                    return
                continue
            for event in batch:
                if event.position > self.position:
                    self.position = event.position
                    yield event
            if asyncio.get_running_loop().time() >= deadline:
                return

    async def _catch_up(self) -> Sequence[LiveEvent]:
        # From here on everything is offered, so that what comes after the reading is not missed.
        self._behind = False
        self._pending.clear()
        query = queries.following(self._reader, self.position, self._filters.conditions(), _BATCH)
        batch = await _read(self._engine, query)
        if len(batch) == _BATCH:
            self._behind = True
        return batch

    def _passes(self, event: LiveEvent) -> bool:
        wanted = self._filters
        return wanted.signal_id in (None, event.signal_id) and wanted.event_type in (None, event.event_type)


class LiveFeed:
    """The streams of a process, and the one who reads for them."""

    def __init__(self, engine: AsyncEngine, listener: Listener, max_streams: int = MAX_STREAMS) -> None:
        self._engine = engine
        self._listener = listener
        self._max_streams = max_streams
        self._streams: set[Stream] = set()
        # What all streams have been offered; None while there is no stream.
        self._position: int | None = None
        self._announced = asyncio.Event()
        self._ended = False

    @asynccontextmanager
    async def stream(
        self, reader: UUID | None, filters: EventFilters, last: int | None
    ) -> AsyncIterator[Stream]:
        """A stream of what comes after position ``last``, by default of what comes from now on.

        Raises TooManyStreams, DatabaseUnavailable, StatementTimeout.
        """
        if len(self._streams) >= self._max_streams:
            raise TooManyStreams(self._max_streams)
        stream = Stream(self._engine, reader, filters, 0)
        self._streams.add(stream)
        try:
            async with snapshot(self._engine) as connection:
                now: int = (await connection.execute(queries.last_position())).scalar_one()
            # A position from the future is one of another database.
            stream.position = now if last is None else min(last, now)
            if self._position is None:
                self._position = now
            if self._ended:
                stream.end()
            yield stream
        finally:
            self._streams.discard(stream)
            if not self._streams:
                self._position = None

    async def run(self) -> None:
        """Offer what is new to all streams, until cancelled."""
        unsubscribe = self._listener.subscribe(self._changed)
        try:
            while True:
                await self._announced.wait()
                self._announced.clear()
                try:
                    await self._forward()
                except (DomainError, DBAPIError) as error:
                    logger.warning("new events cannot be read, trying again", reason=type(error).__name__)
                    await asyncio.sleep(_RETRY_SECONDS)
                    self._announced.set()
        finally:
            unsubscribe()

    def end(self) -> None:
        """End all streams, and those that are still to begin: the service stops."""
        self._ended = True
        for stream in self._streams:
            stream.end()

    async def _forward(self) -> None:
        while (after := self._position) is not None:
            batch = await _read(self._engine, queries.following(None, after, [], _BATCH))
            # All streams have left meanwhile, and others have begun later.
            if self._position != after:
                continue
            for event in batch:
                self._position = event.position
                for stream in self._streams:
                    stream.offer(event)
            if len(batch) < _BATCH:
                return

    def _changed(self, scope: str) -> None:
        if scope in (_SCOPE, EVERYTHING):
            self._announced.set()


@asynccontextmanager
async def live_feed(engine: AsyncEngine, listener: Listener) -> AsyncIterator[LiveFeed]:
    """A live feed that runs, and ends its streams as soon as the process is told to stop."""
    feed = LiveFeed(engine, listener)
    task = asyncio.create_task(feed.run())
    try:
        with told_of_shutdown(feed.end):
            yield feed
    finally:
        feed.end()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _read(engine: AsyncEngine, query: queries.Rows) -> list[LiveEvent]:
    async with snapshot(engine) as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [_live(row) for row in rows]


def _live(row: RowMapping) -> LiveEvent:
    content: dict[str, Any] = render.event(row)
    return LiveEvent(
        position=row["position"],
        signal_id=row["signal_id"],
        event_type=row["event_type"],
        json=orjson.dumps(content, option=orjson.OPT_UTC_Z).decode(),
    )
