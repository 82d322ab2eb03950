"""Runs that are whole, and what may not be done to the one that is served."""

from __future__ import annotations

from backend.enums import RunState
from transforms.errors import UsageError

HELD = (RunState.LOADED, RunState.BUILT, RunState.PUBLISHED, RunState.SUPERSEDED)
"""States of a run whose rows in the raw tables are whole, and nobody is at them."""


class PublishedRunProtected(UsageError):
    """What was asked for would change the rows of a published run under its readers."""

    def __init__(self, run_key: str, reason: str, hint: str) -> None:
        self.run_key = run_key
        super().__init__(f"{run_key} is published: {reason}", hint)
