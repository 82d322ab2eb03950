"""API keys: made once, shown once, kept as a hash.

A key is ``qc_<prefix>_<secret>``. The secret has 256 random bits, so that one round of SHA-256
keeps it; a slow hash is for secrets that people think up.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.auth.actor import Actor
from backend.auth.errors import AccountUnknown, KeyUnknown
from backend.db.models import ApiKey, User
from backend.enums import UserRole

NO_PASSWORD = "!"
"""What stands in the place of a password's hash: nobody signs in with a password."""

_FORM = re.compile(r"qc_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """An API key, as far as it is known after it was made."""

    prefix: str
    name: str
    user: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def usable(self) -> bool:
        """Whether the key lets anybody in, now."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > datetime.now(UTC))


async def create(
    connection: AsyncConnection, email: str, name: str, expires_at: datetime | None = None
) -> str:
    """A new key of the active user with this address; nobody can show it again. Raises AccountUnknown."""
    user_id = await connection.scalar(
        select(User.id).where(func.lower(User.email) == email.lower(), User.is_active)
    )
    if user_id is None:
        raise AccountUnknown(email)
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = f"qc_{prefix}_{secret}"
    await connection.execute(
        insert(ApiKey).values(
            user_id=user_id, name=name, prefix=prefix, key_hash=_hash(key), expires_at=expires_at
        )
    )
    return key


async def ensure_user(connection: AsyncConnection, email: str, role: UserRole) -> None:
    """Make an active user with this address, unless there is one; the address is its name for now."""
    known = await connection.scalar(select(User.id).where(func.lower(User.email) == email.lower()))
    if known is None:
        await connection.execute(
            insert(User).values(email=email.lower(), name=email, role=role.value, hashed_password=NO_PASSWORD)
        )


async def all_keys(connection: AsyncConnection) -> list[KeyInfo]:
    """Every key, the newest first."""
    rows = await connection.execute(
        select(
            ApiKey.prefix, ApiKey.name, User.email, User.role,
            ApiKey.created_at, ApiKey.expires_at, ApiKey.revoked_at,
        )
        .join(User, User.id == ApiKey.user_id)
        .order_by(ApiKey.created_at.desc(), ApiKey.prefix)
    )  # fmt: skip
    return [KeyInfo(*row) for row in rows]


async def revoke(connection: AsyncConnection, prefix: str) -> None:
    """End a key, for good; one that ended before stays as it is. Raises KeyUnknown."""
    found = await connection.scalar(
        update(ApiKey)
        .where(ApiKey.prefix == prefix)
        .values(revoked_at=func.coalesce(ApiKey.revoked_at, func.now()))
        .returning(ApiKey.id)
    )
    if found is None:
        raise KeyUnknown(prefix)


async def owner(connection: AsyncConnection, key: str) -> Actor | None:
    """The active user whose key this is; None when it is nobody's, ended or expired."""
    form = _FORM.fullmatch(key)
    if form is None:
        return None
    row = (
        await connection.execute(
            select(ApiKey.key_hash, User.id, User.name, User.role)
            .join(User, User.id == ApiKey.user_id)
            .where(
                ApiKey.prefix == form.group(1),
                ApiKey.revoked_at.is_(None),
                or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()),
                User.is_active,
            )
        )
    ).one_or_none()
    if row is None or not hmac.compare_digest(row.key_hash, _hash(key)):
        return None
    return Actor(user_id=UUID(str(row.id)), name=row.name, role=UserRole(row.role))


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
