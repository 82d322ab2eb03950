"""The report of a check that could not take place."""

from __future__ import annotations

import os
from pathlib import Path

from contracts.findings import Finding, Report, Severity
from contracts.rules.files import MISSING_DOCUMENT
from transforms.errors import CompassError, RunNotReadable

CANNOT_CHECK = "error"
"""Code of what kept a check from taking place, where no rule stands for it."""
INTERNAL_ERROR = "internal-error"
"""Code of an error that nobody foresaw."""


def as_report(path: Path, error: Exception) -> Report:
    """A report on the run at ``path`` with ``error`` as its one finding."""
    if isinstance(error, RunNotReadable):
        finding = MISSING_DOCUMENT.finding(error.message, hint=error.hint)
    elif isinstance(error, CompassError):
        finding = Finding(CANNOT_CHECK, Severity.ERROR, error.message, hint=error.hint)
    else:
        finding = Finding(INTERNAL_ERROR, Severity.ERROR, f"{type(error).__name__}: {error}")
    # abspath, as resolving may be the very thing that failed
    return Report(run_key="", path=os.path.abspath(path), findings=[finding])
