"""Who calls is found out before anything else happens to a request for data."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.auth.authenticator import authenticator
from backend.auth.errors import Unauthenticated
from backend.auth.limits import Limit
from backend.config import Settings
from backend.problems import failure

_PROTECTED = ("/api", "/metrics")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Authentication:
    """ASGI middleware: puts the actor into the request's state, or answers why it cannot."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._authenticator = authenticator(settings)
        self._signed_in = settings.AUTH_MODE != "none"
        self._writes = Limit("writes", settings.RATE_LIMIT_WRITES)
        self._failed = Limit("failed logins", settings.RATE_LIMIT_FAILED_LOGINS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith(_PROTECTED):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            await self._admit(request)
        # Whatever it is becomes an answer; what nobody foresaw is logged on the way.
        except Exception as error:
            await (await failure(request, error))(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _admit(self, request: Request) -> None:
        address = request.client.host if request.client else "local"
        if self._signed_in:
            self._failed.require(address)
        try:
            actor = await self._authenticator.identify(request, request.app.state.engine)
        except Unauthenticated:
            self._failed.count(address)
            raise
        if self._signed_in and request.method not in _READING:
            caller = str(actor.user_id or actor.name)
            self._writes.require(caller)
            self._writes.count(caller)
        request.state.actor = actor
