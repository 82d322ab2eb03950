"""Errors of the command line's world: each carries its facts, an exit code and a way out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from contracts.findings import Report


class CompassError(Exception):
    """An error a user can act on. ``exit_code`` is documented in the README."""

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


class UsageError(CompassError):
    """The command was called with values that do not fit together."""

    exit_code = 2


class FolderNotWritable(UsageError):
    """Files cannot be written into the folder that was named for them."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"cannot write {path}: {reason}", "name a folder that you may write to, with room")


class RunNotReadable(CompassError):
    """The directory is not a run, or cannot be read as one."""

    exit_code = 3

    def __init__(self, path: Path, reason: str, hint: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path} is not a readable run: {reason}", hint)


class RunBroken(CompassError):
    """The run breaks its contracts, as ``report`` lists."""

    exit_code = 1

    def __init__(self, report: Report, consequence: str, hint: str) -> None:
        self.report = report
        super().__init__(f"{report.run_key} {consequence}", hint)


class DatabaseUnavailable(CompassError):
    """The database does not answer, or its schema is not the one this version needs."""

    exit_code = 4
