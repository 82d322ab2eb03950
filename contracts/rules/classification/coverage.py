"""QC701, QC702, QC705: the same entities in results, classifications and their summary."""

from __future__ import annotations

import polars as pl

from contracts.derived import AGGREGATE_GRAIN, derived, entities, nodes
from contracts.findings import Finding, Severity
from contracts.rules.classification.indicators import wrong_labels
from contracts.rules.classification.inputs import foreign_inputs, odd_inputs
from contracts.rules.classification.rows import CLASSIFICATIONS, MANIFEST, SUMMARY, VALUES, classified
from contracts.rules.classification.severities import wrong_calculations, wrong_severities
from contracts.rules.classification.verdicts import wrong_types
from contracts.rules.documents.timestamps import instants
from contracts.rules.folding import Row, fold
from contracts.rules.rule import Rule
from contracts.rules.statistics.comparison import TOLERANCE
from contracts.run_data import RunData

ENTITIES_DIFFER = Rule(
    "QC701",
    "classified-entities-differ",
    Severity.ERROR,
    "Classified entities are not those of the aggregate nodes",
    "An entity without a classification has no signal; a signal without an entity has no statistics",
    "Classify the run again, or copy results and classification from one export",
)
SUMMARY_DIFFERS = Rule(
    "QC702",
    "summary-differs",
    Severity.ERROR,
    "classification_summary.csv and classifications.jsonl do not say the same",
    "People who open the summary would see other signals than the dashboard",
    "Copy both files from one classification",
)
ORDER = Rule(
    "QC705",
    "summary-order",
    Severity.NOTE,
    "Rows of classification_summary.csv are not sorted by node, facility and dimension",
    "Summaries of two runs are harder to compare; nothing is wrong with the rows",
    "Sort the rows",
)

RULES = (ENTITIES_DIFFER, SUMMARY_DIFFERS, ORDER)

PLACED = ("canonical_node_id", "facility_id", "entity_dimensions_hash")
"""What tells entities apart: a metric that is wrong is told of the same entity."""
_ROW = (*PLACED, "metric_id", "entity_dimensions", "source_file", "line_number")
_VALUE_OF_DIMENSION = r': "(?:[^"\\]|\\.)*"'


@derived
def unmatched(data: RunData) -> pl.DataFrame:
    """Entities that only the aggregate node or only the classification has, and what is said of them.

    A node file that lacks lines, and a classification that does, are reported as such. Where the
    run was classified in part, entities without a classification are as they should be.
    """
    rows = _every_row(data)
    graph = data.auxiliary["graph_nodes"].select(
        "canonical_node_id",
        # A grain that does not fit the id is reported with the graph.
        temporal=(pl.col("time_grain") != AGGREGATE_GRAIN)
        & ~pl.col("canonical_node_id").str.ends_with(f"__{AGGREGATE_GRAIN}"),
        drawn=pl.lit(True),
    )
    own = rows.join(graph, on="canonical_node_id", how="left", maintain_order="left")
    whole = pl.col("canonical_node_id").is_in(whole_nodes(data)["canonical_node_id"].implode())
    results = entities(data).select(*_ROW, "temporal").filter(whole)
    foreign = own.filter(whole).join(results, on=PLACED, how="anti", maintain_order="left")
    # Where graph and index differ, which is reported there, either may be right.
    metrics = pl.concat(
        data.auxiliary[name].select("canonical_node_id", "metric_id")
        for name in ("graph_nodes", "index_nodes")
    )
    other_metric = own.join(metrics, on=["canonical_node_id", "metric_id"], how="anti", maintain_order="left")
    problems = [
        (own.filter(pl.col("drawn").is_null()), "the graph has no such node"),
        (own.filter("temporal"), "the node is not an aggregate node"),
        (other_metric, "the node has another metric"),
        (foreign, "the node has no such entity"),
    ]
    if graph.is_empty():
        problems = problems[-1:]
    if CLASSIFICATIONS in data.files and not rows.is_empty() and _unrestricted(data):
        known = results if graph.is_empty() else results.join(graph, on="canonical_node_id", how="semi")
        missing = known.filter(~pl.col("temporal")).join(rows, on=PLACED, how="anti", maintain_order="left")
        problems.append((missing, "the entity is not classified"))
    found = [frame.select(*_ROW, problem=pl.lit(problem)) for frame, problem in problems]
    return pl.concat(found).unique(PLACED, keep="first", maintain_order=True)


def _every_row(data: RunData) -> pl.DataFrame:
    """Lines of the classification, or rows of the summary where the run lacks that file."""
    lines = data.frames["raw_classifications"]
    frame = lines if CLASSIFICATIONS in data.files else data.auxiliary["classification_summary"]
    return frame.select(_ROW).unique(PLACED, keep="first", maintain_order=True)


@derived
def whole_nodes(data: RunData) -> pl.DataFrame:
    """Ids of nodes of which every entity was read, and has the same dimensions as the others."""
    dimensions = entities(data).select("canonical_node_id", "entity_dimensions").unique()
    names = pl.col("entity_dimensions").str.replace_all(_VALUE_OF_DIMENSION, "")
    alike = dimensions.group_by("canonical_node_id").agg(kinds=names.n_unique()).filter(pl.col("kinds") == 1)
    whole = nodes(data).filter("complete").join(alike, on="canonical_node_id", how="semi")
    return whole.select("canonical_node_id")


