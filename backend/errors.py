"""What can go wrong, as classes that carry the facts; HTTP and command line render the same object.

``slug`` names the kind of problem for programs, ``status`` is its HTTP status, and the docstring
of a class is its description in the API's documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID


class DomainError(Exception):
    """Something the caller can understand and act on. ``hint`` says how."""

    slug: ClassVar[str] = "error"
    title: ClassVar[str] = "Error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)

    def headers(self) -> dict[str, str]:
        """Headers that an HTTP response must have besides."""
        return {}

    def members(self) -> dict[str, Any]:
        """Facts for programs, as further members of the problem (RFC 9457, section 3.2)."""
        return {}

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class DatabaseUnavailable(DomainError):
    """The database does not answer; trying again later may help."""

    slug = "database-unavailable"
    title = "Database unavailable"
    status = 503
    exit_code = 4

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The database does not answer: {reason}", "check DATABASE_URL and that the server runs"
        )


class StatementTimeout(DomainError):
    """The database took longer than DATABASE_STATEMENT_TIMEOUT allows."""

    slug = "statement-timeout"
    title = "The database took too long"
    status = 503

    def __init__(self) -> None:
        super().__init__("The database took too long to answer", "narrow the request, or try again later")


class SchemaMismatch(DomainError):
    """The database's schema is not the one that this version needs."""

    slug = "schema-mismatch"
    title = "Database schema out of step"
    status = 503
    exit_code = 4

    def __init__(self, current: str | None, head: str, *, known: bool) -> None:
        self.current = current
        self.head = head
        self.known = known
        if current is None:
            found, hint = "the database has no schema yet", "run `compass db upgrade`"
        elif known:
            found, hint = f"the database's schema is at {current}", "run `compass db upgrade`"
        else:
            found = f"the database's schema is at {current}, which this version does not know"
            hint = "run the version of the program that made it, or a newer one"
        super().__init__(f"{found}; this version needs {head}", hint)


class CursorInvalid(DomainError):
    """The cursor is not one that a page of this list ended with."""

    slug = "cursor-invalid"
    title = "Cursor invalid"
    status = 400

    def __init__(self) -> None:
        super().__init__(
            "The cursor is not valid here: take the one of the page before, with the same sort and filters"
        )


class SignalNotFound(DomainError):
    """No signal has this id."""

    slug = "signal-not-found"
    title = "Signal not found"
    status = 404

    def __init__(self, signal_id: UUID) -> None:
        self.signal_id = signal_id
        super().__init__(f"Signal not found: {signal_id}")


class TechnicalDetailsMissing(DomainError):
    """The signal exists, but no analytic row was stored for it."""

    slug = "technical-details-missing"
    title = "Technical details missing"
    status = 404

    def __init__(self, signal_id: UUID) -> None:
        self.signal_id = signal_id
        super().__init__(f"Technical details not found for signal {signal_id}")


class ContributionsMissing(DomainError):
    """The signal belongs to no facility, so nothing contributes to it."""

    slug = "contributions-missing"
    title = "Contributions missing"
    status = 404

    def __init__(self, signal_id: UUID) -> None:
        self.signal_id = signal_id
        super().__init__(f"Signal {signal_id} has no facility, and so no contributions")


class RunUnknown(DomainError):
    """The registry holds no such run."""

    slug = "run-unknown"
    title = "Run unknown"
    status = 404
    exit_code = 2

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"no run {name!r} is loaded", "see `compass runs list`")


class RunAmbiguous(DomainError):
    """Several graphs have a run of this id."""

    slug = "run-ambiguous"
    title = "Run ambiguous"
    status = 400
    exit_code = 2

    def __init__(self, name: str, candidates: Sequence[str]) -> None:
        self.name = name
        self.candidates = tuple(candidates)
        super().__init__(
            f"{name!r} names several runs: {', '.join(candidates)}", "name it as <graph>/<run_id>"
        )


class RunNotBuilt(DomainError):
    """Only a run whose marts are built can be published."""

    slug = "run-not-built"
    title = "Run not built"
    status = 409

    def __init__(self, run_key: str, state: str) -> None:
        self.run_key = run_key
        self.state = state
        super().__init__(f"{run_key} is {state}, not built, and cannot be published", "run `compass build`")


class RunNotPublished(DomainError):
    """Signals are those of published runs; this one is not published."""

    slug = "run-not-published"
    title = "Run not published"
    status = 409

    def __init__(self, run_key: str, state: str) -> None:
        self.run_key = run_key
        self.state = state
        super().__init__(
            f"{run_key} is {state}; signals come from published runs only", f"run `compass publish {run_key}`"
        )


class NothingPublished(DomainError):
    """No run is published, so there is nothing to hydrate from."""

    slug = "nothing-published"
    title = "Nothing published"
    status = 409

    def __init__(self) -> None:
        super().__init__("no run is published", "bring one in with `compass ingest DIR`")


class MartsMissing(DomainError):
    """A mart that hydration reads does not exist, or lacks a column."""

    slug = "marts-missing"
    title = "Marts missing"
    status = 409

    def __init__(self, run_key: str, reason: str) -> None:
        self.run_key = run_key
        self.reason = reason
        super().__init__(f"cannot hydrate {run_key}: {reason}", "build the marts with `compass build`")


class MartValueInvalid(DomainError):
    """A value in a mart cannot become part of a signal."""

    slug = "mart-value-invalid"
    title = "Mart value invalid"
    status = 409

    def __init__(self, run_key: str, reason: str) -> None:
        self.run_key = run_key
        self.reason = reason
        super().__init__(
            f"cannot hydrate {run_key}: a value in public_marts.fct_signals is not one of a signal: {reason}",
            "check the run with `compass preflight`",
        )
