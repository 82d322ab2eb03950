"""What happens around every request: an id, a line in the log, an answer whatever happens."""

from __future__ import annotations

import itertools
import logging
import os
import re
import time
from contextlib import suppress
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.auth.errors import BodyTooLarge
from backend.problems import failure, internal_problem

REQUEST_ID_HEADER = "X-Request-ID"
REQUEST_ID = REQUEST_ID_HEADER.lower().encode()
# What a caller sends goes into logs and headers: only what can do no harm there is taken over.
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
# Requests that have no name get the worker's, and a number.
_WORKER = os.urandom(8).hex().encode()
_numbers = itertools.count(1)

logger: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
# Knows without making a logger for the request whether a line would be shown.
_plain_logger = logging.getLogger(__name__)


class RequestContext:
    """ASGI middleware: names each request, logs it, and turns unforeseen errors into responses.

    Requests that end well are logged with DEBUG only.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = request_id(dict(scope["headers"]).get(REQUEST_ID))
        scope.setdefault("state", {})["request_id"] = name.decode()
        started = time.perf_counter()
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID, name)]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=name.decode()):
            try:
                await self._app(scope, receive, send_named)
            except Exception:
                logger.exception("request failed unexpectedly", method=scope["method"], path=scope["path"])
                if status:
                    raise
                await internal_problem(Request(scope))(scope, receive, send_named)
            finally:
                # Proxies in front log what goes well; DEBUG shows it here too.
                failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR
                if failed or _plain_logger.isEnabledFor(logging.DEBUG):
                    logger.log(
                        logging.WARNING if failed else logging.DEBUG,
                        "request",
                        method=scope["method"],
                        path=scope["path"],
                        status=status,
                        milliseconds=round((time.perf_counter() - started) * 1000, 1),
                    )


def request_id(given: bytes | None) -> bytes:
    """The name that the caller gave a request, or a new one."""
    if given is not None and _ACCEPTABLE_ID.fullmatch(given):
        return given
    return b"%b%016x" % (_WORKER, next(_numbers))


def without_body(send: Send) -> Send:
    """``send`` for HEAD: what is said to GET, less its body (RFC 9110, section 9.3.2)."""

    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head


_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)
# Answers of the API hold nothing to run or to embed; the pages that document it do.
_API_HEADERS = (
    *_SECURITY_HEADERS,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Hardening:
    """ASGI middleware: headers that browsers take for orders, and a limit to request bodies."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._limit = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0
        too_large = False

        async def receive_limited() -> Message:
            nonlocal received, too_large
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                too_large = True
                raise BodyTooLarge(self._limit)
            return message

        async def send_hardened(message: Message) -> None:
            # What a handler makes of a body cut short is not the answer.
            if too_large and not refusing:
                return
            # Whoever is told that an answer stands has its headers already (RFC 9110, section 15.4.5).
            if message["type"] == "http.response.start" and message["status"] != HTTPStatus.NOT_MODIFIED:
                added = _API_HEADERS if scope["path"].startswith("/api") else _SECURITY_HEADERS
                message["headers"] = [*message["headers"], *added]
            await send(message)

        refusing = False
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._limit:
            too_large = True
        else:
            with suppress(BodyTooLarge):
                await self._app(scope, receive_limited, send_hardened)
        if too_large:
            refusing = True
            error = BodyTooLarge(self._limit)
            await (await failure(Request(scope), error))(scope, receive, send_hardened)
