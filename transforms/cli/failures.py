"""How the command line ends when something fails: one message, one exit code."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from backend.errors import DomainError
from transforms.cli.foreseen import foreseen
from transforms.cli.options import json_asked_for
from transforms.cli.output import StdoutFailed, note, print_json, print_json_line, print_text
from transforms.errors import CompassError, RunBroken

INTERNAL_ERROR = 70


@dataclass(frozen=True, slots=True)
class _Failure:
    """What is said of an error."""

    message: str
    hint: str | None
    exit_code: int


def report_failure(error: Exception) -> int:
    """Write what went wrong to stderr and return the exit code.

    Stdout gets the report of a run that breaks its contracts and, where JSON was asked for, any other
    failure as a document: programs find one there, whatever happens.
    """
    error = foreseen(error) or error
    failure = _describe(error)
    try:
        _print_result(error, failure)
    except StdoutFailed as unwritten:
        note(f"error: {unwritten.message}")
    except BrokenPipeError:
        # Nobody reads the document; the message below and the exit code say the same.
        pass
    kind = "internal error" if failure.exit_code == INTERNAL_ERROR else "error"
    note(f"{kind}: {failure.message}")
    if failure.hint:
        note(f"hint: {failure.hint}")
    return failure.exit_code


def _print_result(error: Exception, failure: _Failure) -> None:
    if isinstance(error, RunBroken):
        from transforms.reports import as_json, as_text

        if json_asked_for():
            print_json(as_json(error.report))
        else:
            print_text(as_text(error.report))
    elif json_asked_for():
        # One line: `compass watch` has written others before.
        print_json_line({"error": asdict(failure)})


def _describe(error: Exception) -> _Failure:
    """What to say of ``error``.

    An error that nobody foresaw leaves its traceback in a file, named in the message. It is there to be
    passed on, so it holds no rows.
    """
    if isinstance(error, CompassError | DomainError):
        return _Failure(error.message, error.hint, error.exit_code)
    from backend.logs import format_exception

    with tempfile.NamedTemporaryFile(
        "w", prefix="compass-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as stream:
        stream.write(format_exception((type(error), error, error.__traceback__)) + "\n")
    # Further lines of a database's error repeat the row.
    summary = str(error).partition("\n")[0]
    return _Failure(
        f"{type(error).__name__}: {summary}",
        f"the traceback is in {Path(stream.name)}; please report it",
        INTERNAL_ERROR,
    )