def _unrestricted(data: RunData) -> bool:
    """Whether every line was read, and the classification was asked for all nodes."""
    return CLASSIFICATIONS not in data.broken_files and data.document(MANIFEST).get("node_filter") is None


def check_entities(data: RunData) -> list[Finding]:
    """Entities of aggregate nodes against those that are classified."""
    rows = unmatched(data)
    return fold(ENTITIES_DIFFER, rows, lambda row: row["problem"], json_path=_entity_path)


def _entity_path(row: Row) -> str:
    return {CLASSIFICATIONS: "/entity_key", SUMMARY: "/node_id"}.get(row["source_file"], "/entity")


def check_summary(data: RunData) -> list[Finding]:
    """Rows of the summary against the lines they sum up; what is found wrong in a line is left out."""
    lines = data.frames["raw_classifications"]
    summary = data.auxiliary["classification_summary"]
    if lines.is_empty() or (summary.is_empty() and not _is_read(data, SUMMARY)):
        return []
    repeated = summary.filter(~pl.struct(PLACED).is_first_distinct())
    found = fold(SUMMARY_DIFFERS, repeated, "the row repeats an entity", json_path="/node_id")
    known = unmatched(data)
    for rows, others, file, message in (
        (summary, lines, CLASSIFICATIONS, "the entity has no line in classifications.jsonl"),
        (lines, summary, SUMMARY, "the entity has no row in classification_summary.csv"),
    ):
        if file not in data.broken_files:
            lonely = rows.join(others, on=PLACED, how="anti").join(known, on=PLACED, how="anti")
            found += fold(SUMMARY_DIFFERS, lonely, message, json_path=_entity_path)
    return found + _values(data, summary) + _times(lines, summary)


def _is_read(data: RunData, file: str) -> bool:
    """Whether the run has the file, and nothing was wrong with it: it says all that it holds."""
    return file in data.files and all(finding.file != file for finding in data.findings)


def _values(data: RunData, summary: pl.DataFrame) -> list[Finding]:
    doubted = pl.concat(
        [
            frame(data).filter(~pl.col("lenient")).select("row", "column")
            for frame in (
                foreign_inputs,
                odd_inputs,
                wrong_labels,
                wrong_types,
                wrong_severities,
                wrong_calculations,
            )
        ]
    )
    both = summary.join(
        classified(data).select("row", *PLACED, *VALUES), on=PLACED, suffix="_line", maintain_order="left"
    ).join(unmatched(data), on=PLACED, how="anti", maintain_order="left")
    found: list[Finding] = []
    for column in VALUES:
        written, line = pl.col(column), pl.col(f"{column}_line")
        differs = written.ne_missing(line)
        if both.schema[column].is_float():
            differs &= ((written - line).abs() > TOLERANCE).fill_null(True)
        rows = both.filter(differs).join(
            doubted.filter(pl.col("column") == column), on="row", how="anti", maintain_order="left"
        )
        found += fold(
            SUMMARY_DIFFERS,
            rows,
            f"{column} is not that of classifications.jsonl",
            json_path=f"/{column}",
            expected=lambda row, column=column: str(row[f"{column}_line"]),  # type: ignore[misc]
            actual=lambda row, column=column: str(row[column]),  # type: ignore[misc]
        )
    return found


def _times(lines: pl.DataFrame, summary: pl.DataFrame) -> list[Finding]:
    """Rows and lines of an entity that say that it was classified at two times, however they spell them."""
    name = "classified_at"
    written = lines.select(*PLACED, name).unique(PLACED, keep="first")
    both = summary.join(written, on=PLACED, suffix="_line", maintain_order="left")
    other = both.filter(pl.col(name) != pl.col(f"{name}_line"))
    # Whatever is no time in the summary is told with the other times of the run.
    row, line = instants(other[name]), instants(other[f"{name}_line"])
    return fold(
        SUMMARY_DIFFERS,
        other.filter((row != line).fill_null(True) & row.is_not_null()),
        "timestamp is not that of classifications.jsonl",
        json_path="/timestamp",
        expected=lambda row: row[f"{name}_line"],
        actual=lambda row: row[name],
        severity=Severity.WARNING,
    )


def check_order(data: RunData) -> list[Finding]:
    """Rows of the summary in order of node, facility and, where there is one alone, dimension."""
    rows = data.auxiliary["classification_summary"]
    key = pl.concat_str("canonical_node_id", "facility_id", separator="\x01")
    alone = pl.col("entity_dimensions").str.count_matches(_VALUE_OF_DIMENSION) == 1
    value = pl.when(alone).then(pl.col("entity_dimensions").str.json_path_match("$.*"))
    late = rows.filter((key < key.shift(1)) | ((key == key.shift(1)) & (value < value.shift(1))))
    return fold(ORDER, late, "the row sorts before the one above it", json_path="/node_id")


CHECKS = (check_entities, check_summary, check_order)
