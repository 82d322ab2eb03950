"""Rows of ``activity_events`` -> plain values that JSON responses are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping

from backend import cursors
from backend.enums import EventType

# Both spellings of a status change are in use.
_SAME = (("old_status", "from_status"), ("new_status", "to_status"))


def event(row: RowMapping) -> dict[str, Any]:
    """An event of the API."""
    payload = row["payload"]
    if row["event_type"] == EventType.STATUS_CHANGE:
        payload = _with_both_spellings(payload)
    return {
        "id": str(row["id"]),
        "event_type": row["event_type"],
        "signal_id": None if row["signal_id"] is None else str(row["signal_id"]),
        "user_id": None if row["user_id"] is None else str(row["user_id"]),
        "payload": payload,
        "read": row["read"],
        "created_at": row["created_at"],
    }


def page(rows: Sequence[RowMapping], limit: int, total_count: int) -> dict[str, Any]:
    """A page of the API; ``rows`` may be one more than ``limit``."""
    shown = rows[:limit]
    has_more = len(rows) > limit
    cursor = cursors.encode(shown[-1]["created_at"], str(shown[-1]["id"])) if has_more else None
    return {
        "events": [event(row) for row in shown],
        "cursor": cursor,
        "has_more": has_more,
        "total_count": total_count,
    }


def _with_both_spellings(payload: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(payload)
    for names in _SAME:
        value = next((payload[name] for name in names if name in payload), None)
        both |= {name: payload.get(name, value) for name in names}
    return both
