"""What was computed over whole tables, kept while the data that it was computed from stands.

A kept answer ends with its age, its page, its encoding; the number of signals that a filter lets
through does not. The versions are read with the rows, in one state of the database, so that a
value that is kept never meets rows of another state.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Subquery, func, select, type_coerce
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.types import NULLTYPE

from backend.db.models import DataVersion

_CAPACITY = 1_000


def standing(*scopes: str) -> Subquery:
    """One row, ``versions``: those of ``scopes`` in the state of the database that a statement reads."""
    versions = type_coerce(
        func.array_agg(aggregate_order_by(DataVersion.version, DataVersion.scope)), NULLTYPE
    )
    return select(versions.label("versions")).where(DataVersion.scope.in_(scopes)).subquery("standing")


class StandingValues:
    """Values by question, for the latest versions that they were computed from; the least used go."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[str, tuple[list[int], Any]] = OrderedDict()

    def get(self, question: str, versions: Sequence[int] | None) -> Any | None:
        """The value at exactly these versions, None when it is not known."""
        kept = self._kept.get(question)
        if versions is None or kept is None or kept[0] != list(versions):
            return None
        self._kept.move_to_end(question)
        return kept[1]

    def put(self, question: str, versions: Sequence[int] | None, value: Any) -> None:
        """Keep the value of these versions; without versions nothing tells how long it stands."""
        if versions is None:
            return
        self._kept[question] = list(versions), value
        self._kept.move_to_end(question)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
