"""How long work tells of itself, without knowing whether a terminal or nobody listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]
"""Called with how much more is done, in the step's unit."""


class Progress(Protocol):
    """Receives the steps of a pipeline, one after the other."""

    def step(self, name: str, total: int | None = None) -> AbstractContextManager[Advance]:
        """Enter a step of ``total`` units (None when unknown); the result advances it."""
        ...


class NoProgress:
    """Progress that nobody watches."""

    @contextmanager
    def step(self, name: str, total: int | None = None) -> Iterator[Advance]:
        """Enter a step; advancing it does nothing."""
        yield lambda amount: None
