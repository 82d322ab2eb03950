"""Full-text search over signals, on the index that the table has for it."""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, func, literal_column
from sqlalchemy.dialects.postgresql import TSVECTOR

from backend.db.models import SEARCHED

_WORDS = re.compile(r"[^\W_]+")


def matches(words: str) -> ColumnElement[bool]:
    """Whether every word of ``words`` begins a word of the signal; capitals do not matter."""
    found = _WORDS.findall(words)
    if not found:
        return literal_column("false")
    query = " & ".join(f"'{word}':*" for word in found)
    return literal_column(SEARCHED, TSVECTOR).op("@@")(func.to_tsquery("simple", query))
