"""Columns that several raw tables share."""

from __future__ import annotations

from contracts.columns import Column, integer, key

RUN: tuple[Column, ...] = (
    key("run_key", "`<graph_name>/<run_id>`: identifies the run in every table"),
    key("run_id", "Run directory name, 14 digits of the engine's local wall clock"),
)

ORIGIN: tuple[Column, ...] = (
    key("source_file", "Artifact the row was read from, relative to the run directory"),
    integer(
        "line_number",
        "Line in that file, from 1; null where the file is one JSON document",
        minimum=1,
    ),
)

ENTITY_KEY = key(
    "entity_key",
    "md5 over graph, metric, node, facility and dimensions hash: the entity across tables and runs",
)
NODE = key("canonical_node_id", "Node of the insight graph")
METRIC = key("metric_id", "Metric")
FACILITY = key("facility_id", "Medicare id of the facility, leading zeros kept")
DIMENSIONS_HASH = key(
    "entity_dimensions_hash", "md5 of the canonical text of the entity's non-facility dimensions"
)
STATISTICAL_METHOD = key("statistical_method", "Full method id, `statistical_method__<name>__<scope>`")
