"""What happens around every request: an id, a line in the log, an answer whatever happens."""

from __future__ import annotations

import re
import time
import uuid
from contextlib import suppress
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.auth.errors import BodyTooLarge
from backend.problems import failure, internal_problem

REQUEST_ID_HEADER = "X-Request-ID"
# What a caller sends goes into logs and headers: only what can do no harm there is taken over.
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

logger: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


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
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_named)
            except Exception:
                logger.exception("request failed unexpectedly", method=scope["method"], path=scope["path"])
                if status:
                    raise
                await internal_problem(Request(scope))(scope, receive, send_named)
            finally:
                # Proxies in front log what goes well; DEBUG shows it here too.
                log = logger.warning if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logger.debug
                log(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    milliseconds=round((time.perf_counter() - started) * 1000, 1),
                )


def _request_id(headers: Headers) -> str:
    given = headers.get(REQUEST_ID_HEADER, "")
    return given if _ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex


_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
# Answers of the API hold nothing to run or to embed; the pages that document it do.
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"


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
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_SECURITY_HEADERS)
                if scope["path"].startswith("/api"):
                    headers["Content-Security-Policy"] = _API_POLICY
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
