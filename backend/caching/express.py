"""Answers sent before that still stand, ahead of all other work on a request.

Whatever stands behind would say the same again: it sees the same caller and the same headers, and
the data is what it was. Only what goes by that alone may be left out; who signs in is looked up anew.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import State
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.caching.at_once import head_of, write_at_once
from backend.caching.memory import Headers, ResponseMemory
from backend.caching.policy import Policy
from backend.caching.versions import DataVersions
from backend.config import Settings
from backend.middleware import REQUEST_ID, request_id
from backend.telemetry import Tally, Telemetry

BASIS = "compass.basis"
"""Where in the scope of a request a Basis stands, once an answer is found that stands."""

_MOST = 4_096
_LONGEST = 2_000
# Somebody who wants to be sure, and bodies, whose size is limited.
_LEFT_TO_OTHERS = frozenset({b"cache-control", b"content-length", b"transfer-encoding"})

_Key = tuple[str | bytes | None, ...]


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer stands on; ``body`` is its key in the memory of answers, None where it has none."""

    policy: Policy
    versions: tuple[int | None, ...]
    period: int
    body: str | None

    def stands(self, known: Mapping[str, int] | None) -> bool:
        """Whether the data is what it was; where versions are not ``known``, nobody can tell."""
        return (
            known is not None
            and self.versions == tuple(map(known.get, self.policy.scopes))
            and self.period == self.policy.period()
        )


@dataclass(slots=True)
class _Sent:
    basis: Basis
    status: int
    headers: Headers
    head: bytes | None
    data: DataVersions
    tally: Tally
    stood_by: Mapping[str, int] | None = None
    stood_at: int = 0

    def stands(self) -> bool:
        """As its basis does; versions that were read do not change: the same are compared once a second."""
        known, second = self.data.known, int(time.time())
        if known is None or known is not self.stood_by or second != self.stood_at:
            if not self.basis.stands(known):
                return False
            self.stood_by, self.stood_at = known, second
        return True


def may_stand_first(settings: Settings) -> bool:
    """Whether a request that is like another one has nothing to be looked at but that."""
    return settings.AUTH_MODE == "none" and not (settings.DEBUG or settings.OTEL_ENABLED)


class Express:
    """ASGI application around ``app``, whose ``state`` it looks at; only where ``may_stand_first``."""

    def __init__(self, app: ASGIApp, state: State, telemetry: Telemetry) -> None:
        self._app = app
        self._state = state
        self._memory: ResponseMemory = state.response_memory
        self._telemetry = telemetry
        self._sent: OrderedDict[_Key, _Sent] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        told: dict[bytes, bytes] = dict(scope["headers"])
        # A header given twice is for others to make sense of.
        if len(told) != len(scope["headers"]) or not _LEFT_TO_OTHERS.isdisjoint(told):
            await self._app(scope, receive, send)
            return
        client = scope["client"]
        # What answers from memory, and what is added to them on the way out, depend on.
        key = (
            scope["path"],
            scope["query_string"],
            client and client[0],
            told.get(b"origin"),
            told.get(b"accept-encoding"),
            told.get(b"if-none-match"),
        )
        sent = self._sent.get(key)
        if sent is None or not sent.stands():
            await self._learn(scope, receive, send, key)
            return
        started = time.perf_counter()
        body = b""
        if sent.basis.body is not None:
            stored = self._memory.get(sent.basis.body)
            if stored is None:
                await self._learn(scope, receive, send, key)
                return
            body = stored.body
        named = (REQUEST_ID, request_id(told.get(REQUEST_ID)))
        if not write_at_once(send, sent.status, sent.head, body, named):
            headers = [*sent.headers, named]
            await send({"type": "http.response.start", "status": sent.status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        sent.tally.add(time.perf_counter() - started)

    async def _learn(self, scope: Scope, receive: Receive, send: Send, key: _Key) -> None:
        start: Message = {}

        async def send_noted(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            await send(message)

        await self._app(scope, receive, send_noted)
        basis: Basis | None = scope.get(BASIS)
        if basis is None or not start or sum(len(part) for part in key if part is not None) > _LONGEST:
            return
        headers = [(name, value) for name, value in start["headers"] if name != REQUEST_ID]
        status: int = start["status"]
        self._sent[key] = _Sent(
            basis,
            status,
            headers,
            head_of(status, headers),
            self._state.data_versions,
            self._telemetry.tally(scope["method"], status),
        )
        self._sent.move_to_end(key)
        if len(self._sent) > _MOST:
            self._sent.popitem(last=False)
