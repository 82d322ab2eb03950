"""How the command line ends when something fails: one message, one exit code."""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path

from backend.errors import DomainError
from transforms.errors import CompassError

INTERNAL_ERROR = 70


def report_failure(error: Exception) -> int:
    """Write what went wrong to stderr and return the exit code.

    An error that nobody foresaw leaves its traceback in a file, named in the message.
    """
    if isinstance(error, CompassError | DomainError):
        sys.stderr.write(f"error: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"hint: {error.hint}\n")
        return error.exit_code
    with tempfile.NamedTemporaryFile(
        "w", prefix="compass-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as stream:
        stream.write("".join(traceback.format_exception(error)))
    sys.stderr.write(f"internal error: {type(error).__name__}: {error}\n")
    sys.stderr.write(f"hint: the traceback is in {Path(stream.name)}; please report it\n")
    return INTERNAL_ERROR
