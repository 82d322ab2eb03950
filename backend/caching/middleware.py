"""ETags, 304 and answers from memory for GET; what a write may have changed is read again.

An ETag names versions of data, not bytes: it is known before a handler runs. The versions are
read before the handler reads, so that an answer may be newer than its ETag says, never older.
Answers that no version stands for have an ETag of their bytes, which spares sending them again.
"""

from __future__ import annotations

import hashlib
from typing import cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.auth.actor import Actor
from backend.caching.express import BASIS, Basis
from backend.caching.memory import ResponseMemory, Stored
from backend.caching.policy import is_stream, policy
from backend.caching.versions import DataVersions
from backend.compression import accepts_gzip
from backend.problems import failure

_VARY = "Accept-Encoding, Authorization, X-API-Key"
# Clients may keep an answer, and ask each time whether it still stands.
_CACHE_CONTROL = "private, no-cache"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_ANY = "*"


class Caching:
    """ASGI middleware; needs the actor, so it stands behind authentication.

    ``edition`` names what else answers depend on: the settings.
    """

    def __init__(self, app: ASGIApp, memory: ResponseMemory, edition: str) -> None:
        self._app = app
        self._memory = memory
        self._edition = hashlib.blake2b(edition.encode(), digest_size=16).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith("/api"):
            await self._app(scope, receive, send)
            return
        versions = cast(DataVersions, scope["app"].state.data_versions)
        if scope["method"] not in _READING:
            await self._write(scope, receive, send, versions)
            return
        rule = policy(scope["path"]) if scope["method"] == "GET" else None
        headers = Headers(scope=scope)
        if rule is None:
            await self._app(scope, receive, _tagged(scope, headers, send))
            return
        # Somebody who reloads wants to be sure (RFC 9111, section 5.2.1.4).
        if "no-cache" in headers.get("cache-control", ""):
            versions.doubt()
        try:
            current = await versions.current()
        # Whatever it is becomes an answer; what nobody foresaw goes on.
        except Exception as error:
            await (await failure(Request(scope), error))(scope, receive, send)
            return
        actor = cast(Actor, scope["state"]["actor"])
        gzip = accepts_gzip(headers)
        versions_of_scopes, period = tuple(map(current.get, rule.scopes)), rule.period()
        named = (
            self._edition,
            scope["path"],
            scope["query_string"],
            versions_of_scopes,
            period,
            (actor.user_id, actor.role) if rule.personal else None,
            gzip,
        )
        key = hashlib.blake2b(repr(named).encode(), digest_size=16).hexdigest()
        etag = f'W/"{key}"'
        anything = headers.get("if-none-match") == _ANY
        if anything:
            # Whether there is any (RFC 9110, section 13.1.2) only the answer tells.
            send = _tagged(scope, headers, send)
        elif _matches(headers.get("if-none-match"), etag):
            scope[BASIS] = Basis(rule, versions_of_scopes, period, body=None)
            await _send(send, 304, _validators(etag), b"")
            return
        stored = self._memory.get(key)
        if stored is not None:
            if not anything:
                scope[BASIS] = Basis(rule, versions_of_scopes, period, body=key)
            await _send(send, 200, stored.headers, stored.body)
            return
        await self._fill(scope, receive, send, key, etag)

    async def _write(self, scope: Scope, receive: Receive, send: Send, versions: DataVersions) -> None:
        async def send_noted(message: Message) -> None:
            # Whoever has read the answer may ask another worker before this one goes on.
            if message["type"] == "http.response.start":
                versions.written()
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            versions.written()

    async def _fill(self, scope: Scope, receive: Receive, send: Send, key: str, etag: str) -> None:
        kept: list[bytes] | None = None
        kept_headers: list[tuple[bytes, bytes]] = []

        async def send_kept(message: Message) -> None:
            nonlocal kept, kept_headers
            if message["type"] == "http.response.start" and message["status"] == 200:
                kept = []
                MutableHeaders(scope=message).update(dict(_text(_validators(etag))))
                # What is further out adds headers of its own to the message.
                kept_headers = list(message["headers"])
            elif message["type"] == "http.response.body" and kept is not None:
                kept.append(message.get("body", b""))
                if not message.get("more_body", False):
                    self._memory.put(key, Stored(kept_headers, b"".join(kept)))
            await send(message)

        await self._app(scope, receive, send_kept)


def _tagged(scope: Scope, headers: Headers, send: Send) -> Send:
    """``send`` for an answer to GET that is known whole: 304 for one that the client holds already.

    An answer without an ETag of its own gets one of its bytes; streams pass as they are.
    """
    if scope["method"] != "GET" or is_stream(scope["path"]):
        return send
    held: Message | None = None

    async def send_tagged(message: Message) -> None:
        nonlocal held
        if message["type"] == "http.response.start":
            if message["status"] == 200:
                held = message
            else:
                await send(message)
            return
        if held is not None:
            start, held = held, None
            body = message.get("body", b"")
            if not message.get("more_body", False):
                own = Headers(raw=start["headers"]).get("etag")
                etag = own or f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
                if _matches(headers.get("if-none-match"), etag):
                    await _send(send, 304, _validators(etag), b"")
                    return
                MutableHeaders(scope=start).update(dict(_text(_validators(etag))))
            await send(start)
        await send(message)

    return send_tagged


def _validators(etag: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"etag", etag.encode()),
        (b"cache-control", _CACHE_CONTROL.encode()),
        (b"vary", _VARY.encode()),
    ]


def _text(headers: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode()) for name, value in headers]


def _matches(condition: str | None, etag: str) -> bool:
    """Whether If-None-Match names ``etag``; weak comparison (RFC 9110, section 13.1.2)."""
    if condition is None:
        return False
    opaque = etag.removeprefix("W/")
    return condition == _ANY or any(
        each.strip().removeprefix("W/") == opaque for each in condition.split(",")
    )


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})
