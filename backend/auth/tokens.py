"""JSON Web Tokens: signature by the one algorithm of the settings, issuer, audience, times."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import urllib.request
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey

from backend.auth.errors import IdentityProviderUnavailable, Unauthenticated
from backend.config import Settings

_FETCH_SECONDS = 5.0
_KEYS_KEPT_SECONDS = 300.0
_MAX_JWKS_BYTES = 1_000_000


class TokenVerifier:
    """Checks tokens; public keys are fetched again every five minutes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: OctKey | KeySet | None = None
        self._fetched = 0.0
        self._claims = jwt.JWTClaimsRegistry(
            leeway=settings.AUTH_JWT_LEEWAY,
            iss={"essential": True, "value": settings.AUTH_JWT_ISSUER or ""},
            aud={"essential": True, "value": settings.AUTH_JWT_AUDIENCE or ""},
            exp={"essential": True},
        )

    async def claims(self, token: str) -> dict[str, Any]:
        """Claims of a valid token. Raises Unauthenticated, IdentityProviderUnavailable."""
        key = await self._key()
        try:
            decoded = jwt.decode(token, key, algorithms=[self._settings.AUTH_JWT_ALGORITHM])
            self._claims.validate(decoded.claims)
        # What a token holds comes from anybody, and the library does not foresee all of it.
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise Unauthenticated(f"The token is not valid: {_reason(error)}") from error
        return dict(decoded.claims)

    async def _key(self) -> OctKey | KeySet:
        if self._keys is None or time.monotonic() - self._fetched > _KEYS_KEPT_SECONDS:
            self._keys = await self._import_key()
            self._fetched = time.monotonic()
        return self._keys

    async def _import_key(self) -> OctKey | KeySet:
        secret, source = self._settings.AUTH_JWT_SECRET, self._settings.AUTH_JWT_JWKS
        if self._settings.AUTH_JWT_ALGORITHM.startswith("HS"):
            assert secret is not None, "the settings check it"
            return OctKey.import_key(secret.get_secret_value())
        assert source is not None, "the settings check it"
        try:
            return await asyncio.to_thread(_fetch, source)
        except (OSError, ValueError, JoseError) as error:
            raise IdentityProviderUnavailable(type(error).__name__) from error


def _fetch(source: str) -> KeySet:
    if source.startswith("https://"):
        context = ssl.create_default_context()
        with urllib.request.urlopen(source, timeout=_FETCH_SECONDS, context=context) as answer:  # noqa: S310
            text = answer.read(_MAX_JWKS_BYTES)
    else:
        text = Path(source).read_bytes()
    return KeySet.import_key_set(json.loads(text))


def _reason(error: Exception) -> str:
    return error.error.replace("_", " ") if isinstance(error, JoseError) else "it cannot be read"
