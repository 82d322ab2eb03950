"""Which versions of data this worker knows to be the current ones."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.caching.writes import Writes
from backend.db.listener import EVERYTHING, Listener
from backend.db.models import DataVersion
from backend.db.session import snapshot
from backend.errors import DatabaseUnavailable


class DataVersions:
    """Versions of all scopes, read when an announcement has made the known ones doubtful.

    What was announced before a read began is in what is read. While nobody listens, every call
    reads, so that what is known is never older than the call. ``writes`` are those of all workers of
    the service. A ``replica`` is asked only while the database itself is away.
    """

    def __init__(
        self, engine: AsyncEngine, listener: Listener, writes: Writes, replica: AsyncEngine | None = None
    ) -> None:
        self._engine = engine
        self._replica = replica
        self._listener = listener
        self._known: Mapping[str, int] = {}
        self._writes = writes
        self._announced = 0
        self._read_at: tuple[int, bytes] | None = None
        listener.subscribe(self._changed)

    @property
    def known(self) -> Mapping[str, int] | None:
        """What ``current`` gives without asking the database; None where it has to ask."""
        certain = self._listener.connected and self._read_at == self._heard()
        return self._known if certain else None

    async def current(self) -> Mapping[str, int]:
        """Version of each scope. Raises DatabaseUnavailable, StatementTimeout."""
        if self.known is None:
            heard = self._heard()
            self._known = await self._read()
            self._read_at = heard
        return self._known

    def doubt(self) -> None:
        """Read again before anything is answered: somebody wants to be sure."""
        self._changed(EVERYTHING)

    def written(self) -> None:
        """This worker has written: callers of none must be shown what was before."""
        self.doubt()
        self._writes.note()

    def _heard(self) -> tuple[int, bytes]:
        return self._announced, self._writes.mark()

    async def _read(self) -> Mapping[str, int]:
        try:
            return await versions_on(self._engine)
        except DatabaseUnavailable:
            # While nobody can write, the replica knows as much as there is to know.
            if self._replica is None:
                raise
            return await versions_on(self._replica)

    def _changed(self, scope: str) -> None:
        self._announced += 1


async def versions_on(engine: AsyncEngine) -> Mapping[str, int]:
    """Version of each scope in the database of ``engine``. Raises DatabaseUnavailable, StatementTimeout."""
    async with snapshot(engine) as connection:
        rows = await connection.execute(select(DataVersion.scope, DataVersion.version))
        return {row.scope: row.version for row in rows}
