"""Errors of libraries that operators cause and can mend, in words for them."""

from __future__ import annotations

import asyncpg
from pydantic import ValidationError

from backend.config import SETTINGS_HINT, Settings, wrong_settings
from transforms.errors import CompassError, DatabaseUnavailable, UsageError
from transforms.settings import CommandSettings

_SETTINGS = {Settings.__name__, CommandSettings.__name__}


class SettingsInvalid(UsageError):
    """Variables of the environment, or lines of the .env file, hold what they cannot."""

    def __init__(self, message: str) -> None:
        super().__init__(message, SETTINGS_HINT)


class RightMissing(DatabaseUnavailable):
    """The role that the command connects as may not do what the command does."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"the database refuses this role a right: {reason}",
            "grant it to the role of DATABASE_URL, or name the role that owns the database there",
        )


def foreseen(error: Exception) -> CompassError | None:
    """What ``error`` means to whoever runs the command; None when nobody foresaw it."""
    if isinstance(error, ValidationError) and error.title in _SETTINGS:
        return SettingsInvalid(wrong_settings(error))
    refused = _refusal(error)
    return None if refused is None else RightMissing(str(refused.args[0]))


def _refusal(error: BaseException | None) -> asyncpg.InsufficientPrivilegeError | None:
    """The refusal that led to ``error``, which SQLAlchemy hides behind errors of its own."""
    while error is not None and not isinstance(error, asyncpg.InsufficientPrivilegeError):
        error = error.__cause__
    return error
