"""Which versions of data this worker knows to be the current ones."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.db.listener import EVERYTHING, Listener
from backend.db.models import DataVersion
from backend.db.session import snapshot


class DataVersions:
    """Versions of all scopes, read when an announcement has made the known ones doubtful.

    What was announced before a read began is in what is read. While nobody listens, every call
    reads, so that what is known is never older than the call.
    """

    def __init__(self, engine: AsyncEngine, listener: Listener) -> None:
        self._engine = engine
        self._listener = listener
        self._known: dict[str, int] = {}
        self._announced = 0
        self._read_at = -1
        listener.subscribe(self._changed)

    async def current(self) -> Mapping[str, int]:
        """Version of each scope. Raises DatabaseUnavailable, StatementTimeout."""
        if not self._listener.connected or self._read_at != self._announced:
            announced = self._announced
            async with snapshot(self._engine) as connection:
                rows = await connection.execute(select(DataVersion.scope, DataVersion.version))
                self._known = {row.scope: row.version for row in rows}
            self._read_at = announced
        return self._known

    def doubt(self) -> None:
        """This worker has written: its own callers must not be shown what was before."""
        self._changed(EVERYTHING)

    def _changed(self, scope: str) -> None:
        self._announced += 1
