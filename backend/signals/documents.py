"""Where statements over signals take documents from: the mart of a signal's run, or the signal itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy
from sqlalchemy import ColumnElement, FromClause, Join, Select, Text, column, func, literal_column, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db.models import Signal as Row
from backend.db.session import is_undefined
from backend.services.signal_documents import DOCUMENTS

Rows = Select[*tuple[Any, ...]]
Found = sqlalchemy.Row[*tuple[Any, ...]]

# The name that the expressions of DOCUMENTS give it.
_MART: Final = table(
    "fct_signals", column("run_key", Text), column("entity_key", Text), schema="public_marts"
).alias("m")
_OF_SIGNAL: Final = (_MART.c.run_key == Row.run_key) & (_MART.c.entity_key == Row.entity_key)


@dataclass(frozen=True, slots=True)
class Documents:
    """Whether documents of active signals are to be had, and what a statement needs for it."""

    in_marts: bool

    def shown(self, columns: Iterable[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
        """``columns`` of signals, documents among them as they are shown."""
        return [self._shown(each) for each in columns]

    def _shown(self, own: ColumnElement[Any]) -> ColumnElement[Any]:
        name = str(own.key)
        if not self.in_marts or name not in DOCUMENTS:
            return own
        return func.coalesce(own, literal_column(DOCUMENTS[name], Text)).label(name)

    def beside(self, signals: FromClause) -> FromClause | Join:
        """``signals``, with the mart that documents stand in."""
        return signals.outerjoin(_MART, _OF_SIGNAL) if self.in_marts else signals


IN_MARTS: Final = Documents(in_marts=True)
KEPT: Final = Documents(in_marts=False)
"""For statements that show no document, and where nothing was built: what signals have themselves."""


async def read(connection: AsyncConnection, statement: Callable[[Documents], Rows]) -> Sequence[Found]:
    """Rows of a statement that shows documents; the first of its transaction, if it is in one.

    Marts that were never built, or that somebody has dropped, cost the documents and nothing else.
    """
    try:
        return (await connection.execute(statement(IN_MARTS))).all()
    except DBAPIError as error:
        if not is_undefined(error):
            raise
    await connection.rollback()
    return (await connection.execute(statement(KEPT))).all()
