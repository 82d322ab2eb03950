"""QC531-QC536: results index, node headers, YAML definitions and the graph agree on each node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from contracts.findings import Finding, Severity
from contracts.json_values import number_at, text_at, value_at
from contracts.names import is_legacy, method_name
from contracts.rules.gather import limited
from contracts.rules.rule import Rule
from contracts.run_data import RunData

INDEX_ENTRY_DIFFERS = Rule(
    "QC531",
    "index-entry-differs",
    Severity.ERROR,
    "An entry of the results index does not fit its node",
    "Results would be shown under another node or metric",
    "Write the results index again",
)
TEMPORAL_CONTEXT = Rule(
    "QC532",
    "temporal-context",
    Severity.ERROR,
    "The temporal context of a node does not fit its time grain or its own months",
    "Timelines are drawn over this window",
    "Write start, end and number of months of temporal nodes, and none for aggregate nodes",
)
METHODS_DIFFER = Rule(
    "QC533",
    "methods-differ",
    Severity.ERROR,
    "Index, header, definition and entities do not name the same statistical methods in order",
    "Statistics would be missing, or be shown under another method",
    "Compute the node again",
)
HEADER_DIFFERS = Rule(
    "QC534",
    "header-differs",
    Severity.ERROR,
    "The header of a node file does not fit its name or its index entry",
    "The file may belong to another node or another run",
    "Copy index and node files from one export",
)
ENTITY_COUNT_DIFFERS = Rule(
    "QC535",
    "entity-count-differs",
    Severity.ERROR,
    "A node file does not have as many entities as its header says",
    "Entities are missing, or there twice",
    "Copy the file again, or compute the node again",
)
HEADER_EDGES_DIFFER = Rule(
    "QC536",
    "header-edges-differ",
    Severity.ERROR,
    "Children or parents in a node header are not those of the graph",
    "Trends and drill-down would not be found",
    "Compute the node again with the current graph",
)

RULES = (
    INDEX_ENTRY_DIFFERS,
    TEMPORAL_CONTEXT,
    METHODS_DIFFER,
    HEADER_DIFFERS,
    ENTITY_COUNT_DIFFERS,
    HEADER_EDGES_DIFFER,
)

RESULTS_INDEX = "results/index.json"
AGGREGATE = "aggregate_time_period"
MONTHS_A_YEAR = 12

Row = dict[str, Any]


def check_results(data: RunData) -> list[Finding]:
    """Every document that describes a node against the others."""
    graph = {row["canonical_node_id"]: row for row in data.auxiliary["graph_nodes"].to_dicts()}
    entries = {row["canonical_node_id"]: row for row in data.auxiliary["index_nodes"].to_dicts()}
    headers = data.auxiliary["node_headers"].to_dicts()
    return limited(
        (
            *(found for entry in entries.values() for found in _check_entry(entry, graph)),
            *(found for header in headers for found in _check_header(data, header, entries, graph)),
            *_check_methods(data, entries),
            *_check_edges(data, headers),
        )
    )


def _check_entry(entry: Row, graph: dict[str, Row]) -> Iterator[Finding]:
    node_id, path = entry["canonical_node_id"], f"/nodes/{entry['position']}"
    node = graph.get(node_id)
    checks: list[tuple[str, str | None, tuple[str | None, ...]]] = [
        ("node_id", entry["node_id"], (node_id, None)),
        (
            "result_path",
            entry["result_path"],
            (f"results/nodes/{node_id}.jsonl", f"results/nodes/{node_id}.json", None),
        ),
    ]
    if node is not None and node["metric_id"] is not None:
        checks.append(("metric_id", entry["metric_id"], (node["metric_id"],)))
    if graph and node is None:
        yield INDEX_ENTRY_DIFFERS.finding(
            "the graph has no such node",
            file=RESULTS_INDEX,
            json_path=f"{path}/canonical_node_id",
            actual=node_id,
        )
    for field, written, allowed in checks:
        if written not in allowed:
            yield INDEX_ENTRY_DIFFERS.finding(
                f"{field} does not fit node {node_id}",
                file=RESULTS_INDEX,
                json_path=f"{path}/{field}",
                expected=allowed[0],
                actual=written,
            )
    yield from _check_window(entry, node)


def _check_window(entry: Row, node: Row | None) -> Iterator[Finding]:
    path = f"/nodes/{entry['position']}/summary/temporal_context"
    window = value_at(json.loads(entry["summary"]), "temporal_context")
    grain = node["time_grain"] if node is not None else None
    temporal = entry["canonical_node_id"].rsplit("__", 1)[-1] != AGGREGATE if grain is None else None
    if temporal is None:
        temporal = grain != AGGREGATE
    if (window is not None) != temporal:
        yield TEMPORAL_CONTEXT.finding(
            "a temporal node has no temporal context"
            if temporal
            else "an aggregate node has a temporal context",
            file=RESULTS_INDEX,
            json_path=path,
            entity=entry["canonical_node_id"],
        )
    if window is None or not temporal:
        return
    written = text_at(window, "time_grain")
    if grain is not None and written != grain:
        yield TEMPORAL_CONTEXT.finding(
            "the time grain is not that of the node",
            file=RESULTS_INDEX,
            json_path=f"{path}/time_grain",
            expected=grain,
            actual=written,
        )
    months = _months(text_at(window, "start_period"), text_at(window, "end_period"))
    count = number_at(window, "period_count")
    monthly = written is None or written.lower().endswith("month")
    if monthly and count is not None and months != count:
        yield TEMPORAL_CONTEXT.finding(
            "period_count is not the number of months from start_period to end_period",
            file=RESULTS_INDEX,
            json_path=f"{path}/period_count",
            expected="a window of months" if months is None else str(months),
            actual=f"{count:g}",
        )


def _months(start: str | None, end: str | None) -> int | None:
    """Months from ``start`` to ``end`` (YYYYMM), both included; None where they are no months."""
    numbers = []
    for period in (start, end):
        if period is None or len(period) != len("YYYYMM") or not period.isdecimal():
            return None
        year, month = int(period[:4]), int(period[4:])
        if not 1 <= month <= MONTHS_A_YEAR:
            return None
        numbers.append(year * MONTHS_A_YEAR + month)
    return numbers[1] - numbers[0] + 1


def _check_header(
    data: RunData, header: Row, entries: dict[str, Row], graph: dict[str, Row]
) -> Iterator[Finding]:
    file, node_id = header["source_file"], header["canonical_node_id"]
    stem = PurePosixPath(file).stem
    count, lines = header["entity_results_count"], header["entity_lines"]
    if count is not None and count != lines:
        yield ENTITY_COUNT_DIFFERS.finding(
            f"the header announces {count} entities, {lines} follow",
            file=file,
            line=1,
            json_path="/entity_results_count",
            expected=str(lines),
            actual=str(count),
        )
    if stem != node_id:
        yield HEADER_DIFFERS.finding(
            "the file is not named after the node of its header",
            file=file,
            line=1,
            json_path="/canonical_node_id",
            expected=stem,
            actual=node_id,
        )
        return
    entry = entries.get(node_id)
    if entry is None:
        return
    for field in ("metric_id",) if is_legacy(file) else ("metric_id", "dataset_path", "summary"):
        if header[field] != entry[field] and None not in (header[field], entry[field]):
            yield HEADER_DIFFERS.finding(
                f"{field} is not that of the results index",
                file=file,
                line=1,
                json_path=f"/{field}",
                expected=entry[field],
                actual=header[field],
            )


def _check_methods(data: RunData, entries: dict[str, Row]) -> Iterator[Finding]:
    sources: dict[str, list[tuple[Row, str]]] = {}
    for entry in entries.values():
        path = f"/nodes/{entry['position']}/statistical_methods"
        sources.setdefault(entry["canonical_node_id"], []).append((entry, path))
    for name, path in (
        ("node_definitions", "/multi_method_contract/methods"),
        ("node_headers", "/statistical_methods"),
    ):
        for row in data.auxiliary[name].to_dicts():
            sources.setdefault(row["canonical_node_id"], []).append((row, path))
    for rows in sources.values():
        yield from _compare_methods(rows)


def _compare_methods(rows: list[tuple[Row, str]]) -> Iterator[Finding]:
    """What most documents of a node list is expected of all; legacy ones may list short ids, or nothing."""
    legacy = any(is_legacy(row["source_file"]) for row, _ in rows)
    listed = [_listed_methods(row, short=legacy) for row, _ in rows]
    known = [methods for methods in listed if methods]
    usual = max(known, key=known.count, default=())
    for (row, path), methods in zip(rows, listed, strict=True):
        if methods != usual and (methods or not is_legacy(row["source_file"])):
            yield METHODS_DIFFER.finding(
                "the methods are not those of the node's other documents",
                file=row["source_file"],
                line=row["line_number"],
                json_path=path,
                expected=", ".join(usual),
                actual=", ".join(methods) or "none",
            )


def _listed_methods(row: Row, *, short: bool) -> tuple[str, ...]:
    ids: list[str] = json.loads(row["statistical_methods"])
    return tuple(map(method_name, ids)) if short else tuple(ids)


def _check_edges(data: RunData, headers: list[Row]) -> Iterator[Finding]:
    if data.auxiliary["graph_nodes"].is_empty():
        return
    children: dict[str, set[tuple[str, str]]] = {}
    parents: dict[str, set[tuple[str, str]]] = {}
    for edge in data.frames["raw_node_edges"].to_dicts():
        source, target, kind = edge["source_node_id"], edge["target_node_id"], edge["edge_type"]
        children.setdefault(source, set()).add((target, kind))
        parents.setdefault(target, set()).add((source, kind))
    for header in headers:
        node_id = header["canonical_node_id"]
        for field, path, edges in (
            ("children", "/canonical_child_node_ids", children),
            ("parents", "/canonical_parent_node_ids", parents),
        ):
            written = {(node, kind) for node, kind in json.loads(header[field])}
            expected = edges.get(node_id, set())
            absent = not written and is_legacy(header["source_file"])
            if written != expected and not absent:
                different = sorted(written ^ expected)[0]
                yield HEADER_EDGES_DIFFER.finding(
                    f"the {field} of the header are not those of the graph: "
                    f"{different[0]} ({different[1]}) is only in "
                    + ("the header" if different in written else "the graph"),
                    file=header["source_file"],
                    line=1,
                    json_path=path,
                    expected=str(len(expected)),
                    actual=str(len(written)),
                )
