"""How the command line ends when something fails: one message, one exit code."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from backend.errors import DomainError
from transforms.errors import CompassError

INTERNAL_ERROR = 70


def report_failure(error: Exception) -> int:
    """Write what went wrong to stderr and return the exit code.

    An error that nobody foresaw leaves its traceback in a file, named in the message. It is there to be
    passed on, so it holds no rows.
    """
    if isinstance(error, CompassError | DomainError):
        sys.stderr.write(f"error: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"hint: {error.hint}\n")
        return error.exit_code
    from backend.logs import format_exception

    with tempfile.NamedTemporaryFile(
        "w", prefix="compass-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as stream:
        stream.write(format_exception((type(error), error, error.__traceback__)) + "\n")
    # Further lines of a database's error repeat the row.
    summary = str(error).partition("\n")[0]
    sys.stderr.write(f"internal error: {type(error).__name__}: {summary}\n")
    sys.stderr.write(f"hint: the traceback is in {Path(stream.name)}; please report it\n")
    return INTERNAL_ERROR
