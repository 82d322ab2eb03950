"""Rows of the ontology as the API gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import RowMapping

from backend.metadata.stored import parse
from backend.ontology.edges import EDGE_LABELS
from backend.ontology.vertices import DESCRIBED, VERTEX_LABELS


def stats(rows: Sequence[RowMapping]) -> dict[str, dict[str, int]]:
    """Counts by label; those of several declarations are added."""
    counts = {"vertex": dict.fromkeys(VERTEX_LABELS, 0), "edge": dict.fromkeys(EDGE_LABELS, 0)}
    for row in rows:
        counts[row["kind"]][row["label"]] += row["count"]
    return {f"{kind}_counts": by_label for kind, by_label in counts.items()}


def vertex(row: RowMapping) -> dict[str, Any]:
    """A vertex."""
    return _vertex(row["label"], row["id"], row["properties"])


def neighbor(row: RowMapping, vertices: Mapping[tuple[str, str], RowMapping]) -> dict[str, Any]:
    """What is at the other end of an edge, and the edge."""
    label, vertex_id = row["neighbor_label"], row["neighbor_id"]
    found = vertices.get((label, vertex_id))
    return {
        "vertex": _vertex(label, vertex_id, None if found is None else found["properties"]),
        "edge": {name: row[name] for name in ("label", "from_id", "to_id", "properties")},
    }


def _vertex(label: str, vertex_id: str, properties: dict[str, Any] | None) -> dict[str, Any]:
    if label in DESCRIBED:
        properties = DESCRIBED[label](vertex_id)
    # An edge may lead to what no run describes, e.g. a metric; its id is all there is to say then.
    return {"id": vertex_id, "label": label, "properties": properties or {"id": vertex_id}}


def metric(row: RowMapping) -> dict[str, Any]:
    """A metric."""
    return {
        "id": row["metric_id"],
        "name": row["display_name"],
        "description": row["description"],
        "domain": row["domain"],
        "polarity": row["polarity"],
        "unit_type": row["unit_type"],
        "node_count": int(row["node_count"]),
        "signal_count": int(row["signal_count"]),
    }


def dimensions(groupings: Sequence[RowMapping], bundles: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """Dimensions by id; where several runs name one, the last one counts."""
    named: dict[str, dict[str, Any]] = {}
    for bundle in bundles:
        content = parse(bundle["content"], bundle["run_key"], "metadata_bundle") or {}
        listed = content.get("group_by_types")
        for each in listed if isinstance(listed, list) else ():
            if isinstance(each, dict) and isinstance(each.get("id"), str):
                named[each["id"]] = each
    found: dict[str, dict[str, Any]] = {}
    for row in groupings:
        for each in orjson.loads(row["group_bys"]):
            name = named.get(each["type"], {})
            dimension = found.setdefault(
                each["type"],
                {
                    "id": each["type"],
                    "name": _text(name.get("display_name")) or each["type"],
                    "description": _text(name.get("description")),
                    "dataset_field": each["dataset_field"],
                    "node_count": 0,
                },
            )
            dimension["node_count"] += row["node_count"]
    return [found[dimension_id] for dimension_id in sorted(found)]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
