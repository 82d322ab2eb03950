"""Which database a request reads from: the replica, where that is no older than what was written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.caching.versions import DataVersions, versions_on
from backend.errors import DomainError

_TRUST_SECONDS: Final = 1.0
_AWAY_SECONDS: Final = 5.0

logger: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Reads:
    """Chooses between the primary and a replica that may lag behind, or be away.

    Whoever wrote must read what was written, so the replica is read only where its versions of data
    have reached those known of the primary. It is asked once a second, and while it is behind.
    """

    def __init__(self, primary: AsyncEngine, replica: AsyncEngine | None, versions: DataVersions) -> None:
        self.primary = primary
        self.replica = replica
        self._versions = versions
        self._reached: Mapping[str, int] = {}
        self._usable: bool | None = None
        self._ask_at = 0.0
        self._asking = False

    async def engine(self) -> AsyncEngine:
        """The engine to read from now. Raises DatabaseUnavailable, StatementTimeout."""
        if self.replica is None:
            return self.primary
        needed = await self._versions.current()
        late = time.monotonic() >= self._ask_at or (self._usable and self._is_behind(needed))
        # One request finds out; the others do not wait for a replica that may not answer.
        if late and not self._asking:
            self._asking = True
            try:
                await self._ask(self.replica)
            finally:
                self._asking = False
        return self.replica if self._usable and not self._is_behind(needed) else self.primary

    async def _ask(self, replica: AsyncEngine) -> None:
        before = self._usable
        try:
            self._reached = await versions_on(replica)
        except (DomainError, SQLAlchemyError) as error:
            self._usable = False
            self._ask_at = time.monotonic() + _AWAY_SECONDS
            if before is not False:
                logger.warning("the replica is left alone", reason=str(error).splitlines()[0])
        else:
            self._usable = True
            self._ask_at = time.monotonic() + _TRUST_SECONDS
            if before is False:
                logger.info("the replica is read again")

    def _is_behind(self, needed: Mapping[str, int]) -> bool:
        return any(self._reached.get(scope, 0) < version for scope, version in needed.items())
