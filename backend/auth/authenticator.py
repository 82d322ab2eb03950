"""From a request's headers to an actor, in the way that AUTH_MODE names."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Protocol
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import HTTPConnection

from backend.auth import api_keys
from backend.auth.actor import LOCAL, Actor
from backend.auth.errors import Forbidden, RemoteWithoutAuthentication, Unauthenticated
from backend.config import Settings
from backend.db.models import User
from backend.db.session import snapshot
from backend.enums import UserRole

API_KEY_HEADER = "X-API-Key"

SECURITY_SCHEMES = {
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": API_KEY_HEADER,
        "description": "With AUTH_MODE=api_key.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A JSON Web Token with AUTH_MODE=jwt; an API key with AUTH_MODE=api_key.",
    },
}
"""Ways to sign in, as the OpenAPI document names them."""

SECURITY: list[dict[str, list[str]]] = [{}, {"apiKey": []}, {"bearer": []}]
"""What an operation asks for: nothing where AUTH_MODE is none, else one of both."""


class Authenticator(Protocol):
    """Finds out who calls."""

    async def identify(self, request: HTTPConnection, engine: AsyncEngine) -> Actor:
        """The caller. Raises Unauthenticated, Forbidden and what the database raises."""
        ...


class Open:
    """Nobody signs in; callers on other machines are refused unless the network is trusted."""

    def __init__(self, settings: Settings) -> None:
        self._trusted = settings.TRUST_NETWORK

    async def identify(self, request: HTTPConnection, engine: AsyncEngine) -> Actor:
        """Whoever it is, when it is on this machine. Raises RemoteWithoutAuthentication."""
        # Without an address the caller came over a Unix socket.
        if not self._trusted and request.client is not None and not is_loopback(request.client.host):
            raise RemoteWithoutAuthentication(request.client.host)
        return LOCAL


class ByKey:
    """Callers send an API key, as ``X-API-Key`` or as bearer token."""

    async def identify(self, request: HTTPConnection, engine: AsyncEngine) -> Actor:
        """The key's owner. Raises Unauthenticated."""
        key = request.headers.get(API_KEY_HEADER) or bearer_token(request)
        if key is None:
            raise Unauthenticated(f"Send an API key as {API_KEY_HEADER}")
        async with snapshot(engine) as connection:
            actor = await api_keys.owner(connection, key)
        if actor is None:
            raise Unauthenticated("The API key is unknown, expired or revoked")
        return actor


class ByToken:
    """Callers send a JSON Web Token; those whose address has an account act as that user."""

    def __init__(self, settings: Settings) -> None:
        # Cryptography takes a while to import, and most services do without.
        from backend.auth.tokens import TokenVerifier

        self._verifier = TokenVerifier(settings)
        self._role_claim = settings.AUTH_JWT_ROLE_CLAIM

    async def identify(self, request: HTTPConnection, engine: AsyncEngine) -> Actor:
        """The token's subject. Raises Unauthenticated, Forbidden."""
        token = bearer_token(request)
        if token is None:
            raise Unauthenticated("Send a token: Authorization: Bearer <token>")
        claims = await self._verifier.claims(token)
        email, subject = claims.get("email"), str(claims.get("sub") or "")
        if isinstance(email, str) and "\0" not in email:
            async with snapshot(engine) as connection:
                row = (
                    await connection.execute(
                        select(User.id, User.name, User.role, User.is_active)
                        .where(func.lower(User.email) == email.lower())
                        .order_by(User.is_active.desc(), User.id)
                        .limit(1)
                    )
                ).one_or_none()
            if row is not None:
                if not row.is_active:
                    raise Unauthenticated("The account has been closed")
                return Actor(user_id=UUID(str(row.id)), name=row.name, role=UserRole(row.role))
        role = claims.get(self._role_claim)
        if role not in set(UserRole):
            raise Forbidden(subject or "the caller", "no role", "read")
        return Actor(user_id=None, name=str(claims.get("name") or subject), role=UserRole(role))


def authenticator(settings: Settings) -> Authenticator:
    """The one that ``settings`` ask for."""
    match settings.AUTH_MODE:
        case "api_key":
            return ByKey()
        case "jwt":
            return ByToken(settings)
        case "none":
            return Open(settings)


@lru_cache(maxsize=1_024)
def is_loopback(host: str) -> bool:
    """Whether an address, or a name like localhost, is of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def bearer_token(request: HTTPConnection) -> str | None:
    """The token of the Authorization header, if it has one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
