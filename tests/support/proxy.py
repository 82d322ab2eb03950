"""A TCP proxy between the service and PostgreSQL that cuts, delays and swallows on command."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from sqlalchemy.engine import make_url

_CHUNK = 65_536
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where PostgreSQL listens: a Unix socket, or a host and a port."""

    path: str | None
    host: str
    port: int

    @classmethod
    def of(cls, database_url: str) -> Target:
        """The server of a DSN."""
        url = make_url(database_url)
        host, port = url.query.get("host", url.host), url.port or 5432
        assert isinstance(host, str)
        if host.startswith("/"):
            return cls(f"{host}/.s.PGSQL.{port}", host, port)
        return cls(None, host, port)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to it."""
        if self.path is not None:
            return await asyncio.open_unix_connection(self.path)
        return await asyncio.open_connection(self.host, self.port)


class Proxy:
    """Passes bytes both ways, in a thread of its own, until told otherwise.

    ``url`` is the DSN that leads through the proxy. A fault lasts until the next, or ``heal``; ``cut`` is
    over at once.
    """

    def __init__(self, database_url: str) -> None:
        self._target = Target.of(database_url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._delay = 0.0
        self._budget: int | None = None
        self._refusing = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._port = self._listening.getsockname()[1]
        url = make_url(database_url).set(host="127.0.0.1", port=self._port)
        self.url = url.difference_update_query(["host"]).render_as_string(hide_password=False)

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT)
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection; new ones are let through."""
        self._call(self._cut())

    def cut_after(self, count: int) -> None:
        """Reset every connection as soon as the server has answered ``count`` more bytes."""
        self._call(self._set(budget=count))

    def delay(self, seconds: float) -> None:
        """Hold up each piece, either way, for so long."""
        self._call(self._set(delay=seconds))

    def blackhole(self) -> None:
        """Let nothing through any more, and tell nobody: connections are accepted and stay silent."""
        self._call(self._set(swallowing=True))

    def refuse(self) -> None:
        """Reset every connection, new ones too."""
        self._call(self._set(refusing=True))
        self.cut()

    def heal(self) -> None:
        """End all faults. What was swallowed stays lost: those connections are reset."""
        self._call(self._heal())

    @contextmanager
    def silent(self) -> Iterator[None]:
        """A black hole for the length of the block."""
        self.blackhole()
        try:
            yield
        finally:
            self.heal()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_TIMEOUT)

    async def _start(self) -> None:
        self._open.set()
        self._server = await asyncio.start_server(self._serve, sock=self._listening)

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._cut()
        for pump in tuple(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _set(
        self,
        *,
        delay: float = 0.0,
        swallowing: bool = False,
        refusing: bool = False,
        budget: int | None = None,
    ) -> None:
        self._delay, self._refusing, self._budget = delay, refusing, budget
        if swallowing:
            self._open.clear()

    async def _heal(self) -> None:
        swallowed = not self._open.is_set()
        await self._set()
        if swallowed:
            await self._cut()
            self._open.set()

    async def _cut(self) -> None:
        for writer in tuple(self._writers):
            # A reset, not an orderly end: what was on its way is lost.
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        server: asyncio.StreamWriter | None = None
        try:
            if self._refusing:
                return
            await self._open.wait()
            answers, server = await self._target.open()
            self._writers.add(server)
            pumps = [
                self._loop.create_task(self._pump(reader, server, counted=False)),
                self._loop.create_task(self._pump(answers, writer, counted=True)),
            ]
            self._pumps.update(pumps)
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            self._pumps.difference_update(pumps)
        except OSError:
            # Nobody listens there: a server that is away looks like this.
            pass
        finally:
            for each in (writer, server):
                if each is not None:
                    self._writers.discard(each)
                    each.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(_CHUNK):
                await self._open.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                if counted and self._budget is not None:
                    self._budget -= len(piece)
                    if self._budget < 0:
                        self._budget = None
                        await self._cut()
                        return
                writer.write(piece)
                await writer.drain()
