"""What can go wrong with users."""

from __future__ import annotations

from uuid import UUID

from backend.errors import DomainError


class UserNotFound(DomainError):
    """No user has this id."""

    slug = "user-not-found"
    title = "User not found"
    status = 404

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        super().__init__(f"User not found: {user_id}")


class EmailTaken(DomainError):
    """Another user, active or not, has this address; capitals do not matter."""

    slug = "email-taken"
    title = "Address taken"
    status = 409

    def __init__(self, email: str) -> None:
        self.email = email
        super().__init__(f"A user with the address {email} exists already")


class OwnAccount(DomainError):
    """Administrators can neither deactivate nor demote themselves, so that one is always left."""

    slug = "own-account"
    title = "Own account"
    status = 409

    def __init__(self) -> None:
        super().__init__("Another administrator has to deactivate you or to change your role")
