"""QC533, QC537-QC541: what every entity of a node repeats of the node's definition."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import polars as pl

from contracts.derived import by_nodes
from contracts.findings import Finding, Severity
from contracts.names import by_entity_file, is_legacy, method_name, of_legacy
from contracts.rules.folding import fold
from contracts.rules.references.results import METHODS_DIFFER
from contracts.rules.rule import Rule
from contracts.run_data import RunData

DIMENSIONS_DIFFER = Rule(
    "QC537",
    "entity-dimensions-differ",
    Severity.ERROR,
    "The dimensions of an entity are not those of its node, in order",
    "The entity would be grouped under another label, or match no classification",
    "Write medicareId first, then the node's dimensions, each with its dataset field",
)
ENTITY_ORDER = Rule(
    "QC538",
    "entity-order",
    Severity.NOTE,
    "Entities of a node file are not sorted",
    "Files of two runs are harder to compare; nothing is wrong with the rows",
    "Sort entity lines by facility, then by dimension values",
)
ENTITY_METRIC = Rule(
    "QC539",
    "entity-metric-differs",
    Severity.ERROR,
    "The metric of an entity is not the metric of its node",
    "The entity's signal would have another id than its classification",
    "Write the node's metric into every entity",
)
RULES_DIFFER = Rule(
    "QC540",
    "anomaly-rules-differ",
    Severity.ERROR,
    "Anomaly profiles and rules of an entity are not those of the node's definition, in order",
    "Anomaly labels would be missing, or come from other thresholds",
    "Compute the node again with the current definition",
)
RUNTIME_NOT_CLEAN = Rule(
    "QC541",
    "runtime-not-clean",
    Severity.WARNING,
    "The engine reports a problem or an issue with a method that it did not suppress",
    "The statistics may not mean what their names say",
    "Read the issues in the method's runtime",
)

RULES = (DIMENSIONS_DIFFER, ENTITY_ORDER, ENTITY_METRIC, RULES_DIFFER, RUNTIME_NOT_CLEAN)

_KEY = ["source_file", "line_number", "entity_key"]
_ITEMS = pl.List(pl.Struct({"id": pl.String, "value": pl.String, "dataset_field": pl.String}))


def check_entities(data: RunData) -> list[Finding]:
    """Dimensions, order and metric of entities."""
    entities = data.frames["raw_entity_results"]
    if entities.is_empty():
        return []
    items = _items(entities)
    return [*_dimensions(data, entities, items), *_order(entities, items), *_metrics(data, entities)]


def _items(entities: pl.DataFrame) -> pl.DataFrame:
    """What each ``entity`` says: ``ids``, ``fields`` and ``values`` of its items, joined.

    The same few are entities of every node: each is decoded once.
    """
    items = entities.select(pl.col("entity").unique()).with_columns(
        items=pl.col("entity").str.json_decode(_ITEMS)
    )
    field = pl.element().struct.field
    return items.select(
        "entity",
        ids=_joined(pl.col("items").list.eval(field("id"))),
        fields=_joined(pl.col("items").list.eval(pl.coalesce(field("dataset_field"), field("id")))),
        values=pl.col("items").list.eval(field("value")).list.join("\x01"),
    )


def _dimensions(data: RunData, entities: pl.DataFrame, items: pl.DataFrame) -> list[Finding]:
    nodes = pl.concat(
        [
            data.auxiliary[name].select("canonical_node_id", "dimensions")
            for name in ("graph_nodes", "node_definitions")
        ]
    ).unique("canonical_node_id", keep="first", maintain_order=True)
    nodes = nodes.filter(pl.col("dimensions") != "[]")
    wanted = nodes.select(
        "canonical_node_id", wanted=_joined(pl.col("dimensions").str.json_decode(pl.List(pl.String)))
    )
    named = (
        entities.select(*_KEY, "canonical_node_id", "facility_id", "entity_dimensions", "entity")
        .join(wanted, on="canonical_node_id", maintain_order="left")
        .join(items, on="entity", maintain_order="left")
    )
    wrong = (pl.col("ids") != pl.col("wanted")) | (pl.col("fields") != pl.col("wanted"))
    return fold(
        DIMENSIONS_DIFFER,
        named.filter(wrong & ~of_legacy()),
        "the entity does not have the dimensions of its node",
        json_path="/entity",
        expected=lambda row: row["wanted"],
        actual=lambda row: row["ids"] if row["ids"] != row["wanted"] else row["fields"],
    )


def _joined(texts: pl.Expr) -> pl.Expr:
    return texts.list.join(", ")


def _order(entities: pl.DataFrame, items: pl.DataFrame) -> list[Finding]:
    values = (
        entities.select(*_KEY, "facility_id", "entity_dimensions", "entity")
        .filter(pl.col("line_number").is_not_null())
        .join(items.select("entity", "values"), on="entity")
        .sort("source_file", "line_number")
        .with_columns(before=pl.col("values").shift(1).over("source_file"))
    )
    late = values.filter(pl.col("values") < pl.col("before"))
    return fold(ENTITY_ORDER, late, "the entity sorts before the one above it", json_path="/entity")


def _metrics(data: RunData, entities: pl.DataFrame) -> list[Finding]:
    headers = by_entity_file(data.auxiliary["node_headers"]).select(
        "canonical_node_id", "source_file", node_metric="metric_id"
    )
    named = entities.select(*_KEY, "canonical_node_id", "facility_id", "entity_dimensions", "metric_id")
    rows = named.join(headers, on=["canonical_node_id", "source_file"])
    return fold(
        ENTITY_METRIC,
        rows.filter(pl.col("metric_id") != pl.col("node_metric")),
        "the entity has another metric than the header of its file",
        json_path="/metric/0/metadata/metric_id",
        expected=lambda row: row["node_metric"],
        actual=lambda row: row["metric_id"],
    )


def check_method_lists(data: RunData) -> list[Finding]:
    """Statistical methods and anomaly rules that entities list, in order."""
    entities = data.frames["raw_entity_results"]
    methods, anomalies = data.frames["raw_statistical_methods"], data.frames["raw_anomalies"]
    method = pl.when(of_legacy()).then("method_name").otherwise("statistical_method")
    found = fold(
        METHODS_DIFFER,
        _differing(entities, methods, method, _wanted(data, "node_headers", _method_ids)),
        "the entity's methods are not those of its header",
        json_path="/statistical_methods",
        expected=lambda row: ", ".join(row["wanted"]),
        actual=lambda row: ", ".join(row["listed"]) or "none",
    )
    rule = pl.concat_str(
        "statistical_method", pl.col("anomaly_profile").fill_null(""), "anomaly_method", separator=" "
    )
    wrong_methods = {finding.file for finding in found}
    elsewhere = ~pl.col("source_file").is_in(sorted(name for name in wrong_methods if name))
    defined = _wanted(
        data,
        "node_definitions",
        lambda row: [
            f"{method} {profile or ''} {name}"
            for method, profile, names in json.loads(row["anomaly_rules"])
            for name in names
        ],
    )
    differing = _differing(entities, anomalies, rule, defined).filter(elsewhere & ~of_legacy())
    return found + fold(
        RULES_DIFFER,
        _unless_suppressed(differing, methods),
        "the entity's anomaly rules are not those of the node's definition",
        json_path="/statistical_methods",
        expected=lambda row: _first_difference(row["wanted"], row["listed"]),
        actual=lambda row: _first_difference(row["listed"], row["wanted"]),
    )


def _method_ids(header: dict[str, Any]) -> list[str]:
    """Methods of a header; those of legacy entities are compared by name, for ids may be shortened."""
    ids: list[str] = json.loads(header["statistical_methods"])
    return list(map(method_name, ids)) if is_legacy(header["source_file"]) else ids


def _wanted(data: RunData, name: str, read: Callable[[dict[str, Any]], list[str]]) -> pl.DataFrame:
    rows = [(row["canonical_node_id"], read(row)) for row in data.auxiliary[name].to_dicts()]
    schema: dict[str, Any] = {"canonical_node_id": pl.String, "wanted": pl.List(pl.String)}
    frame = pl.DataFrame([row for row in rows if row[1]], schema=schema, orient="row")
    return frame.unique("canonical_node_id", keep="first", maintain_order=True)


def _differing(
    entities: pl.DataFrame, rows: pl.DataFrame, listed: pl.Expr, wanted: pl.DataFrame
) -> pl.DataFrame:
    """Entities whose ``rows`` do not have, ``listed``, what is ``wanted`` of their node."""
    separator = "\x01"
    different = pl.col("listed").list.join(separator) != pl.col("wanted").list.join(separator)
    found, with_rows = [], 0
    for part in by_nodes(rows):
        lists = part.group_by("canonical_node_id", *_KEY, maintain_order=True).agg(listed.alias("listed"))
        with_rows += lists.height
        found.append(lists.join(wanted, on="canonical_node_id").filter(different))
    if with_rows < entities.height:
        found.append(_without_rows(entities, rows, wanted).select(found[0].columns))
    return pl.concat(found)


def _without_rows(entities: pl.DataFrame, rows: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Entities that have nothing of what is ``wanted``; legacy ones may lack it."""
    nothing = pl.lit([], dtype=pl.List(pl.String)).alias("listed")
    return (
        entities.filter(~of_legacy())
        .select("canonical_node_id", *_KEY)
        .join(rows.select(_KEY).unique(), on=_KEY, how="anti", nulls_equal=True)
        .join(wanted, on="canonical_node_id")
        .with_columns(nothing)
    )


