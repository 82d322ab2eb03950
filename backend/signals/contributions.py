"""What a signal's parts contribute to it, and what it contributes to its parent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    Boolean,
    Double,
    RowMapping,
    Select,
    Text,
    column,
    func,
    literal,
    select,
    table,
    union_all,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.db.models import Signal as Row
from backend.db.session import is_undefined_table

_MART = table(
    "fct_contributions",
    *(
        column(name, Text)
        for name in (
            "run_key", "metric_id", "method", "parent_node_id", "child_node_id", "parent_entity",
            "child_entity", "parent_entity_key", "child_entity_key", "weight_field",
        )
    ),
    *(
        column(name, Double)
        for name in (
            "child_value", "parent_value", "weight_value", "weight_share", "contribution_value",
            "excess_over_parent", "abs_excess",
        )
    ),
    column("is_node_metric", Boolean),
    schema="public_marts",
)  # fmt: skip

_SHOWN = tuple(
    each
    for each in _MART.c
    if each.name not in {"run_key", "metric_id", "parent_entity_key", "child_entity_key", "is_node_metric"}
)
_LARGEST_FIRST = (_MART.c.abs_excess.desc().nulls_last(), _MART.c.child_entity, _MART.c.child_node_id)

_SERVICE_LINES = ("vizientSubServiceLine", "vizientServiceLine")
_LEVELS = ("facility", "service_line", "sub_service_line")


async def of_signal(connection: AsyncConnection, signal_id: UUID, top_n: int) -> Sequence[RowMapping]:
    """Contributions to a signal, ``top_n`` at most, and its own; none where the mart was never built."""
    try:
        return (await connection.execute(_both(signal_id, top_n))).mappings().all()
    except DBAPIError as error:
        if is_undefined_table(error):
            return []
        raise


def _both(signal_id: UUID, top_n: int) -> Select[*tuple[Any, ...]]:
    """Rows of both directions; ``upward`` tells them apart. The metric itself only, no z-score rows."""
    signal = select(Row.run_key, Row.entity_key, Row.metric_id).where(Row.id == signal_id).cte("signal")
    same = (_MART.c.run_key == signal.c.run_key) & (_MART.c.metric_id == signal.c.metric_id)
    downward = (
        select(literal(False).label("upward"), *_SHOWN)
        .join(signal, same & (_MART.c.parent_entity_key == signal.c.entity_key))
        .order_by(*_LARGEST_FIRST)
        .limit(top_n)
        .subquery("downward")
    )
    # The nearest parent names most dimensions.
    upward = (
        select(literal(True).label("upward"), *_SHOWN)
        .join(signal, same & (_MART.c.child_entity_key == signal.c.entity_key))
        .order_by(func.length(_MART.c.parent_entity).desc(), *_LARGEST_FIRST, _MART.c.parent_node_id)
        .limit(1)
        .subquery("upward_one")
    )
    both = union_all(select(downward), select(upward)).subquery("both")
    return select(both)


def hierarchy_level(dimensions: Mapping[str, str] | None) -> str:
    """Level of a signal, by how many dimensions divide its facility to get to it."""
    return _LEVELS[min(len(dimensions or {}), len(_LEVELS) - 1)]


def render(rows: Sequence[RowMapping], dimensions: Mapping[str, str] | None) -> dict[str, Any]:
    """Both directions as the API shows them; ``dimensions`` are those of the signal."""
    downward = [_contribution(row) for row in rows if not row["upward"]]
    upward = [_contribution(row) for row in rows if row["upward"]]
    # Contributions of one size come in the order of their labels.
    downward.sort(key=lambda each: (-abs(each["excess_over_parent"] or 0), each["child_entity_label"]))
    return {
        "upward_contribution": upward[0] if upward else None,
        "downward_contributions": downward,
        "signal_hierarchy_level": hierarchy_level(dimensions),
        "has_children": bool(downward),
        "has_parent": bool(upward),
    }


def excess_percent(excess: float | None, parent_value: float | None) -> float | None:
    """How far a part moves its parent, in percent of the parent's size; None where that says nothing."""
    if excess is None or not parent_value:
        return None
    return round(excess / abs(parent_value) * 100, 1)


def label(parent: Mapping[str, str], child: Mapping[str, str] | None) -> str:
    """Name of a part: the value of the dimension by which it divides its parent."""
    if not child:
        return "Root"
    added = {key: value for key, value in child.items() if parent.get(key) != value}
    for names in (added, child):
        for key in _SERVICE_LINES:
            if key in names:
                return names[key]
        if names:
            return next(iter(names.values()))
    return "Unknown"


def describe(name: str, excess: float | None, weight: float) -> str:
    """A contribution in a sentence; both numbers in percent."""
    volume = f"{weight:.1f}% of total volume"
    if excess is None:
        return f"{name} accounts for {volume}"
    if excess > 0:
        return f"{name} contributes {excess:.1f}% above parent average, accounting for {volume}"
    if excess < 0:
        return f"{name} performs {-excess:.1f}% below parent average, representing {volume}"
    return f"{name} matches parent average, representing {volume}"


def _contribution(row: RowMapping) -> dict[str, Any]:
    parent = _entity(row["parent_entity"]) or {}
    child = _entity(row["child_entity"])
    weight = round((row["weight_share"] or 0.0) * 100, 1)
    excess = excess_percent(row["excess_over_parent"], row["parent_value"])
    name = label(parent, child)
    return {
        "method": row["method"] or "weighted_mean",
        "child_value": row["child_value"],
        "parent_value": row["parent_value"],
        "weight_field": row["weight_field"] or "encounters",
        "weight_value": row["weight_value"] or 0.0,
        "weight_share_percent": weight,
        "contribution_value": row["contribution_value"],
        "excess_over_parent": row["excess_over_parent"],
        "excess_over_parent_percent": excess,
        "parent_node_id": row["parent_node_id"],
        "child_node_id": row["child_node_id"],
        "parent_entity": parent,
        "child_entity": child,
        "child_entity_label": name,
        "description": describe(name, excess, weight),
    }


def _entity(text: str | None) -> dict[str, str] | None:
    """Names and values of an entity; what is empty is left out, None when nothing is left."""
    if text is None:
        return None
    entity = {str(key): str(value) for key, value in orjson.loads(text).items() if value not in (None, "")}
    return entity or None
