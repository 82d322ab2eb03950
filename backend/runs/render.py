"""Rows of runs as the API gives them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from sqlalchemy import RowMapping

from backend.runs.stored import SCORES
from backend.services.movement import COMPARED
from backend.services.run_diff import KINDS, LABEL, UNCHANGED

_RUN_ID_FORMAT: Final = "%Y%m%d%H%M%S"
# Of several anomalies of a method, the one of the score that is shown.
_FIRST_APPLIED: Final = (*SCORES, "slope_percentile")


def registry_entry(row: RowMapping) -> dict[str, Any]:
    """A run of the registry."""
    counts = row["row_counts"] or {}
    return {
        "run_key": row["run_key"],
        "graph_name": row["graph_name"],
        "run_id": row["run_id"],
        "state": row["state"],
        "row_count": sum(counts.values()),
        "row_counts": counts,
        "registered_at": row["created_at"],
        "updated_at": row["updated_at"],
        "loaded_at": row["loaded_at"],
        "built_at": row["built_at"],
        "published_at": row["published_at"],
        "error": row["error"],
    }


def registry_details(row: RowMapping) -> dict[str, Any]:
    """A run of the registry, with what its check found and what took how long."""
    return {
        **registry_entry(row),
        "checks": row["preflight"] or {},
        "durations": row["durations"] or {},
    }


def graphs(rows: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """Graphs and their latest runs; ``rows`` are by graph, newest first."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        graph = found.setdefault(
            row["graph_name"],
            {
                "graph_name": row["graph_name"],
                "run_count": 0,
                "latest_run_id": row["run_id"],
                "latest_run_timestamp": created_at(row),
            },
        )
        graph["run_count"] += 1
    return list(found.values())


def created_at(row: RowMapping) -> str | None:
    """When a run was computed; where it does not say so, the time that its id spells."""
    return instant(row["created_at"]) or _from_run_id(row["run_id"])


def instant(text: str | None) -> str | None:
    """A time as the engine wrote it, UTC if it says no offset; None for what is no time."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return text if read.tzinfo is not None and read.isoformat() == text else _written(read)


def _from_run_id(run_id: str) -> str | None:
    try:
        return _written(datetime.strptime(run_id, _RUN_ID_FORMAT))
    except ValueError:
        return None


def _written(moment: datetime) -> str:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware.isoformat().replace("+00:00", "Z")


def run_node(row: RowMapping) -> dict[str, Any]:
    """A node of a run's index."""
    return {
        "canonical_node_id": row["canonical_node_id"],
        "node_id": row["canonical_node_id"],
        "metric_id": row["metric_id"],
        "result_path": row["result_path"],
        "statistical_methods": _method_ids(row),
        "entity_scope_display_name": row["display_name"],
        "comparison_group": row["comparison_group"],
    }


def results(page: Sequence[RowMapping], statistics: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """Entities of a node with what their methods say; ``statistics`` are those of the page."""
    by_entity: dict[str, list[RowMapping]] = {}
    for row in statistics:
        by_entity.setdefault(row["entity_key"], []).append(row)
    order = {method: position for position, method in enumerate(_method_ids(page[0]) if page else [])}
    return [_result(row, sorted(by_entity.get(row["entity_key"], ()), key=_place(order))) for row in page]


def _place(order: Mapping[str, int]) -> Any:
    """Sort key: methods in the order of their node, of each the latest period before the mean."""

    def key(row: RowMapping) -> tuple[Any, ...]:
        applies_to = row["applies_to"]
        applied = _FIRST_APPLIED.index(applies_to) if applies_to in _FIRST_APPLIED else len(_FIRST_APPLIED)
        method = row["statistical_method"]
        return order.get(method, len(order)), method, applied, row["anomaly_method"] or ""

    return key


def _result(entity: RowMapping, methods: Sequence[RowMapping]) -> dict[str, Any]:
    dimensions = orjson.loads(entity["entity"])
    first = methods[0]["statistical_method"] if methods else None
    return {
        "entity_id": entity["facility_id"] or next((str(item["value"]) for item in dimensions), ""),
        "entity_dimensions": dimensions,
        "encounters": _whole(entity["encounters"]),
        "metric_value": _value(entity),
        "z_score": _first(row[score] for score in SCORES for row in methods),
        "percentile_rank": _first(row["percentile_rank"] for row in methods),
        "anomaly_label": _first(row["anomaly"] for row in methods if row["statistical_method"] == first),
    }


def _value(entity: RowMapping) -> float | None:
    """The entity's value; of a timeline, the latest there is."""
    if entity["timeline"] is None:
        return entity["metric_value"]  # type: ignore[no-any-return]
    points = sorted(orjson.loads(entity["timeline"]), key=lambda point: str(point["period"]), reverse=True)
    value: float | None = _first(point["value"] for point in points)
    return value


def _whole(number: float | None) -> int:
    return int(number) if number is not None and math.isfinite(number) else 0


def _first(values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _method_ids(row: RowMapping) -> list[str]:
    return orjson.loads(row["statistical_methods"] or "[]")  # type: ignore[no-any-return]


def diff(before: RowMapping, after: RowMapping, rows: Sequence[RowMapping], limit: int) -> dict[str, Any]:
    """What ``after`` changed against ``before``, at most ``limit`` signals of a kind."""
    counts = dict.fromkeys(KINDS, 0)
    lists: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS if kind != UNCHANGED}
    for row in rows:
        counts[row["kind"]] = row["total_count"]
        if row["kind"] in lists and len(lists[row["kind"]]) < limit:
            lists[row["kind"]].append(_diff_signal(row))
    return {"before": _diff_run(before), "after": _diff_run(after), "counts": counts, **lists}


def _diff_run(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in ("run_key", "graph_name", "run_id", "state")}


def _diff_signal(row: RowMapping) -> dict[str, Any]:
    sides = {
        side: {name: row[f"{side}_{name}"] for name in COMPARED} if row[f"is_{side}"] else None
        for side in ("before", "after")
    }
    both = row["is_before"] and row["is_after"]
    return {
        "signal_id": row["signal_id"],
        **{name: row[name] for name in LABEL},
        **sides,
        "changed": [name for name in COMPARED if both and row[f"before_{name}"] != row[f"after_{name}"]],
    }
