"""The one who acts: who it is, and what the role allows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from backend.enums import UserRole


class Right(StrEnum):
    """What an operation demands of whoever calls it."""

    READ = "read"
    WORK = "work"
    """Assign signals, move them on, comment, edit their texts."""
    ADMINISTER = "administer"
    """Manage users and keys, refresh caches."""


_EVERYBODY = frozenset({Right.READ})
_WORKERS = _EVERYBODY | {Right.WORK}

RIGHTS: dict[UserRole, frozenset[Right]] = {
    UserRole.ADMIN: _WORKERS | {Right.ADMINISTER},
    UserRole.CLINICAL_LEADERSHIP: _WORKERS,
    UserRole.NURSING_LEADERSHIP: _WORKERS,
    UserRole.ADMINISTRATION: _WORKERS,
    UserRole.VIEWER: _EVERYBODY,
}
"""What each role may do."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who calls the API; ``user_id`` is None where nobody has to sign in."""

    user_id: UUID | None
    name: str
    role: UserRole

    def may(self, right: Right) -> bool:
        """Whether the role allows it."""
        return right in RIGHTS[self.role]


LOCAL = Actor(user_id=None, name="local", role=UserRole.ADMIN)
"""Everybody, where AUTH_MODE is none: the service listens on the loopback interface only."""