def _unless_suppressed(differing: pl.DataFrame, methods: pl.DataFrame) -> pl.DataFrame:
    """``differing`` entities but those without any rule whose methods are all suppressed."""
    silent = pl.col("listed").list.len() == 0
    if differing.filter(silent).is_empty():
        return differing
    scored = methods.filter(~pl.col("suppressed")).select(_KEY).unique().with_columns(scored=True)
    return differing.join(scored, on=_KEY, how="left", nulls_equal=True, maintain_order="left").filter(
        ~silent | pl.col("scored").is_not_null()
    )


def _first_difference(texts: list[str], others: list[str]) -> str:
    for position, text in enumerate(texts):
        if position >= len(others) or text != others[position]:
            return text.strip()
    return "nothing more"


def check_runtime(data: RunData) -> list[Finding]:
    """Status and issues that the engine reports of methods it computed."""
    methods = data.frames["raw_statistical_methods"]
    # The same few are reported of all methods.
    reports = methods.select("runtime_status", "runtime").unique().with_columns(reported=_reported())
    unclean = reports.filter(pl.col("reported").is_not_null())
    if unclean.is_empty():
        return []
    return fold(
        RUNTIME_NOT_CLEAN,
        methods.filter(~pl.col("suppressed")).join(
            unclean, on=["runtime_status", "runtime"], nulls_equal=True, maintain_order="left"
        ),
        lambda row: f"the engine reports {row['reported']} for {row['method_name']}",
        json_path="/statistical_methods",
        actual=lambda row: row["reported"],
    )


def _reported() -> pl.Expr:
    """The worst that an engine reports of a method, in its words; null where all is well."""
    report = pl.col("runtime").str
    words = (pl.col("runtime_status"), report.json_path_match("$.summary.highest_severity"))
    has_issues = report.json_path_match("$.summary.has_issues") == "true"
    listed = report.json_path_match("$.issues[0]").is_not_null()
    return pl.coalesce(
        *(pl.when(word != "ok").then(word) for word in words),
        pl.when(has_issues | listed).then(pl.lit("issues")),
    )


CHECKS = (check_entities, check_method_lists, check_runtime)
